//! Changes: all their parts in one step, and never to a task that is not there.

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_change_makes_all_its_parts,
    a_change_answers_with_the_status_after_it,
    entries_are_added_in_their_order_with_their_times,
    result_fields_that_a_change_does_not_name_are_left_alone,
    entries_and_results_may_be_added_to_a_task_that_has_ended,
    a_change_never_makes_a_task,
    a_change_never_brings_back_a_deleted_task,
    a_long_log_keeps_its_order,
}

async fn a_change_makes_all_its_parts<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let mut change = Change::status(Status::Failed).log("one").log("two");
    (change.result, change.active_jobs) = (pod("p").result, Some(vec!["job".to_owned()]));
    change.result.launcher_output = Some("o".to_owned());
    store.change(&id, change, &Access::ANY).await.unwrap();
    let task = get(&store, &id).await;
    assert_eq!(task.status(), Status::Failed);
    assert_eq!(messages(&task), ["one", "two"]);
    assert_eq!(task.result(), TaskResult { pod_status: Some("p".to_owned()), launcher_output: Some("o".to_owned()) });
    assert_eq!(task.active_jobs(), ["job"]);
}

async fn a_change_answers_with_the_status_after_it<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let change = |change| store.change(&id, change, &Access::ANY);
    assert_eq!(change(Change::logs(["entry"])).await.unwrap(), Status::Pending);
    assert_eq!(change(Change::status(Status::Running)).await.unwrap(), Status::Running);
    assert_eq!(change(Change::active_jobs(Vec::new())).await.unwrap(), Status::Running);
    assert_eq!(change(Change::status(Status::CancelRequested)).await.unwrap(), Status::CancelRequested);
    assert_eq!(change(Change::logs(["entry"])).await.unwrap(), Status::CancelRequested);
    assert_eq!(change(Change::default()).await.unwrap(), Status::CancelRequested);
}

async fn entries_are_added_in_their_order_with_their_times<E: Engine>() {
    let (_engine, store) = store_with::<E>(stuck_at("2025-11-17T10:00:16.515926+09:00")).await;
    let id = save(&store, logged_draft("1", ["before"])).await;
    let change = Change::logs(["a, b"]).log_at(time("2025-11-17T02:00:00.5Z"), "own time").log("c");
    store.change(&id, change, &Access::ANY).await.unwrap();
    let now = "2025-11-17T10:00:16.515926+09:00";
    let expected = [
        "t,before".to_owned(),
        format!("{now},a, b"),
        "2025-11-17T02:00:00.5Z,own time".to_owned(),
        format!("{now},c"),
    ];
    assert_eq!(get(&store, &id).await.logs(), expected);
}

async fn result_fields_that_a_change_does_not_name_are_left_alone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    for (change, pod_status, launcher_output) in [
        (pod("p"), Some("p"), None),
        (output("o"), Some("p"), Some("o")),
        (pod(""), Some(""), Some("o")),
        (Change::status(Status::Running), Some(""), Some("o")),
    ] {
        store.change(&id, change, &Access::ANY).await.unwrap();
        let result = get(&store, &id).await.result();
        assert_eq!((result.pod_status.as_deref(), result.launcher_output.as_deref()), (pod_status, launcher_output));
    }
}

async fn entries_and_results_may_be_added_to_a_task_that_has_ended<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft_in("1", Status::Completed)).await;
    let mut change = Change::logs(["afterwards"]);
    store.change(&id, change.clone(), &Access::ANY).await.unwrap();
    change.result.launcher_output = Some("o".to_owned());
    change.status = Change::status(Status::Completed).status;
    assert_eq!(store.change(&id, change, &Access::ANY).await.unwrap(), Status::Completed);
    let task = get(&store, &id).await;
    assert_eq!(messages(&task), ["afterwards", "afterwards"]);
    assert_eq!(task.result().launcher_output.as_deref(), Some("o"));
}

/// One change of each kind.
fn changes() -> Vec<Change> {
    vec![
        Change::logs(["entry"]),
        Change::status(Status::Running),
        pod("p"),
        Change::active_jobs(Vec::new()),
        Change::finish(Status::Completed),
        Change::default(),
    ]
}

async fn a_change_never_makes_a_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = task_id("1");
    for change in changes() {
        assert_fails!(store.change(&id, change, &Access::ANY).await, Error::NotFound);
    }
    assert_fails!(store.get(&id, &Access::ANY).await, Error::NotFound);
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn a_change_never_brings_back_a_deleted_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert!(store.delete(&id, &Access::ANY).await.unwrap());
    for change in changes() {
        assert_fails!(store.change(&id, change, &Access::ANY).await, Error::NotFound);
    }
    assert_fails!(store.status(&id, &Access::ANY).await, Error::NotFound);
    assert_listed(&store, &[], &[]).await;
}

async fn a_long_log_keeps_its_order<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let message = |number: usize| format!("entry {number}");
    for start in (0..2_000).step_by(100) {
        let batch = (start..start + 99).map(message);
        store.change(&id, Change::logs(batch), &Access::ANY).await.unwrap();
        store.change(&id, Change::logs([message(start + 99)]), &Access::ANY).await.unwrap();
    }
    assert_eq!(messages(&get(&store, &id).await), (0..2_000).map(message).collect::<Vec<_>>());
}
