//! What becomes of a run when its store fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use task_state_host::record::StatusChange;
use task_state_tests::faulty_store::{Fault, FaultyStore};
use tokio::sync::Semaphore;

use super::*;

fn is_final(change: &Change) -> bool {
    matches!(change.status, Some(StatusChange::Finish { .. }))
}

/// A sandbox in which the first `times` changes of a kind have a fault.
pub(super) fn failing(times: usize, kind: fn(&Change) -> bool, fault: fn() -> Fault) -> Sandbox {
    let left = AtomicUsize::new(times);
    Sandbox::on(FaultyStore::new(memory(), move |change| {
        let fails = kind(change) && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if fails { fault() } else { Fault::None }
    }))
}

#[tokio::test]
async fn entries_of_a_burst_are_written_together() {
    let store = FaultyStore::new(memory(), |_| Fault::None);
    let outcome = Sandbox::on(store.clone()).run("report", "log-and-return").await;
    assert_eq!(end(&outcome).await.1.len(), 1_000);
    assert!(store.begun() < 50, "{} changes", store.begun());
}

#[tokio::test]
async fn that_an_entry_was_lost_is_the_answer_of_a_later_call() {
    let outcome = failing(1, |change| !is_final(change), || Fault::Lost).run("report", "log-until-told").await;
    let (status, log) = end(&outcome).await;
    assert_eq!((status, log.last().unwrap().as_str()), (Status::Completed, "after"));
    // The guest is told what happened, and nothing of where the store is.
    assert_eq!(printed(&outcome).await, "Unavailable(\"the store did not answer in time\")\n");
}

#[tokio::test]
async fn the_final_status_is_tried_again_until_the_store_is_back_and_is_written_once() {
    for (times, fault) in [(2, (|| Fault::Lost) as fn() -> Fault), (1, || Fault::Unanswered)] {
        let outcome = failing(times, is_final, fault).run("misbehave", "error").await;
        assert_end(&outcome, Status::Failed, &["the input makes no sense"]).await;
    }
}

#[tokio::test]
async fn a_store_that_stays_away_is_reported_with_the_status_that_was_to_be_written() {
    let outcome = failing(usize::MAX, is_final, || Fault::Lost).run("report", "nothing").await;
    assert_eq!(outcome.status, Status::Completed);
    assert!(matches!(outcome.task().await, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn an_output_that_the_store_refuses_does_not_cost_the_final_status() {
    let outcome = failing(1, is_final, || Fault::Failed).run("report", "whoami").await;
    assert_end(&outcome, Status::Completed, &["the output could not be kept"]).await;
    assert_eq!(printed(&outcome).await, "");
}

#[tokio::test]
async fn of_an_end_that_the_store_refuses_the_status_comes_first_and_the_text_after() {
    // Refused with the text, and then, as by a server that is out of memory, three times without.
    let outcome = failing(4, is_final, || Fault::Failed).run("misbehave", "error").await;
    assert_end(&outcome, Status::Failed, &["the input makes no sense"]).await;
}

#[tokio::test]
async fn code_that_breaks_in_the_host_costs_one_run_and_not_its_final_status() {
    let sandbox = failing(1, |change| !is_final(change), || Fault::Panic);
    let (status, log) = end(&sandbox.run("report", "everything").await).await;
    assert_eq!((status, log.last().unwrap().as_str()), (Status::Failed, "the host failed: the store's code broke"));
    assert_eq!(sandbox.run("report", "everything").await.status, Status::Completed);
}

#[tokio::test]
async fn a_call_on_the_store_is_awaited_before_the_final_status_is_written() {
    let until = Arc::new(Semaphore::new(0));
    let stalled = until.clone();
    let store = FaultyStore::new(memory(), move |change| match change.status {
        Some(StatusChange::To(Status::Running)) => Fault::Stalled(stalled.clone()),
        _ => Fault::None,
    });
    let sandbox = Sandbox::on(store.clone());
    let short = |mode| limited(mode, |limits| limits.wall_clock = Duration::from_millis(100));
    let run = sandbox.plugin("report").await.start(short("work-on")).await.unwrap();
    let id = run.task_id().clone();
    eventually("the first change", async || store.begun() == 1).await;
    let outcome = tokio::spawn(run.wait());
    // When the time of one that started later is up, so is that of the first, which waits for the store all the same.
    assert_eq!(sandbox.plugin("misbehave").await.run(short("spin")).await.unwrap().status, Status::Failed);
    assert!(!outcome.is_finished());
    assert_eq!(sandbox.task(&id).await.status(), Status::Running);

    until.add_permits(1);
    assert_end(&outcome.await.unwrap(), Status::Failed, &["wall-clock limit of 100ms exceeded"]).await;
    assert_eq!((store.begun(), store.ended()), (3, 3));
}
