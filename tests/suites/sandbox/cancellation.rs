//! How runs are stopped: by whoever can reach the store, by their host, and by the loss of their task.

use task_state_host::StartError;

use super::*;

const BY_HOST: &str = "cancellation requested by the host";

/// What the log of a task says that went on for longer than these limits allow.
const STOPPED: &str = "stopped: it went on for 100ms after its cancellation";

fn impatient(mode: &str) -> RunRequest {
    limited(mode, |limits| limits.grace = Duration::from_millis(100))
}

impl Sandbox {
    async fn ask_to_stop(&self, id: &TaskId) {
        let change = Change::status(Status::CancelRequested).log("asked by an operator");
        self.store.change(id, change, &Access::ANY).await.unwrap();
    }
}

#[tokio::test]
async fn a_guest_that_heeds_its_cancellation_ends_cancelled() {
    let run = Sandbox::new().start("report", "stop-when-asked").await;
    run.cancel();
    run.cancel();
    let (status, log) = end(&run.wait().await).await;
    assert_eq!(status, Status::Cancelled);
    assert_eq!(log.iter().filter(|entry| *entry == BY_HOST).count(), 1, "{log:?}");
    assert_eq!(log.last().unwrap(), "stopping", "{log:?}");
}

#[tokio::test]
async fn a_run_can_be_cancelled_while_others_wait_for_it() {
    let run = Sandbox::new().start("report", "stop-when-asked").await;
    let waiting = [tokio::spawn(run.clone().wait()), tokio::spawn(run.clone().wait())];
    run.cancel();
    for outcome in waiting {
        assert_eq!(outcome.await.unwrap().status, Status::Cancelled);
    }
}

#[tokio::test]
async fn a_cancellation_in_the_store_is_noticed_by_a_guest_that_only_asks_and_in_the_answers_of_other_calls() {
    let sandbox = Sandbox::new();
    for (mode, said) in [("stop-when-asked", "running"), ("heed-in-answers", "working")] {
        let run = sandbox.start("report", mode).await;
        sandbox.logged(run.task_id(), said).await;
        sandbox.ask_to_stop(run.task_id()).await;
        let (status, log) = end(&run.wait().await).await;
        assert_eq!(status, Status::Cancelled, "{mode}");
        assert!(log.contains(&"asked by an operator".to_owned()), "{mode}: {log:?}");
        assert_eq!(log.contains(&"stopping".to_owned()), mode == "stop-when-asked", "{mode}: {log:?}");
    }
}

#[tokio::test]
async fn a_guest_that_goes_on_is_stopped_wherever_it_is() {
    let sandbox = Sandbox::new();
    let modes = [("misbehave", "spin"), ("misbehave", "sleep"), ("report", "refuse-to-stop"), ("report", "work-on")];
    for (guest, mode) in modes {
        let run = sandbox.plugin(guest).await.start(impatient(mode)).await.unwrap();
        run.cancel();
        let (status, log) = end(&run.wait().await).await;
        assert_eq!((status, log.last().unwrap().as_str()), (Status::Cancelled, STOPPED), "{mode}: {log:?}");
        assert!(log.contains(&BY_HOST.to_owned()), "{mode}: {log:?}");
    }
}

#[tokio::test]
async fn a_guest_that_spins_is_stopped_by_a_cancellation_in_the_store() {
    let sandbox = Sandbox::new();
    let run = sandbox.plugin("misbehave").await.start(impatient("spin")).await.unwrap();
    sandbox.ask_to_stop(run.task_id()).await;
    assert_end(&run.wait().await, Status::Cancelled, &["asked by an operator", STOPPED]).await;
}

#[tokio::test]
async fn a_guest_that_saves_its_task_all_the_time_cannot_escape_its_cancellation() {
    let sandbox = Sandbox::new();
    for _ in 0..20 {
        let run = sandbox.start("report", "save-myself-all-the-time").await;
        sandbox.ask_to_stop(run.task_id()).await;
        let refused = "Err(InvalidTransition(CancelRequested))";
        assert_end(&run.wait().await, Status::Cancelled, &["asked by an operator", refused]).await;
    }
}

#[tokio::test]
async fn a_guest_that_ends_its_task_and_begins_it_anew_cannot_escape_its_end() {
    let sandbox = Sandbox::new();
    let request = limited("end-and-begin-anew", |limits| limits.grace = Duration::from_millis(100));
    let run = sandbox.plugin("report").await.start(request).await.unwrap();
    let last = "stopped: it went on for 100ms after its task had ended";
    assert_end(&run.wait().await, Status::Failed, &[last]).await;
}

#[tokio::test]
async fn a_shutdown_cancels_every_run_and_nothing_starts_after_it() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("misbehave").await;
    let mut runs = Vec::new();
    for mode in ["spin", "sleep", "spin"] {
        runs.push(plugin.start(impatient(mode)).await.unwrap());
    }
    sandbox.host.shutdown().await;
    for run in &runs {
        let task = sandbox.task(run.task_id()).await;
        assert_eq!(task.status(), Status::Cancelled);
        assert_eq!(messages(&task), ["cancellation requested: the host is shutting down", STOPPED]);
    }
    assert!(matches!(plugin.run(request("spin")).await, Err(StartError::ShuttingDown)));
    sandbox.host.shutdown().await;
}

#[tokio::test]
async fn a_run_goes_on_without_its_handle_and_without_its_host() {
    let sandbox = Sandbox::new();
    let store = sandbox.store.clone();
    let run = sandbox.start("report", "log-many").await;
    let id = run.task_id().clone();
    drop((run, sandbox));
    eventually("the end of the run", async || {
        store.get(&id, &Access::ANY).await.unwrap().status() == Status::Completed
    })
    .await;
}

#[tokio::test]
async fn a_guest_whose_task_is_deleted_is_stopped_and_nothing_more_is_written() {
    let sandbox = Sandbox::new();
    for mode in ["spin", "sleep"] {
        let run = sandbox.start("misbehave", mode).await;
        assert!(sandbox.store.delete(run.task_id(), &Access::ANY).await.unwrap());
        let id = run.task_id().clone();
        let outcome = run.wait().await;
        assert!(matches!(outcome.task().await, Err(Error::NotFound)), "{outcome:?}");
        assert!(sandbox.store.get(&id, &Access::ANY).await.is_err());
    }
}

#[tokio::test]
async fn a_guest_whose_task_is_given_away_is_stopped_and_nothing_more_is_written() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "work-on").await;
    let id = run.task_id().clone();
    sandbox.store.delete(&id, &Access::ANY).await.unwrap();
    save(&sandbox.store, owned_draft(id.as_str(), "sync", "bob")).await;
    let given = sandbox.task(&id).await.encode();
    let outcome = run.wait().await;
    assert!(matches!(outcome.task().await, Err(Error::Denied(_) | Error::NotFound)), "{outcome:?}");
    assert_eq!(sandbox.task(&id).await.encode(), given);
}

#[tokio::test]
async fn a_guest_that_deletes_its_own_task_does_no_more() {
    let sandbox = Sandbox::new();
    let grants = Grants::for_services(["analytics"]).allow(task_state_host::Operation::Delete);
    let plugin = sandbox.plugin_with("report", grants).await;
    let outcome = plugin.run(request("delete-myself")).await.unwrap();
    assert!(matches!(outcome.task().await, Err(Error::NotFound)), "{outcome:?}");
    assert_eq!(listed_in(&sandbox.store, Scope::All).await, [""; 0]);
}

#[test]
fn a_host_may_be_dropped_where_blocking_is_forbidden() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::new();
        sandbox.run("report", "nothing").await;
        drop(sandbox);
    });
}

#[tokio::test]
async fn a_guest_that_goes_on_after_the_end_of_its_task_is_stopped() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.plugin("misbehave").await.run(impatient("complete-then-spin")).await.unwrap();
    let stopped = "stopped: it went on for 100ms after its task had ended";
    assert_end(&outcome, Status::Completed, &["done", stopped]).await;

    // Also if somebody else has ended it.
    let run = sandbox.plugin("misbehave").await.start(impatient("spin")).await.unwrap();
    sandbox.store.change(run.task_id(), Change::status(Status::Failed), &Access::ANY).await.unwrap();
    assert_end(&soon("the end", run.wait()).await, Status::Failed, &[stopped]).await;
}
