//! Which tasks a run may take, and what it leaves alone.

use task_state_host::{Plugin, StartError};

use super::*;

async fn run(plugin: &Plugin, name: &str) -> Result<Outcome, StartError> {
    plugin.run(request_for(name, "nothing")).await
}

fn refusal(outcome: Result<Outcome, StartError>) -> Error {
    match outcome {
        Err(StartError::Store(error)) => error,
        other => panic!("not refused by the store: {other:?}"),
    }
}

#[tokio::test]
async fn a_run_without_an_id_gets_the_next_one() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    for number in ["1", "2"] {
        let run = plugin.start(request("nothing")).await.unwrap();
        assert_eq!(run.task_id().as_str(), number);
        assert_eq!(run.wait().await.status, Status::Completed);
    }
}

#[tokio::test]
async fn a_task_that_waits_is_taken_and_any_other_is_refused_as_it_is() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    for status in Status::ALL {
        let name = status.as_str();
        save(&sandbox.store, draft_in(name, status)).await;
        let before = sandbox.task(&task_id(name)).await.encode();
        match status {
            Status::Pending | Status::Dispatching => {
                assert_eq!(run(&plugin, name).await.unwrap().status, Status::Completed);
            }
            Status::CancelRequested => {
                assert_eq!(end(&run(&plugin, name).await.unwrap()).await.0, Status::Cancelled);
                assert_eq!(sandbox.task(&task_id(name)).await.status(), Status::Cancelled);
            }
            _ => {
                let error = refusal(run(&plugin, name).await);
                assert!(matches!(error, Error::InvalidTransition(_)), "{name}: {error}");
                assert_eq!(sandbox.task(&task_id(name)).await.encode(), before);
            }
        }
    }
}

#[tokio::test]
async fn a_task_of_another_service_or_user_is_refused() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    save(&sandbox.store, draft_in("theirs", Status::Pending)).await;
    for (service, user) in [("sync", "alice"), ("analytics", "bob")] {
        let mut other = request_for("theirs", "nothing");
        (other.service, other.user_id) = (Service::new(service).unwrap(), UserId::new(user).unwrap());
        assert!(matches!(refusal(plugin.run(other).await), Error::Denied(_)));
    }
    assert_eq!(sandbox.task(&task_id("theirs")).await.status(), Status::Pending);
}

#[tokio::test]
async fn parameters_are_for_new_tasks_only() {
    let sandbox = Sandbox::new();
    save(&sandbox.store, draft_in("old", Status::Pending)).await;
    let mut with_parameters = request_for("old", "nothing");
    with_parameters.parameters = Some(JsonObject::default());
    let error = refusal(sandbox.plugin("report").await.run(with_parameters).await);
    assert!(matches!(error, Error::InvalidValue(_)), "{error}");
    assert_eq!(sandbox.task(&task_id("old")).await.status(), Status::Pending);
}

#[tokio::test]
async fn one_of_two_runs_of_a_task_is_refused_and_the_other_goes_on() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let contest = || plugin.start(request_for("contested", "stop-when-asked"));
    let (one, other) = tokio::join!(contest(), contest());
    let (run, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert!(matches!(refused, Err(StartError::Store(Error::Held | Error::InvalidTransition(_)))), "{refused:?}");
    let run = run.unwrap();
    run.cancel();
    assert_eq!(run.wait().await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_task_that_its_guest_saves_anew_cannot_be_taken_by_another_run() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("report").await;
    let held = plugin.start(request_for("own", "save-myself-and-wait")).await.unwrap();
    sandbox.logged(held.task_id(), "running").await;
    assert_eq!(sandbox.task(&task_id("own")).await.status(), Status::Pending);
    assert!(matches!(refusal(run(&plugin, "own").await), Error::Held));
    held.cancel();
    assert_eq!(held.wait().await.status, Status::Cancelled);

    // Once its run is over, a task that is saved anew is free.
    save(&sandbox.store, draft_in("own", Status::Pending)).await;
    assert_eq!(run(&plugin, "own").await.unwrap().status, Status::Completed);
}

#[tokio::test]
async fn a_task_that_runs_cannot_be_taken_over_by_a_save_of_another_plugin() {
    let sandbox = Sandbox::new();
    let victim = sandbox.start("report", "stop-when-asked").await;
    sandbox.logged(victim.task_id(), "running").await;
    let before = sandbox.task(victim.task_id()).await.encode();
    let attack = sandbox.run("report", &format!("take-over\n{}", victim.task_id())).await;
    assert_eq!(printed(&attack).await.lines().collect::<Vec<_>>(), ["Err(Conflict)"; 4]);
    assert_eq!(sandbox.task(victim.task_id()).await.encode(), before);
    victim.cancel();
    assert_eq!(victim.wait().await.status, Status::Cancelled);
}

#[tokio::test]
async fn a_guest_that_saves_its_own_task_anew_still_completes_it() {
    let outcome = Sandbox::new().run("report", "save-myself-anew").await;
    assert_end(&outcome, Status::Completed, &["saved anew"]).await;
}

#[tokio::test]
async fn the_first_plugin_to_read_does_what_it_says() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run("quickstart", "").await;
    assert_eq!(outcome.status, Status::Completed);
    let task = sandbox.task(&task_id("external-1")).await;
    let log = ["worker started", "processed input payload", "worker finished"];
    assert_eq!((task.status(), messages(&task)), (Status::Completed, log.map(str::to_owned).to_vec()));

    // The same, for the task that it is run for itself.
    sandbox.store.delete(&task_id("external-1"), &Access::ANY).await.unwrap();
    let outcome = run(&sandbox.plugin("quickstart").await, "external-1").await.unwrap();
    assert_end(&outcome, Status::Completed, &log).await;
    let change = Change::logs(["after"]);
    assert!(sandbox.store.change(&task_id("external-1"), change, &Access::ANY).await.is_ok());
}
