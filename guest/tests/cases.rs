//! The double of the host passes the table of cases that the host passes.

mod player;

use std::fs;
use std::path::Path;

use player::values::{self, differs, record_json, resolve};
use player::{Seen, play};
use serde_json::{Value, json};
use task_state_guest::testing::{Grants, Operation, Run, Task};
use task_state_guest::{Error, Priority};

/// Every file of the table, with its cases.
fn table() -> Vec<(String, Vec<Value>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let read = |path: &Path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path)))
        .collect()
}

#[test]
fn the_double_answers_every_case_as_the_host_does() {
    let table = table();
    let played: Vec<(&str, Option<String>)> = table
        .iter()
        .flat_map(|(file, cases)| cases.iter().map(move |case| (file, case)))
        .map(|(file, case)| (file.as_str(), broken(case).map(|why| format!("{file}: {}: {why}", case["name"]))))
        .collect();
    let broken: Vec<&String> = played.iter().filter_map(|(_, why)| why.as_ref()).collect();
    assert!(broken.is_empty(), "{} of {} cases:\n{broken:#?}", broken.len(), played.len());
    assert!(played.len() > 100, "only {} cases were found", played.len());
}

#[test]
fn a_case_that_wants_another_answer_or_record_is_not_passed() {
    let case = |change: &[(&str, Value)]| {
        let mut case = json!({
            "task": {"task-id": "t1", "service": "analytics", "user-id": "alice"},
            "steps": [{"call": "current-task.log", "args": {"message": "a"}, "ok": "running"}],
            "records": [{"task-id": "t1", "status": "completed", "logs": ["a"], "progress": null}, {"task-id": "t2", "absent": true}],
        });
        for (pointer, value) in change {
            *case.pointer_mut(pointer).unwrap() = value.clone();
        }
        broken(&case)
    };
    assert_eq!(case(&[]), None);
    for change in [
        ("/steps/0/ok", json!("pending")),
        ("/steps/0/args/message", json!("b")),
        ("/records/0/status", json!("failed")),
        ("/records/0/logs", json!([])),
        ("/records/0/progress", json!({"done": 1})),
        ("/records/0/task-id", json!("t3")),
        ("/records/1/task-id", json!("t1")),
    ] {
        assert!(case(std::slice::from_ref(&change)).is_some(), "{change:?}");
    }
}

/// Plays a case. Says what is not as it wants it.
fn broken(case: &Value) -> Option<String> {
    let run = task(case).run_with(|_| play(case));
    let end = resolve(&case["end"]["error"], &Seen::new());
    if run.failure() != end.as_str() {
        return Some(run.failure().unwrap_or("it did not fail").to_owned());
    }
    case["records"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|wanted| record_differs(&run, &resolve(wanted, &Seen::new())))
}

fn record_differs(run: &Run, wanted: &Value) -> Option<String> {
    let id = wanted["task-id"].as_str().unwrap();
    match (run.get(id), wanted["absent"] == true) {
        (None, true) => None,
        (Some(_), true) => Some(format!("there is a task {id}")),
        (None, false) => Some(format!("there is no task {id}")),
        (Some(task), false) => {
            let mut record = record_json(task);
            record["progress"] = match run.progress().filter(|_| id == run.task().task_id) {
                Some(progress) => json!({"done": progress.done, "total": progress.total, "note": progress.note}),
                None => Value::Null,
            };
            differs(&record, wanted).map(|why| format!("record of {id}: {why}"))
        }
    }
}

/// The task of a case, with the store around it.
fn task(case: &Value) -> Task {
    let draft = values::draft(&case["task"]);
    let mut task = Task::new(draft.service.clone(), draft.user_id)
        .task_id(draft.task_id.unwrap())
        .parameters(draft.parameters)
        .priority(if draft.priority == Priority::High { Priority::High } else { Priority::Low });
    if let Some(wanted) = case.get("grants") {
        task = task.grants(grants(wanted, &draft.service));
    }
    for other in case["tasks"].as_array().into_iter().flatten() {
        task = task.with_stored(values::draft(&resolve(other, &Seen::new())));
    }
    for fault in case["faults"].as_array().into_iter().flatten() {
        let nth = fault["nth"].as_u64().unwrap();
        task = task.fail(fault["call"].as_str().unwrap(), nth, error(&fault["error"]));
    }
    match case["cancel"]["before-call"].as_u64() {
        Some(nth) => task.cancel_before_call(nth),
        None => task,
    }
}

fn grants(wanted: &Value, service: &str) -> Grants {
    let texts = |name: &str| {
        let list = wanted[name].as_array()?;
        Some(list.iter().map(|item| item.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let mut grants = Grants::for_services(texts("services").unwrap_or_else(|| vec![service.to_owned()]));
    if let Some(users) = texts("users") {
        grants = grants.for_users(users);
    }
    if let Some(operations) = texts("operations") {
        let operation = |name: String| Operation::ALL.into_iter().find(|operation| operation.as_str() == name).unwrap();
        grants = grants.operations(operations.into_iter().map(operation));
    }
    grants
}

fn error(value: &Value) -> Error {
    let Some((case, payload)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return if value == "conflict" { Error::Conflict } else { Error::NotFound };
    };
    let text = payload.as_str().unwrap().to_owned();
    match case.as_str() {
        "denied" => Error::Denied(text),
        "invalid-argument" => Error::InvalidArgument(text),
        "invalid-transition" => Error::InvalidTransition(values::status(payload)),
        "quota-exceeded" => Error::QuotaExceeded(text),
        "unavailable" => Error::Unavailable(text),
        "internal" => Error::Internal(text),
        other => panic!("{other:?} is no error"),
    }
}
