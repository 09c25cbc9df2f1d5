//! Stopping a task wherever it is.

use task_state_host::dispatch::CancelError;
use task_state_tests::faulty_store::{Fault, FaultyStore};
use tokio::sync::Semaphore;

use super::*;

on_both_engines! {
    a_task_that_waits_is_cancelled_and_never_runs,
    a_task_that_settles_is_cancelled,
    a_task_that_nobody_has_is_cancelled,
    a_run_is_stopped_before_the_answer,
    a_run_of_another_process_is_stopped_before_the_answer,
    a_run_that_takes_its_time_has_been_told,
    what_has_ended_stays_as_it_is,
    only_who_knows_the_owner_cancels,
    a_task_that_is_gone_is_unknown_and_does_not_run,
    an_attempt_that_waits_is_cancelled,
    a_task_that_is_about_to_wait_for_another_attempt_is_cancelled,
}

/// How long a test is ready to wait for a run to stop.
const PATIENCE: Duration = Duration::from_secs(60);

async fn cancel(platform: &Platform, id: &TaskId) -> Result<Status, CancelError> {
    platform.dispatcher.cancel(&cancellation(id), PATIENCE).await
}

async fn a_task_that_waits_is_cancelled_and_never_runs(data: Data) {
    let platform = Platform::with(&data, |builder| builder, |route| route.concurrency = 1).await;
    let running = platform.submit("running", "stop-when-asked").await;
    platform.logged(&running, "running").await;
    let waiting = platform.submit("waiting", "log-steadily 1").await;
    assert_eq!(cancel(&platform, &waiting).await.unwrap(), Status::Cancelled);
    assert_eq!(platform.log(&waiting).await, ["cancellation requested", "cancelled before it began"]);
    assert_eq!(platform.waiting().await, 0);
    assert_eq!(cancel(&platform, &running).await.unwrap(), Status::Cancelled);
    let next = platform.submit("next", "nothing").await;
    platform.becomes(&next, Status::Completed).await;
    assert_eq!(platform.log(&waiting).await.len(), 2);
}

async fn a_task_that_settles_is_cancelled(data: Data) {
    let platform = Platform::with(&data, |builder| builder.settle(LONG), |_| {}).await;
    let id = register(&platform.store, "1", "alice", "nothing", Status::Dispatching).await;
    platform.dispatcher.submit(&submission(&id, "nothing")).await.unwrap();
    assert_eq!(cancel(&platform, &id).await.unwrap(), Status::Cancelled);
    assert_eq!(platform.waiting().await, 0);
}

async fn a_task_that_nobody_has_is_cancelled(data: Data) {
    let platform = Platform::start(&data).await;
    for status in [Status::Pending, Status::Dispatching, Status::Running, Status::CancelRequested] {
        let id = register(&platform.store, status.as_str(), "alice", "nothing", status).await;
        assert_eq!(cancel(&platform, &id).await.unwrap(), Status::Cancelled, "{status}");
        assert_eq!(platform.task(&id).await.status(), Status::Cancelled, "{status}");
    }
    assert_eq!(platform.waiting().await, 0);
}

async fn a_run_is_stopped_before_the_answer(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "stop-when-asked").await;
    platform.logged(&id, "running").await;
    assert_eq!(cancel(&platform, &id).await.unwrap(), Status::Cancelled);
    assert_eq!(platform.task(&id).await.status(), Status::Cancelled);
    // The guest may hear of it before it is written.
    let log = platform.log(&id).await;
    assert!(log.contains(&"cancellation requested by the host".to_owned()) && log.contains(&"stopping".to_owned()));
    assert!(platform.host.run_of(&id).is_none());
}

async fn a_run_of_another_process_is_stopped_before_the_answer(data: Data) {
    let (first, second) = (Platform::start(&data).await, Platform::idle(&data, |builder| builder).await);
    let id = first.submit("1", "stop-when-asked").await;
    first.logged(&id, "running").await;
    assert_eq!(cancel(&second, &id).await.unwrap(), Status::Cancelled);
    assert_eq!(second.task(&id).await.status(), Status::Cancelled);
    assert_eq!(second.log(&id).await, ["running", "cancellation requested", "stopping"]);
}

async fn a_run_that_takes_its_time_has_been_told(data: Data) {
    let (first, second) = (Platform::start(&data).await, Platform::idle(&data, |builder| builder).await);
    for platform in [&first, &second] {
        let id = first.submit(&format!("{:p}", platform), "refuse-to-stop").await;
        first.logged(&id, "running").await;
        let told = platform.dispatcher.cancel(&cancellation(&id), Duration::ZERO).await;
        assert_eq!(told.unwrap(), Status::CancelRequested);
        first.logged(&id, "asked, and going on").await;
        first.becomes(&id, Status::Cancelled).await;
    }
}

async fn what_has_ended_stays_as_it_is(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "nothing").await;
    platform.becomes(&id, Status::Completed).await;
    let refused = cancel(&platform, &id).await;
    assert!(matches!(refused, Err(CancelError::Ended(Status::Completed))), "{refused:?}");
    assert_eq!((platform.task(&id).await.status(), platform.log(&id).await.len()), (Status::Completed, 0));
}

async fn only_who_knows_the_owner_cancels(data: Data) {
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "stop-when-asked").await;
    platform.logged(&id, "running").await;
    let (mut service, mut user) = (cancellation(&id), cancellation(&id));
    (service.service, user.user_id) = ("sync".to_owned(), "bob".to_owned());
    for other in [service, user] {
        let refused = platform.dispatcher.cancel(&other, PATIENCE).await;
        assert!(matches!(refused, Err(CancelError::NotTheOwner)), "{refused:?}");
    }
    assert_eq!(platform.task(&id).await.status(), Status::Running);
    platform.host.shutdown().await;
}

async fn a_task_that_is_gone_is_unknown_and_does_not_run(data: Data) {
    let platform = Platform::with(&data, |builder| builder, |route| route.concurrency = 1).await;
    let running = platform.submit("running", "stop-when-asked").await;
    platform.logged(&running, "running").await;
    let waiting = platform.submit("waiting", "nothing").await;
    for id in [&waiting, &running] {
        assert!(platform.store.delete(id, &Access::ANY).await.unwrap());
        let refused = cancel(&platform, id).await;
        assert!(matches!(refused, Err(CancelError::Unknown)), "{refused:?}");
    }
    eventually("the run stopped", async || platform.host.runs().is_empty()).await;
    let next = platform.submit("next", "nothing").await;
    platform.becomes(&next, Status::Completed).await;
    for id in [&waiting, &running] {
        assert!(matches!(platform.store.get(id, &Access::ANY).await, Err(Error::NotFound)));
    }
    assert_eq!(platform.waiting().await, 0);
}

async fn an_attempt_that_waits_is_cancelled(data: Data) {
    let again = |route: &mut Route| (route.attempts, route.backoff) = (2, LONG);
    let platform = Platform::with(&data, |builder| builder, again).await;
    let id = platform.submit("1", "fail").await;
    eventually("the first attempt failed", async || platform.log(&id).await.len() == 2).await;
    eventually("it waits", async || platform.waiting().await == 1).await;
    assert_eq!(cancel(&platform, &id).await.unwrap(), Status::Cancelled);
    assert_eq!(platform.waiting().await, 0);
}

async fn a_task_that_is_about_to_wait_for_another_attempt_is_cancelled(data: Data) {
    let until = Arc::new(Semaphore::new(0));
    let stalled = until.clone();
    let store = FaultyStore::new(data.open().await, move |change| match change.entries.last() {
        Some(last) if last.message.starts_with("attempt 1 of 2 has failed") => Fault::Stalled(stalled.clone()),
        _ => Fault::None,
    });
    let platform = Platform::on(store.clone(), |builder| builder);
    let mut route = Route::new(platform.plugin().await, ["analytics"]);
    (route.attempts, route.backoff) = (2, LONG);
    platform.dispatcher.set_routes(vec![route]);
    let about_to_wait = async |id: &str| {
        let before = store.begun();
        let id = platform.submit(id, "fail").await;
        eventually("the first attempt failed", async || store.begun() > before).await;
        id
    };

    // Who does not wait for its end is told the truth.
    let id = about_to_wait("impatient").await;
    let told = platform.dispatcher.cancel(&cancellation(&id), Duration::ZERO).await;
    assert_eq!(told.unwrap(), Status::CancelRequested);
    until.add_permits(1);
    platform.becomes(&id, Status::Cancelled).await;

    let id = about_to_wait("patient").await;
    let (told, ()) = tokio::join!(cancel(&platform, &id), async {
        // The cancellation has found the run before it goes on.
        for _ in 0..100 {
            platform.task(&id).await;
        }
        until.add_permits(1);
    });
    assert_eq!(told.unwrap(), Status::Cancelled);
    assert_eq!(platform.task(&id).await.status(), Status::Cancelled);
    eventually("its place is free", async || platform.dispatcher.active() == 0).await;
    assert_eq!(platform.waiting().await, 0);
}
