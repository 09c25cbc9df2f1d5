//! The host passes the table of cases in `tests/cases`, which the SDKs' doubles pass too: what a plugin's own tests see is
//! what the host does. A guest plays each case on the real host, with the same player that the Rust SDK's double has.

#[path = "../../../guest/tests/player/mod.rs"]
#[allow(dead_code, reason = "the guest plays the cases; here is only what they are compared by")]
mod player;

use std::fs;
use std::path::Path;

use player::Seen;
use player::values::{self, differs, resolve};
use serde_json::{Value, json};
use task_state_host::plugin::{Fault, Faults, Plugin};
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::{Grants, Host, Input, Operation, RunRequest};
use task_state_tests::guests::guest;
use task_state_tests::tasks::*;

/// Every case of the table, with the name of its file.
fn table() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let cases = |path: &Path| {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        cases.into_iter().map(move |case| (file.clone(), case))
    };
    files.iter().flat_map(|path| cases(path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_answers_every_case_as_the_table_says() {
    let table = table();
    assert!(table.len() > 100, "only {} cases were found", table.len());
    let mut broken = Vec::new();
    for (file, case) in &table {
        if let Some(why) = played(case).await {
            broken.push(format!("{file}: {}: {why}", case["name"]));
        }
    }
    assert!(broken.is_empty(), "{} of {} cases:\n{broken:#?}", broken.len(), table.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_wants_another_answer_or_record_is_not_passed() {
    let (_, case) = table().into_iter().find(|(_, case)| !case["records"][0]["status"].is_null()).unwrap();
    assert_eq!(played(&case).await, None);
    let mut other = case.clone();
    other["records"][0]["status"] = json!("dispatching");
    assert!(played(&other).await.unwrap().contains("dispatching"));
    other = case;
    other["steps"] = json!([{"call": "current-task.flush", "ok": "pending"}]);
    assert!(played(&other).await.unwrap().contains("step 1"));
}

/// Plays a case. Says what is not as it wants it.
async fn played(case: &Value) -> Option<String> {
    let store: SharedStore = std::sync::Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock()).unwrap());
    let host = Host::builder(store.clone()).max_concurrent_runs(1).build().unwrap();
    for task in case["tasks"].as_array().into_iter().flatten() {
        save(&store, draft_of(&resolve(task, &Seen::new()))).await;
    }
    let task = resolve(&case["task"], &Seen::new());
    let plugin = host.load_file(guest("cases"), grants(case, text(&task, "service"))).await.unwrap();
    let said = run(&plugin, &task, case).await;
    if let Some(step) = said.iter().find(|entry| entry.starts_with("step ")) {
        return Some(step.clone());
    }
    // A long text is cut, with a mark.
    let is_end = |entry: &String, text: &str| entry == text || text.starts_with(entry.split("\n[").next().unwrap());
    if let Some(text) = resolve(&case["end"]["error"], &Seen::new()).as_str()
        && !said.iter().any(|entry| is_end(entry, text))
    {
        return Some(format!("its failure is not in the log: {said:?}"));
    }
    for wanted in case["records"].as_array().into_iter().flatten() {
        let wanted = resolve(wanted, &Seen::new());
        let id = text(&wanted, "task-id");
        let found = record(&store, id).await;
        let why = match (found, wanted["absent"] == true) {
            (None, true) => None,
            (Some(_), true) => Some("there is such a task".to_owned()),
            (None, false) => Some("there is no such task".to_owned()),
            (Some(record), false) => differs(&record, &wanted),
        };
        if let Some(why) = why {
            return Some(format!("record of {id}: {why}"));
        }
    }
    None
}

/// Has the guest play a case. Gives the entries that the run has made: a step that is answered otherwise fails it.
async fn run(plugin: &Plugin, task: &Value, case: &Value) -> Vec<String> {
    let draft = draft_of(task);
    let mut request = RunRequest::new(draft.service, draft.user_id);
    request.task_id = draft.task_id;
    request.parameters = Some(draft.parameters);
    request.priority = draft.priority;
    request.input = Input::Bytes(case.to_string().into_bytes().into());
    let mut faults = Faults::default();
    faults.errors = case["faults"].as_array().into_iter().flatten().map(fault).collect();
    faults.cancel_before = case["cancel"]["before-call"].as_u64();
    request.faults = Some(faults);
    let mut events = request.events();
    plugin.run(request).await.unwrap();
    let mut said = Vec::new();
    while let Some(event) = events.next().await {
        if let task_state_host::RunEvent::Entry { message, .. } = event {
            said.push(message);
        }
    }
    said
}

fn fault(value: &Value) -> Fault {
    let fault: Fault = serde_json::from_value(value.clone()).unwrap();
    fault.check().unwrap();
    fault
}

fn grants(case: &Value, service: &str) -> Grants {
    let wanted = &case["grants"];
    let texts = |name: &str| {
        let list = wanted[name].as_array()?;
        Some(list.iter().map(|item| item.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let mut grants = Grants::for_services(texts("services").unwrap_or_else(|| vec![service.to_owned()]));
    if let Some(users) = texts("users") {
        grants = grants.for_users(users);
    }
    if let Some(operations) = texts("operations") {
        grants.operations = operations.iter().map(|name| name.parse::<Operation>().unwrap()).collect();
    }
    grants
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{value} has no {name}"))
}

/// A task of a case as it is saved.
fn draft_of(value: &Value) -> Draft {
    let given = values::draft(value);
    let mut draft = Draft::new(Service::new(given.service).unwrap(), UserId::new(given.user_id).unwrap());
    draft.task_id = given.task_id.as_deref().map(task_id);
    draft.status = given.status.as_str().parse().unwrap();
    draft.parameters = json(&given.parameters);
    draft.active_jobs = given.active_jobs;
    draft.logs = given.logs;
    draft.result = TaskResult { pod_status: given.result.pod_status, launcher_output: given.result.launcher_output };
    draft.priority = given.priority.as_str().parse().unwrap();
    draft.created_at = given.created_at.map(|time| Timestamp::parse_with_offset(&time).unwrap());
    draft
}

/// A record in the spelling of the WIT, its entries without their times. None if there is none.
async fn record(store: &SharedStore, id: &str) -> Option<Value> {
    let id = TaskId::stored(id).unwrap();
    let task = match store.get(&id, &Access::ANY).await {
        Err(Error::NotFound) => return None,
        found => found.unwrap(),
    };
    let progress = store.progress(&id, &Access::ANY).await.unwrap();
    let result = task.result();
    Some(json!({
        "task-id": task.task_id(),
        "service": task.service(),
        "user-id": task.user_id(),
        "status": task.status().as_str().replace('_', "-"),
        "parameters": task.parameters(),
        "active-jobs": task.active_jobs(),
        "created-at": task.created_at().to_string(),
        "updated-at": task.updated_at().to_string(),
        "logs": messages(&task),
        "result": {"pod-status": result.pod_status, "launcher-output": result.launcher_output},
        "priority": task.priority().as_str(),
        "progress": progress.map(|progress| json!({"done": progress.done(), "total": progress.total(), "note": progress.note()})),
    }))
}
