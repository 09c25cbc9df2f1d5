//! The imports called as a guest calls them, without a guest.

use std::sync::Arc;

use super::bindings::dms::task_state::current_task::Host as CurrentTaskHost;
use super::bindings::dms::task_state::repository::{Host as RepositoryHost, Precondition, Scope, TaskDraft};
use super::bindings::dms::task_state::types::{Error, Priority, TaskResult, TaskStatus};
use super::*;
use crate::record::{SystemClock, TaskId, TimeZone};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Access, Owners, SharedStore};

fn store() -> SharedStore {
    let clock = Arc::new(SystemClock::new(TimeZone::utc()));
    Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock).unwrap())
}

fn context() -> TaskStateCtx {
    let grants = Grants::for_services(["analytics"]).allow(Operation::List).allow(Operation::Delete);
    TaskStateCtx::new(store(), grants)
}

fn draft(task_id: Option<&str>) -> TaskDraft {
    TaskDraft {
        task_id: task_id.map(str::to_owned),
        service: "analytics".to_owned(),
        user_id: "alice".to_owned(),
        status: TaskStatus::Pending,
        parameters: "{}".to_owned(),
        active_jobs: vec![],
        created_at: None,
        logs: vec![],
        result: TaskResult { pod_status: None, launcher_output: None },
        priority: Priority::High,
    }
}

fn invalid<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::InvalidArgument(text)) => text,
        other => panic!("not an invalid argument: {other:?}"),
    }
}

#[tokio::test]
async fn a_task_goes_through_its_life() {
    let mut context = context();
    let id = context.save(draft(None), Precondition::Absent).await.unwrap();
    assert_eq!(id, "1");
    let status =
        RepositoryHost::set_status(&mut context, id.clone(), TaskStatus::Running, Some("begun".to_owned())).await;
    assert_eq!(status.unwrap(), TaskStatus::Running);
    context.append_logs(id.clone(), vec!["one".to_owned(), "two".to_owned()]).await.unwrap();
    let result = TaskResult { pod_status: Some("up".to_owned()), launcher_output: None };
    RepositoryHost::update_result(&mut context, id.clone(), result).await.unwrap();
    RepositoryHost::set_active_jobs(&mut context, id.clone(), vec!["job".to_owned()]).await.unwrap();

    let task = RepositoryHost::get(&mut context, id.clone()).await.unwrap();
    assert_eq!(
        (task.status, task.priority, task.active_jobs),
        (TaskStatus::Running, Priority::High, vec!["job".to_owned()])
    );
    let messages: Vec<&str> = task.logs.iter().filter_map(|entry| Some(entry.split_once(',')?.1)).collect();
    assert_eq!(messages, ["begun", "one", "two"]);
    assert_eq!(task.result.pod_status.as_deref(), Some("up"));

    let page = context.list_tasks(Scope::User("alice".to_owned()), 1_000, None).await.unwrap();
    assert_eq!((page.tasks.len(), page.next), (1, None));
    assert_eq!(context.list_users("analytics".to_owned()).await.unwrap(), ["alice"]);
    assert!(context.delete(id.clone()).await.unwrap());
    assert!(matches!(RepositoryHost::get(&mut context, id).await, Err(Error::NotFound)));
    assert_eq!(context.peek_next_task_id().await.unwrap(), "2");
    assert_eq!(context.next_task_id().await.unwrap(), "2");
}

#[tokio::test]
async fn an_argument_that_the_store_cannot_hold_is_named() {
    let mut context = context();
    let with = |change: fn(&mut TaskDraft)| {
        let mut draft = draft(Some("1"));
        change(&mut draft);
        draft
    };
    for (draft, named) in [
        (with(|draft| draft.task_id = Some("a:b".to_owned())), "invalid task id \"a:b\""),
        (with(|draft| draft.parameters = "[]".to_owned()), "invalid parameters \"[]\""),
        (with(|draft| draft.created_at = Some("2025-11-17T10:00:16".to_owned())), "it has no offset"),
        (with(|draft| draft.user_id = String::new()), "invalid user id \"\""),
    ] {
        let text = invalid(context.save(draft, Precondition::None).await);
        assert!(text.contains(named), "{text}");
    }
    let since = Precondition::UnchangedSince("yesterday".to_owned());
    assert!(invalid(context.save(draft(Some("1")), since).await).contains("invalid timestamp \"yesterday\""));
    for limit in [0, 1_001] {
        assert!(invalid(context.list_tasks(Scope::All, limit, None).await).contains(&limit.to_string()));
    }
    assert!(matches!(RepositoryHost::get(&mut context, "1".to_owned()).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_save_heeds_its_precondition() {
    let mut context = context();
    context.save(draft(Some("1")), Precondition::Absent).await.unwrap();
    assert!(matches!(context.save(draft(Some("1")), Precondition::Absent).await, Err(Error::Conflict)));
    let seen = RepositoryHost::get(&mut context, "1".to_owned()).await.unwrap().updated_at;
    context.save(draft(Some("1")), Precondition::UnchangedSince(seen.clone())).await.unwrap();
    assert!(matches!(context.save(draft(Some("1")), Precondition::UnchangedSince(seen)).await, Err(Error::Conflict)));
}

#[tokio::test]
async fn a_refused_move_tells_the_status_that_the_task_is_in() {
    let mut context = context();
    let mut done = draft(Some("1"));
    done.status = TaskStatus::Completed;
    context.save(done, Precondition::None).await.unwrap();
    let answer = RepositoryHost::set_status(&mut context, "1".to_owned(), TaskStatus::Running, None).await;
    assert!(matches!(answer, Err(Error::InvalidTransition(TaskStatus::Completed))), "{answer:?}");
}

#[tokio::test]
async fn without_a_host_every_word_on_the_current_task_is_written_at_once() {
    let mut context = context();
    context.save(draft(Some("1")), Precondition::None).await.unwrap();
    let id = TaskId::new("1").unwrap();
    let mut context = context.with_task(id.clone(), Access::of(Owners::only("analytics", "alice")));
    let status = CurrentTaskHost::set_status(&mut context, TaskStatus::Running, None).await;
    assert_eq!(status.unwrap(), TaskStatus::Running);
    assert_eq!(context.log("held back by nobody".to_owned()).await.unwrap(), TaskStatus::Running);
    let stored = context.store.get(&id, &Access::ANY).await.unwrap();
    assert!(stored.logs()[0].ends_with(",held back by nobody"));

    assert!(!context.cancel_requested().await);
    let asked = RepositoryHost::set_status(&mut context, "1".to_owned(), TaskStatus::CancelRequested, None).await;
    assert_eq!(asked.unwrap(), TaskStatus::CancelRequested);
    assert_eq!(context.flush().await.unwrap(), TaskStatus::CancelRequested);
    assert!(context.cancel_requested().await);
}

#[tokio::test]
async fn a_guest_that_works_on_no_task_is_told_so() {
    let mut context = context();
    assert!(matches!(CurrentTaskHost::get(&mut context).await, Err(Error::NotFound)));
    assert!(matches!(context.log("x".to_owned()).await, Err(Error::NotFound)));
    assert!(!context.cancel_requested().await);
}

#[tokio::test]
async fn the_current_task_of_another_owner_cannot_be_reached() {
    let mut context = context();
    context.save(draft(Some("1")), Precondition::None).await.unwrap();
    let theirs = Access::of(Owners::only("sync", "bob"));
    let mut context = context.with_task(TaskId::new("1").unwrap(), theirs);
    assert!(matches!(context.log("x".to_owned()).await, Err(Error::Denied(_))));
}
