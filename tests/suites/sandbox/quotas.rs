//! How much a guest hands over: what a call refuses, and what ends a run.

use super::*;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_call_with_too_much_is_refused_and_the_guest_goes_on() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("overload").await;
    for (mode, bytes, quota) in [
        ("entry", 256 << 10, "256 KiB for one log entry"),
        ("notice", 256 << 10, "256 KiB for one log entry"),
        ("entry-elsewhere", 256 << 10, "256 KiB for one log entry"),
        ("result", MIB, "1 MiB for one field of a result"),
        ("entries-elsewhere", 10_000, "10000 for one call"),
        ("job", MIB, "1 MiB for the list of jobs"),
        ("task", MIB, "1 MiB for a task"),
    ] {
        let outcome = plugin.run(request(&format!("{mode} {}", bytes + 1))).await.unwrap();
        assert_end(&outcome, Status::Completed, &["going on"]).await;
        let told = printed(&outcome).await;
        assert!(told.contains("QuotaExceeded") && told.contains(&format!("more than the quota of {quota}")), "{told}");
    }
}

#[tokio::test]
async fn the_entries_of_a_run_have_a_quota_together() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("overload").await;
    let request = limited("entry 100 5", |limits| limits.quotas.entries_bytes = 460);
    let outcome = plugin.run(request).await.unwrap();
    let told = printed(&outcome).await;
    assert_eq!(told.matches("Ok(())").count(), 3, "{told}");
    assert_eq!(told.matches("544 bytes are more than the quota of 460 bytes for all log entries").count(), 2, "{told}");
    let entry = "x".repeat(100);
    assert_end(&outcome, Status::Completed, &[&entry, &entry, &entry, "going on"]).await;
}

#[tokio::test]
async fn more_than_a_call_may_carry_ends_the_run_before_the_host_has_it() {
    let sandbox = Sandbox::new();
    let neighbour = sandbox.start("report", "stop-when-asked").await;
    let plugin = sandbox.plugin("overload").await;
    for (mode, bytes) in [
        ("entry", 60 * MIB),
        ("notice", 60 * MIB),
        ("result", 60 * MIB),
        ("job", 60 * MIB),
        // Small on the guest's side and large on the host's.
        ("jobs", 10_000_000),
        ("entries-elsewhere", 10_000_000),
        ("task", 60 * MIB),
        ("id", 60 * MIB),
        ("service", 60 * MIB),
        ("user", 60 * MIB),
        ("error", 100 * MIB),
    ] {
        let request = limited(&format!("{mode} {bytes}"), |limits| limits.memory_bytes = 1 << 30);
        let outcome = plugin.run(request).await.unwrap();
        let (status, log) = end(&outcome).await;
        assert_eq!(status, Status::Failed, "{mode}");
        let why = "limit of 4 MiB for what is handed over in one call exceeded";
        assert!(log.len() == 1 && log[0].starts_with(why), "{mode}: {log:?}");
        assert!(log[0].len() < 64 << 10, "{mode}");
    }
    neighbour.cancel();
    assert_eq!(neighbour.wait().await.status, Status::Cancelled);
}

#[tokio::test]
async fn the_text_of_a_failure_is_cut_with_a_mark() {
    let outcome = Sandbox::new().run("overload", "error 1000000").await;
    let text = format!("{}\n[934464 more bytes were cut]", "e".repeat(64 << 10));
    assert_end(&outcome, Status::Failed, &[&text]).await;
}

#[tokio::test]
async fn a_guest_that_calls_too_often_waits() {
    let sandbox = Sandbox::new();
    let request = limited("calls 0 5", |limits| limits.quotas.calls_per_second = 2);
    let outcome = sandbox.plugin("overload").await.run(request).await.unwrap();
    assert_end(&outcome, Status::Completed, &[]).await;
    assert_eq!(printed(&outcome).await, "waited: true\n");
}

#[tokio::test]
async fn a_guest_has_no_more_of_the_hosts_things_than_a_run_may_hold() {
    let outcome = Sandbox::new().run("overload", "pollables 0 1000000").await;
    let (status, log) = end(&outcome).await;
    assert_eq!(status, Status::Failed);
    assert!(log[0].starts_with("limit of 2000 resources exceeded"), "{log:?}");
}
