//! `current-task.log`: entries that are held back for a moment come in their order and before all that follows them.

use super::*;

fn entries(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("entry {number}")).collect()
}

#[tokio::test]
async fn every_entry_is_there_once_and_in_order() {
    let (status, log) = end(&Sandbox::new().run("report", "log-many").await).await;
    assert_eq!(status, Status::Completed);
    assert_eq!(log[..3_000], entries(3_000));
    assert_eq!(log[3_000..], ["flushed: running, 3000 entries"]);
}

#[tokio::test]
async fn the_end_of_a_run_comes_after_the_entries_before_it() {
    let (status, log) = end(&Sandbox::new().run("report", "log-and-return").await).await;
    assert_eq!((status, log), (Status::Completed, entries(1_000)));
}

#[tokio::test]
async fn every_other_call_comes_after_the_entries_before_it() {
    let outcome = Sandbox::new().run("report", "log-before-others").await;
    assert_end(&outcome, Status::Completed, &["one", "two", "three", "four", "five", "six", "seven"]).await;
}

#[tokio::test]
async fn an_entry_is_written_although_its_guest_spins() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "log-then-spin").await;
    sandbox.logged(run.task_id(), "held back").await;
    run.cancel();
    run.wait().await;
}

#[tokio::test]
async fn entries_carry_the_time_of_their_call() {
    let outcome = Sandbox::new().run("report", "log-and-return").await;
    let log = outcome.task().await.unwrap().logs();
    let times: Vec<&str> = log.iter().map(|entry| entry.split_once(',').unwrap().0).collect();
    assert!(times.is_sorted());
    assert_ne!(times.first(), times.last());
}
