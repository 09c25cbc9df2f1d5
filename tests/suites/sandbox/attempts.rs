//! Runs of tasks from the queue, and further attempts at those that fail.

use futures_util::StreamExt as _;
use task_state_host::record::Priority;
use task_state_host::store::{Error, Ticket, Wanted};
use task_state_host::{RunEvent, StartError};
use task_state_tests::faulty_store::{Fault, FaultyStore};
use tokio::sync::Semaphore;

use super::faults::failing;
use super::*;

/// Registers a task and puts it into the queue.
async fn queue(sandbox: &Sandbox) -> TaskId {
    let id = save(&sandbox.store, draft("queued")).await;
    assert!(sandbox.store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    id
}

async fn take(sandbox: &Sandbox) -> Option<Ticket> {
    let wanted = [Wanted::new(Service::new("analytics").unwrap(), 1)];
    sandbox.store.queue().take(&wanted, Duration::from_secs(60)).await.unwrap().pop()
}

fn request_with(ticket: &Ticket, mode: &str, attempts: u32) -> RunRequest {
    let mut request = request_for(ticket.task_id.as_str(), mode);
    (request.ticket, request.attempts) = (Some(ticket.clone()), attempts);
    request
}

#[tokio::test]
async fn an_attempt_that_fails_is_told_in_the_log_and_followed_by_another() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let id = queue(&sandbox).await;
    for attempt in 1..=3 {
        let ticket = within(Duration::from_secs(10), "the next attempt", async || take(&sandbox).await).await;
        let outcome = plugin.run(request_with(&ticket, "fail", 3)).await.unwrap();
        assert!(outcome.written.is_ok());
        let expected = if attempt < 3 { (Status::Running, true) } else { (Status::Failed, false) };
        assert_eq!((outcome.status, outcome.is_retried), expected);
        assert_eq!(sandbox.task(&id).await.status(), expected.0);
    }
    let log = messages(&sandbox.task(&id).await);
    let why = log[0].clone();
    let notice = |attempt| format!("attempt {attempt} of 3 has failed, the next follows in 0s");
    assert_eq!(log, [why.clone(), notice(1), why.clone(), notice(2), why]);
    assert_eq!(take(&sandbox).await, None);
}

#[tokio::test]
async fn that_an_attempt_has_failed_is_told_once_although_the_store_does_not_answer() {
    for (times, fault) in [(1, (|| Fault::Unanswered) as fn() -> Fault), (2, || Fault::Unanswered), (2, || Fault::Lost)]
    {
        let sandbox = failing(times, |change| change.status.is_none(), fault);
        let plugin = sandbox.plugin("report").await;
        let id = queue(&sandbox).await;
        let request = request_with(&take(&sandbox).await.unwrap(), "fail", 2);
        let told = request.events();
        let outcome = plugin.run(request).await.unwrap();
        assert_eq!((outcome.status, outcome.is_retried), (Status::Running, true));
        let log = messages(&sandbox.task(&id).await);
        assert!(log.len() == 2 && log[1].starts_with("attempt 1 of 2 has failed"), "{log:?}");
        let told: Vec<_> = told.filter_map(async |event| entry_of(event)).collect().await;
        assert_eq!(told, log);
    }
}

fn entry_of(event: RunEvent) -> Option<String> {
    match event {
        RunEvent::Entry { message, .. } => Some(message),
        _ => None,
    }
}

#[tokio::test]
async fn what_becomes_of_a_task_while_a_failed_attempt_is_put_back_is_not_lost() {
    for (meanwhile, end, last) in [
        (Status::CancelRequested, Status::Cancelled, "cancelled before the next attempt"),
        (Status::Completed, Status::Completed, "attempt 1 of 3 has failed, the next follows in 0s"),
    ] {
        let until = Arc::new(Semaphore::new(0));
        let stalled = until.clone();
        let store = FaultyStore::new(memory(), move |change| match change.status {
            None => Fault::Stalled(stalled.clone()),
            Some(_) => Fault::None,
        });
        let sandbox = Sandbox::on(store.clone());
        let plugin = sandbox.plugin("report").await;
        let id = queue(&sandbox).await;
        let run = plugin.start(request_with(&take(&sandbox).await.unwrap(), "fail", 3)).await.unwrap();
        eventually("the attempt failed", async || store.begun() == 1).await;
        sandbox.store.change(&id, Change::status(meanwhile), &Access::ANY).await.unwrap();
        until.add_permits(1);
        let outcome = run.wait().await;
        assert_eq!((outcome.status, outcome.is_retried), (end, false));
        let task = sandbox.task(&id).await;
        assert_eq!((task.status(), messages(&task).last().map(String::as_str)), (end, Some(last)));
        // Nobody has it, and nobody will.
        assert_eq!(take(&sandbox).await, None);
        assert_eq!(sandbox.store.queue().held(1).await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_attempt_that_succeeds_is_the_last() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let id = queue(&sandbox).await;
    let ticket = take(&sandbox).await.unwrap();
    let outcome = plugin.run(request_with(&ticket, "nothing", 3)).await.unwrap();
    assert_eq!((outcome.status, outcome.is_retried), (Status::Completed, false));
    assert_eq!((take(&sandbox).await, messages(&sandbox.task(&id).await)), (None, vec![]));
}

#[tokio::test]
async fn a_task_that_was_asked_to_stop_is_not_tried_again() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let id = queue(&sandbox).await;
    let mut request = request_with(&take(&sandbox).await.unwrap(), "refuse-to-stop", 3);
    request.limits = limited("", |limits| limits.grace = Duration::from_millis(50)).limits;
    let run = plugin.start(request).await.unwrap();
    run.cancel();
    assert_eq!(run.wait().await.status, Status::Cancelled);
    assert_eq!((take(&sandbox).await, sandbox.task(&id).await.status()), (None, Status::Cancelled));
}

#[tokio::test]
async fn a_plugin_gives_a_task_that_waits_another_place_in_the_queue() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let queue = sandbox.store.queue();
    for id in ["first", "second", "third"] {
        let id = save(&sandbox.store, draft(id)).await;
        assert!(queue.enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    }
    let run =
        |ticket: Ticket, favoured: &str| plugin.run(request_with(&ticket, &format!("let-go-first\n{favoured}"), 1));

    let first = take(&sandbox).await.unwrap();
    assert_eq!(first.task_id.as_str(), "first");
    let outcome = run(first, "third").await.unwrap();
    assert_eq!(printed(&outcome).await.trim(), "Ok(Pending)");

    // One that has ended is not queued again for it, and one that runs goes on.
    let third = take(&sandbox).await.unwrap();
    assert_eq!((third.task_id.as_str(), third.priority), ("third", Priority::High));
    assert_eq!(printed(&run(third, "first").await.unwrap()).await.trim(), "Ok(Completed)");
    let second = take(&sandbox).await.unwrap();
    assert_eq!((second.task_id.as_str(), second.priority), ("second", Priority::Low));
    let outcome = run(second, "second").await.unwrap();
    assert_eq!((outcome.status, printed(&outcome).await.trim()), (Status::Completed, "Ok(Running)"));

    assert_eq!(take(&sandbox).await, None);
    for id in ["first", "second", "third"] {
        assert_eq!(sandbox.task(&task_id(id)).await.priority(), Priority::High, "{id}");
    }
}

#[tokio::test]
async fn a_ticket_starts_one_run() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    queue(&sandbox).await;
    let ticket = take(&sandbox).await.unwrap();
    assert!(plugin.run(request_with(&ticket, "nothing", 1)).await.is_ok());
    let again = plugin.run(request_with(&ticket, "nothing", 1)).await;
    assert!(matches!(again, Err(StartError::Store(Error::InvalidTransition(_) | Error::Held))), "{again:?}");
}
