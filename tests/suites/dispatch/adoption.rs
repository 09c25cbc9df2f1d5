//! Tasks that a frontend has left behind.

use super::*;

on_both_engines! {
    what_a_frontend_has_left_is_run_and_nothing_else,
    a_task_that_was_left_to_be_stopped_is_cancelled,
}

/// An age that every task soon has.
const SOON: Duration = Duration::from_millis(200);

async fn what_a_frontend_has_left_is_run_and_nothing_else(data: Data) {
    let store = data.open().await;
    for (id, service, status) in [
        ("pending", "analytics", Status::Pending),
        ("dispatching", "analytics", Status::Dispatching),
        ("running", "analytics", Status::Running),
        ("failed", "analytics", Status::Failed),
        ("other", "sync", Status::Pending),
    ] {
        let mut draft = owned_draft(id, service, "alice");
        (draft.status, draft.parameters) = (status, parameters("log-steadily 1"));
        save(&store, draft).await;
    }
    save(&store, owned_draft("bob", "analytics", "bob")).await;
    let before = get(&store, &task_id("running")).await.encode();
    let only_alice = |route: &mut Route| route.users = Allowed::only(["alice"]);
    let platforms = [
        Platform::with(&data, |builder| builder.adopt_after(SOON), only_alice).await,
        Platform::with(&data, |builder| builder.adopt_after(SOON), only_alice).await,
    ];
    // Looked through in the order of their ids, so that the last one comes after all.
    let last = register(&store, "zzz", "alice", "nothing", Status::Pending).await;
    for id in [task_id("pending"), task_id("dispatching"), last] {
        platforms[0].becomes(&id, Status::Completed).await;
    }
    for id in ["pending", "dispatching"] {
        assert_eq!(platforms[0].log(&task_id(id)).await, ["entry 0"]);
    }
    assert_eq!(get(&store, &task_id("running")).await.encode(), before);
    for (id, status) in [("failed", Status::Failed), ("other", Status::Pending), ("bob", Status::Pending)] {
        assert_eq!(get(&store, &task_id(id)).await.status(), status, "{id}");
    }
    assert_eq!(platforms[0].waiting().await, 0);
}

async fn a_task_that_was_left_to_be_stopped_is_cancelled(data: Data) {
    let store = data.open().await;
    let id = register(&store, "1", "alice", "log-steadily 1", Status::CancelRequested).await;
    let platform = Platform::with(&data, |builder| builder.adopt_after(SOON), |_| {}).await;
    platform.becomes(&id, Status::Cancelled).await;
    assert!(platform.log(&id).await.is_empty());
}
