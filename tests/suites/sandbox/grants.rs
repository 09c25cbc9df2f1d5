//! What a plugin can reach of tasks that are not its own.

use std::collections::BTreeMap;
use std::sync::Mutex;

use task_state_host::{Operation, OutputSink};

use super::*;

/// A sandbox with a task `victim` of the service `sync` and the user `bob`.
async fn with_victim() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    save(&sandbox.store, owned_draft("victim", "sync", "bob")).await;
    let record = sandbox.task(&task_id("victim")).await.encode();
    (sandbox, record)
}

/// What the thief says of each of its attempts.
async fn attempts(sandbox: &Sandbox, grants: Grants) -> BTreeMap<String, String> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = said.clone();
    let mut request = request_for("own", "");
    request.output = OutputSink::callback(move |bytes| sink.lock().unwrap().extend_from_slice(bytes));
    sandbox.plugin_with("thief", grants).await.run(request).await.unwrap();
    let said = String::from_utf8(said.lock().unwrap().clone()).unwrap();
    let attempts: BTreeMap<_, _> =
        said.lines().filter_map(|line| line.split_once(": ")).map(|(what, came)| (what.into(), came.into())).collect();
    assert_eq!(attempts.len(), 20, "{said}");
    attempts
}

#[tokio::test]
async fn a_task_of_another_service_can_be_reached_in_no_way() {
    let (sandbox, record) = with_victim().await;
    let all = Operation::ALL.into_iter().fold(Grants::for_services(["analytics"]), Grants::allow);
    let attempts = attempts(&sandbox, all).await;

    let by_id = "Err(Denied(\"the task's service is not granted\"))";
    for attempt in
        ["get", "set-status", "append-logs", "update-result", "set-active-jobs", "set-priority", "delete", "save-over"]
    {
        assert_eq!(attempts[attempt], by_id, "{attempt}");
    }
    assert!(["Err(Conflict)", by_id].contains(&attempts["save-over-if-absent"].as_str()), "{attempts:?}");
    let by_name = "Err(Denied(\"service \\\"sync\\\" is not granted\"))";
    for attempt in ["save-as-theirs", "save-for-them", "give-away", "list-service", "list-service-user", "list-users"] {
        assert_eq!(attempts[attempt], by_name, "{attempt}");
    }
    for (attempt, shown) in [("list-all", "Ok([\"own\"])"), ("list-user", "Ok([])"), ("list-ids", "Ok([\"own\"])")] {
        assert_eq!(attempts[attempt], shown, "{attempt}");
    }
    assert_eq!(attempts["strange-id"], "Err(NotFound)");
    assert!(attempts["sequence-as-id"].starts_with("Err(InvalidArgument"), "{attempts:?}");

    assert_eq!(sandbox.task(&task_id("victim")).await.encode(), record);
}

#[tokio::test]
async fn an_operation_that_is_not_granted_is_denied_by_its_name() {
    let (sandbox, record) = with_victim().await;
    let everyone = Grants::for_services(["analytics", "sync"]);
    let said = attempts(&sandbox, everyone.clone()).await;
    for (attempt, operation) in [("delete", "delete"), ("list-all", "list"), ("list-users", "list")] {
        let denied = format!("Err(Denied(\"operation \\\"{operation}\\\" is not granted\"))");
        assert_eq!(said[attempt], denied, "{attempt}");
    }
    assert_eq!(said["get"], "Ok(\"victim\")");
    // A run saves its task for nobody else.
    assert_eq!(said["give-away"], "Err(Denied(\"the task's service is not granted\"))");
    assert_ne!(sandbox.task(&task_id("victim")).await.encode(), record);

    let (sandbox, record) = with_victim().await;
    let mut nothing = everyone;
    nothing.operations.clear();
    for (attempt, outcome) in attempts(&sandbox, nothing).await {
        assert!(outcome.starts_with("Err(Denied(\"operation "), "{attempt}: {outcome}");
    }
    assert_eq!(sandbox.task(&task_id("victim")).await.encode(), record);
}

#[tokio::test]
async fn a_task_of_another_user_can_be_reached_in_no_way() {
    let (sandbox, record) = with_victim().await;
    let all = Operation::ALL.into_iter().fold(Grants::for_services(["analytics", "sync"]), Grants::allow);
    let attempts = attempts(&sandbox, all.for_users(["alice"])).await;
    for attempt in ["get", "set-status", "append-logs", "delete", "save-over"] {
        assert_eq!(attempts[attempt], "Err(Denied(\"the task's user is not granted\"))", "{attempt}");
    }
    assert_eq!(attempts["save-for-them"], "Err(Denied(\"user \\\"bob\\\" is not granted\"))");
    for (attempt, shown) in [("list-all", "Ok([\"own\"])"), ("list-service", "Ok([])"), ("list-users", "Ok([])")] {
        assert_eq!(attempts[attempt], shown, "{attempt}");
    }
    assert_eq!(sandbox.task(&task_id("victim")).await.encode(), record);
}
