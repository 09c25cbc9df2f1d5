//! Limits, each broken by a guest, and what the others on the host notice of it.

use std::pin::pin;

use task_state_host::{LoadRequest, StartError};

use super::*;

#[tokio::test]
async fn a_guest_that_goes_on_for_too_long_fails_wherever_it_is() {
    let sandbox = Sandbox::new();
    for (guest, mode) in [("misbehave", "spin"), ("misbehave", "sleep"), ("report", "work-on")] {
        let request = limited(mode, |limits| limits.wall_clock = Duration::from_millis(300));
        let outcome = sandbox.plugin(guest).await.run(request).await.unwrap();
        assert_end(&outcome, Status::Failed, &["wall-clock limit of 300ms exceeded"]).await;
    }
}

#[tokio::test]
async fn a_guest_that_wants_too_much_memory_fails_as_one_that_needs_it_to_begin_with() {
    for (guest, mode, bytes, limit) in
        [("misbehave", "hog", 64 << 20, "64 MiB"), ("report", "nothing", 64 << 10, "64 KiB")]
    {
        let request = limited(mode, |limits| limits.memory_bytes = bytes);
        let outcome = Sandbox::new().plugin(guest).await.run(request).await.unwrap();
        assert_end(&outcome, Status::Failed, &[&format!("memory limit of {limit} exceeded")]).await;
    }
}

#[tokio::test]
async fn a_guest_that_computes_for_too_long_fails_and_one_that_waits_does_not() {
    let sandbox = Sandbox::new();
    let limit = |mode| limited(mode, |limits| limits.cpu_time = Duration::from_millis(300));
    let outcome = sandbox.plugin("misbehave").await.run(limit("spin")).await.unwrap();
    assert_end(&outcome, Status::Failed, &["CPU time limit of 300ms exceeded"]).await;
    let asked_to_stop = sandbox.plugin("misbehave").await.start(limit("spin")).await.unwrap();
    asked_to_stop.cancel();
    let (status, log) = end(&asked_to_stop.wait().await).await;
    assert_eq!((status, log.last().unwrap().as_str()), (Status::Cancelled, "CPU time limit of 300ms exceeded"));
    let outcome = sandbox.plugin("overload").await.run(limit("nap 900")).await.unwrap();
    assert_end(&outcome, Status::Completed, &[]).await;
}

#[tokio::test]
async fn times_without_an_end_are_limits_too() {
    let endless = |mode| limited(mode, |limits| (limits.wall_clock, limits.grace) = (Duration::MAX, Duration::MAX));
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    assert_end(&plugin.run(endless("nothing")).await.unwrap(), Status::Completed, &[]).await;

    let asked_to_stop = plugin.start(endless("stop-when-asked")).await.unwrap();
    asked_to_stop.cancel();
    assert_eq!(asked_to_stop.wait().await.status, Status::Cancelled);
}

#[tokio::test]
async fn the_hosts_limits_hold_for_runs_that_bring_none() {
    let mut most = Limits::default();
    most.wall_clock = Duration::from_millis(100);
    let sandbox = Sandbox::with(|builder| builder.default_limits(most));
    let outcome = sandbox.run("misbehave", "spin").await;
    assert_end(&outcome, Status::Failed, &["wall-clock limit of 100ms exceeded"]).await;
}

#[tokio::test]
async fn guests_that_spin_leave_the_others_their_share() {
    let sandbox = Sandbox::new();
    let spinner = sandbox.plugin("misbehave").await;
    let mut spinning = Vec::new();
    for _ in 0..8 {
        spinning.push(spinner.start(request("spin")).await.unwrap());
    }
    let outcome = soon("a turn", sandbox.run("report", "log-many")).await;
    assert_eq!(outcome.status, Status::Completed);
    spinning.iter().for_each(Run::cancel);
    for run in spinning {
        assert_eq!(run.wait().await.status, Status::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_guests_compute_each_has_its_turns_and_one_that_waits_does_not_wait_for_them() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(201));
    let neighbour = sandbox.start("report", "beat-until-asked").await;
    let computes = sandbox.plugin("report").await;
    let mut computing = Vec::new();
    for _ in 0..200 {
        let request = limited("compute-and-tell", |limits| limits.grace = Duration::from_millis(100));
        computing.push(computes.start(request).await.unwrap());
    }
    let said = async |run: &Run| messages(&sandbox.task(run.task_id()).await).len();
    for turns in 1..=3 {
        let beats = said(&neighbour).await;
        for run in &computing {
            eventually("a turn", async || said(run).await >= turns).await;
        }
        // If it had to let each of them go first, it would not come further than one beat.
        let beats = said(&neighbour).await - beats;
        assert!(beats >= 5, "{beats} beats in the time of 200 turns");
    }
    sandbox.host.shutdown().await;
    for run in computing.into_iter().chain([neighbour]) {
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
async fn a_plugin_with_a_share_leaves_the_rest_to_others() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(2).max_queued_runs(1));
    let share = LoadRequest::new(Grants::for_services(["analytics"])).max_concurrent_runs(1);
    let small = sandbox.host.load_file(guest("report"), share).await.unwrap();
    let first = small.start(request("stop-when-asked")).await.unwrap();
    let mut second = pin!(small.run(request("nothing")));
    assert!(waits(second.as_mut()).await);
    let error = small.run(request("nothing")).await.unwrap_err();
    assert!(matches!(error, StartError::Full { running: 1, queued: 1 }), "{error}");
    assert_eq!(sandbox.run("report", "nothing").await.status, Status::Completed);
    first.cancel();
    assert_eq!(second.await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn runs_are_told_and_found_by_their_tasks_until_they_end() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    for id in ["b", "a"] {
        plugin.start(request_for(id, "stop-when-asked")).await.unwrap();
    }
    let told = || sandbox.host.runs().iter().map(|run| run.task_id().to_string()).collect::<Vec<_>>();
    assert_eq!(told(), ["b", "a"]);
    assert!(sandbox.host.run_of(&task_id("c")).is_none());
    let run = sandbox.host.run_of(&task_id("b")).unwrap();
    run.cancel();
    assert_eq!(run.wait().await.status, Status::Cancelled);
    assert_eq!(told(), ["a"]);
    sandbox.host.shutdown().await;
    assert!(told().is_empty());
}

#[tokio::test]
async fn a_host_that_drains_lets_runs_end_and_cancels_those_that_do_not() {
    for (mode, time, status) in [
        ("log-many", Duration::from_secs(600), Status::Completed),
        ("stop-when-asked", Duration::from_millis(50), Status::Cancelled),
    ] {
        let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(1));
        let plugin = sandbox.plugin("report").await;
        let run = plugin.start(request(mode)).await.unwrap();
        let mut waiting = pin!(plugin.run(request("nothing")));
        assert!(waits(waiting.as_mut()).await);
        sandbox.host.drain(time).await;
        assert_eq!(run.wait().await.status, status);
        assert!(matches!(waiting.await.unwrap_err(), StartError::ShuttingDown));
    }
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
