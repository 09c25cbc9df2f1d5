//! Limits, each broken by a guest, and what the others on the host notice of it.

use std::pin::pin;

use task_state_host::StartError;
use task_state_host::record::Status;

use super::*;

#[tokio::test]
async fn a_guest_that_goes_on_for_too_long_fails_wherever_it_is() {
    let sandbox = Sandbox::new();
    for (guest, mode) in [("misbehave", "spin"), ("misbehave", "sleep"), ("report", "work-on")] {
        let mut request = request(mode);
        request.limits = limits(|limits| limits.wall_clock = Duration::from_millis(300));
        let outcome = sandbox.plugin(guest).await.run(request).await.unwrap();
        assert_eq!(
            end(&outcome).await,
            (Status::Failed, vec!["wall-clock limit of 300ms exceeded".to_owned()]),
            "{mode}"
        );
    }
}

#[tokio::test]
async fn a_guest_that_wants_too_much_memory_fails() {
    let mut request = request("hog");
    request.limits = limits(|limits| limits.memory_bytes = 64 << 20);
    let outcome = Sandbox::new().plugin("misbehave").await.run(request).await.unwrap();
    assert_eq!(end(&outcome).await, (Status::Failed, vec!["memory limit of 64 MiB exceeded".to_owned()]));
}

#[tokio::test]
async fn a_guest_that_needs_too_much_memory_to_begin_with_fails() {
    let mut request = request("nothing");
    request.limits = limits(|limits| limits.memory_bytes = 64 << 10);
    let outcome = Sandbox::new().plugin("report").await.run(request).await.unwrap();
    assert_eq!(end(&outcome).await, (Status::Failed, vec!["memory limit of 64 KiB exceeded".to_owned()]));
}

#[tokio::test]
async fn the_hosts_limits_hold_for_runs_that_bring_none() {
    let mut most = Limits::default();
    most.wall_clock = Duration::from_millis(100);
    let sandbox = Sandbox::with(|builder| builder.default_limits(most));
    let (status, log) = end(&sandbox.run("misbehave", "spin").await).await;
    assert_eq!((status, log), (Status::Failed, vec!["wall-clock limit of 100ms exceeded".to_owned()]));
}

#[tokio::test]
async fn guests_that_spin_leave_the_others_their_share() {
    let sandbox = Sandbox::new();
    let spinner = sandbox.plugin("misbehave").await;
    let mut spinning = Vec::new();
    for _ in 0..8 {
        spinning.push(spinner.start(request("spin")).await.unwrap());
    }
    let run = sandbox.run("report", "log-many");
    let outcome = tokio::time::timeout(Duration::from_secs(30), run).await.expect("it had no turn");
    assert_eq!(outcome.status, Status::Completed);
    spinning.iter().for_each(Run::cancel);
    for run in spinning {
        assert_eq!(run.wait().await.status, Status::Cancelled);
    }
}

#[tokio::test]
async fn runs_wait_for_their_turn_and_are_told_when_too_many_wait() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(1).max_queued_runs(1));
    let plugin = sandbox.plugin("report").await;
    let first = plugin.start(request("stop-when-asked")).await.unwrap();
    let mut second = pin!(plugin.run(request("nothing")));
    assert!(waits(second.as_mut()).await);
    let error = plugin.run(request("nothing")).await.unwrap_err();
    assert!(matches!(error, StartError::Full { running: 1, queued: 1 }), "{error}");

    first.cancel();
    assert_eq!(first.wait().await.status, Status::Cancelled);
    assert_eq!(second.await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn who_stops_waiting_makes_room_for_another() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(1).max_queued_runs(1));
    let plugin = sandbox.plugin("report").await;
    let first = plugin.start(request("stop-when-asked")).await.unwrap();
    for _ in 0..3 {
        let mut waiting = Box::pin(plugin.run(request("nothing")));
        assert!(waits(waiting.as_mut()).await);
    }
    first.cancel();
    assert_eq!(first.wait().await.status, Status::Cancelled);
    assert_eq!(plugin.run(request("nothing")).await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_thousand_short_runs_leave_nothing_behind() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(4));
    let plugin = sandbox.plugin("report").await;
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let plugin = plugin.clone();
        runs.spawn(async move { plugin.run(request("nothing")).await.unwrap().status });
    }
    while let Some(status) = runs.join_next().await {
        assert_eq!(status.unwrap(), Status::Completed);
    }
}
