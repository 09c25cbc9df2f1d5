//! What comes back into a record that was replaced by an older one.

use task_state_host::record::Restoration;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    entries_and_an_end_that_are_gone_come_back,
    what_a_restoration_comes_with_is_made_too,
    a_record_that_lacks_nothing_keeps_its_text,
    another_task_under_the_id_is_left_alone,
    what_is_gone_stays_gone,
    a_mark_is_another_after_every_write,
}

fn log(messages: &[&str]) -> Vec<String> {
    messages.iter().map(|message| format!("t,{message}")).collect()
}

/// Registers a task with entries, at the time at which another with its id was.
async fn registered(store: &SharedStore, like: Option<&TaskRecord>, messages: &[&str], status: Status) -> TaskRecord {
    let mut draft = logged_draft("1", messages);
    draft.status = status;
    draft.created_at = like.map(|record| record.created_at().clone());
    let id = save(store, draft).await;
    get(store, &id).await
}

fn restoration(of: &TaskRecord, messages: &[&str], end: Option<Status>) -> Change {
    Change::restoration(Restoration::new(of.created_at().clone(), log(messages), end))
}

async fn entries_and_an_end_that_are_gone_come_back<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = task_id("1");
    let first = registered(&store, None, &["a", "b", "c", "d"], Status::Completed).await;
    let older = registered(&store, Some(&first), &["a", "x", "d"], Status::Running).await;
    let change = restoration(&first, &["a", "b", "c", "d"], Some(Status::Completed));
    assert_eq!(store.change(&id, change, &owner("analytics", "alice")).await.unwrap(), Status::Completed);
    let task = get(&store, &id).await;
    assert_eq!((task.status(), task.logs()), (Status::Completed, log(&["a", "b", "c", "x", "d"])));
    assert!(task.updated_at() > older.updated_at());
    // What comes later is behind it, and the record is in the usual shape.
    store.change(&id, Change::logs(["later"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["a", "b", "c", "x", "d", "later"]);
    let other = restoration(&first, &[], Some(Status::Failed));
    assert!(matches!(store.change(&id, other, &owner("sync", "alice")).await, Err(Error::Denied(_))));
    assert_eq!(store.check(false).await.unwrap().found(), 0);
}

async fn what_a_restoration_comes_with_is_made_too<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let first = registered(&store, None, &["a"], Status::Running).await;
    let mut change = restoration(&first, &["a", "b"], None).log("later");
    change.active_jobs = Some(vec!["job".to_owned()]);
    change.result.pod_status = Some("up".to_owned());
    store.change(&task_id("1"), change, &Access::ANY).await.unwrap();
    let task = get(&store, &task_id("1")).await;
    assert_eq!(
        (messages(&task), task.active_jobs()),
        (["a", "b", "later"].map(str::to_owned).to_vec(), vec!["job".to_owned()])
    );
    assert_eq!(task.result().pod_status.as_deref(), Some("up"));
}

async fn a_record_that_lacks_nothing_keeps_its_text<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let first = registered(&store, None, &["a", "x", "b"], Status::Failed).await;
    let change = restoration(&first, &["a", "b"], Some(Status::Failed));
    store.change(&task_id("1"), change, &Access::ANY).await.unwrap();
    let task = get(&store, &task_id("1")).await;
    let stamp = |task: &TaskRecord| format!("\"updated_at\":\"{}\"", task.updated_at());
    assert_eq!(task.encode(), first.encode().replace(&stamp(&first), &stamp(&task)));
}

async fn another_task_under_the_id_is_left_alone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let first = registered(&store, None, &["a"], Status::Completed).await;
    let anew = registered(&store, None, &["x"], Status::Pending).await;
    assert!(anew.created_at() > first.created_at());
    let change = restoration(&first, &["a"], Some(Status::Completed));
    assert_eq!(store.change(&task_id("1"), change, &Access::ANY).await.unwrap(), Status::Pending);
    assert_eq!(messages(&get(&store, &task_id("1")).await), ["x"]);
}

async fn what_is_gone_stays_gone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let first = registered(&store, None, &["a"], Status::Completed).await;
    assert!(store.delete(&task_id("1"), &Access::ANY).await.unwrap());
    let change = restoration(&first, &["a"], Some(Status::Completed));
    assert_fails!(store.change(&task_id("1"), change, &Access::ANY).await, Error::NotFound);
    assert_fails!(store.get(&task_id("1"), &Access::ANY).await, Error::NotFound);
}

async fn a_mark_is_another_after_every_write<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let ids = [task_id("1"), task_id("missing"), task_id("2")];
    save(&store, draft("1")).await;
    save(&store, draft("2")).await;
    let mark = async || store.marks(&ids).await.unwrap();
    let mut before = mark().await;
    assert!(before[1].is_none());
    assert_eq!(mark().await, before);
    let long = "x".repeat(20_000);
    let changes = [
        Change::logs(["one"]),
        Change::logs(["two"]),
        Change::status(Status::Running),
        output(&long),
        pod(&long),
        Change::logs(["three"]),
        Change::active_jobs(vec!["job".to_owned()]),
        Change::status(Status::Completed),
    ];
    for change in changes {
        store.change(&ids[0], change.clone(), &Access::ANY).await.unwrap();
        let after = mark().await;
        assert!(after[0].is_some() && after[0] != before[0], "{change:?}");
        assert_eq!(after[1..], before[1..]);
        before = after;
    }
    save(&store, draft("1")).await;
    assert_ne!(mark().await[0], before[0]);
    store.delete(&ids[0], &Access::ANY).await.unwrap();
    assert!(mark().await[0].is_none());
}
