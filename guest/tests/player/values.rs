//! The values of a case in the SDK's types, and back.

use serde_json::{Map, Value, json};
use task_state_guest::{Error, Page, Precondition, Priority, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

use super::Seen;

/// The value with the texts in it that `$repeat` and `$updated-at` stand for.
pub(crate) fn resolve(value: &Value, seen: &Seen) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| resolve(item, seen)).collect(),
        Value::Object(fields) => match fields.iter().next() {
            Some((name, parts)) if name == "$repeat" => {
                let times = parts[2].as_u64().and_then(|times| times.try_into().ok()).expect("a number of times");
                json!(format!("{}{}{}", text(&parts[0]), text(&parts[1]).repeat(times), text(&parts[3])))
            }
            Some((name, id)) if name == "$updated-at" => json!(seen.get(text(id)).expect("the task was got before")),
            _ => Value::Object(fields.iter().map(|(name, value)| (name.clone(), resolve(value, seen))).collect()),
        },
        other => other.clone(),
    }
}

/// How an answer differs from what is wanted of it, if it does.
pub(crate) fn differs(answer: &Value, wanted: &Value) -> Option<String> {
    let is_same = match (answer, wanted) {
        (Value::String(_), Value::String(any)) if any == "*" => true,
        (Value::Object(fields), Value::Object(wanted)) => {
            return wanted.iter().find_map(|(name, wanted)| {
                let field = fields.get(name).unwrap_or(&Value::Null);
                field_differs(name, field, wanted).map(|why| format!("{name}: {why}"))
            });
        }
        (Value::Array(items), Value::Array(wanted)) if items.len() == wanted.len() => {
            return items.iter().zip(wanted).find_map(|(item, wanted)| differs(item, wanted));
        }
        _ => answer == wanted,
    };
    (!is_same).then(|| format!("{answer} instead of {wanted}"))
}

fn field_differs(name: &str, field: &Value, wanted: &Value) -> Option<String> {
    match (name, field, wanted) {
        ("parameters", Value::String(text), Value::Object(_)) => {
            let value: Value = serde_json::from_str(text).expect("parameters are JSON");
            (value != *wanted).then(|| format!("{value} instead of {wanted}"))
        }
        _ => differs(field, wanted),
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(super) fn optional_text(value: &Value) -> Option<&str> {
    (!value.is_null()).then(|| text(value))
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// The words of the WIT have hyphens where those of a record have underscores.
pub(super) fn status_word(status: TaskStatus) -> String {
    status.as_str().replace('_', "-")
}

pub(crate) fn status(value: &Value) -> TaskStatus {
    text(value).replace('-', "_").parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn priority(value: &Value) -> Priority {
    text(value).parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn result(value: &Value) -> TaskResult {
    let mut result = TaskResult::new();
    result.pod_status = optional_text(&value["pod-status"]).map(str::to_owned);
    result.launcher_output = optional_text(&value["launcher-output"]).map(str::to_owned);
    result
}

/// A task as it is saved, or as it is before a run.
pub(crate) fn draft(value: &Value) -> TaskDraft {
    let mut draft = TaskDraft::new(text(&value["service"]), text(&value["user-id"]))
        .active_jobs(texts(&value["active-jobs"]))
        .logs(texts(&value["logs"]))
        .result(result(&value["result"]));
    draft.task_id = optional_text(&value["task-id"]).map(str::to_owned);
    draft.created_at = optional_text(&value["created-at"]).map(str::to_owned);
    if let Some(parameters) = value.get("parameters") {
        draft.parameters = parameters.as_str().map_or_else(|| parameters.to_string(), str::to_owned);
    }
    if let Some(word) = value.get("status") {
        draft.status = status(word);
    }
    if let Some(priority) = value.get("priority") {
        draft.priority = self::priority(priority);
    }
    draft
}

pub(super) fn precondition(value: &Value) -> Precondition {
    match value {
        Value::Object(fields) => Precondition::UnchangedSince(text(&fields["unchanged-since"]).to_owned()),
        Value::String(word) if word == "absent" => Precondition::Absent,
        Value::Null => Precondition::None,
        other => panic!("{other} is no precondition"),
    }
}

pub(super) fn scope(value: &Value) -> Scope {
    let Some((kind, value)) = value.as_object().and_then(|fields| fields.iter().next()) else { return Scope::All };
    match kind.as_str() {
        "service" => Scope::service(text(value)),
        "user" => Scope::user(text(value)),
        "service-user" => Scope::service_user(text(&value[0]), text(&value[1])),
        "ids" => Scope::ids(texts(value)),
        other => panic!("{other:?} is no scope"),
    }
}

/// A record in the spelling of the WIT, its entries without their times.
pub(crate) fn record_json(task: &TaskRecord) -> Value {
    json!({
        "task-id": task.task_id,
        "service": task.service,
        "user-id": task.user_id,
        "status": status_word(task.status),
        "parameters": task.parameters,
        "active-jobs": task.active_jobs,
        "created-at": task.created_at,
        "updated-at": task.updated_at,
        "logs": task.entries().map(|entry| entry.message).collect::<Vec<_>>(),
        "result": {"pod-status": task.result.pod_status, "launcher-output": task.result.launcher_output},
        "priority": task.priority.as_str(),
    })
}

pub(super) fn page_json(page: &Page) -> Value {
    json!({"tasks": page.tasks.iter().map(record_json).collect::<Vec<_>>(), "next": page.next})
}

/// An error as cases spell it.
pub(crate) fn error_json(error: &Error) -> Value {
    let (case, payload) = match error {
        Error::NotFound => return json!("not-found"),
        Error::Conflict => return json!("conflict"),
        Error::InvalidArgument(why) => ("invalid-argument", why.clone()),
        Error::Denied(grant) => ("denied", grant.clone()),
        Error::InvalidTransition(from) => ("invalid-transition", status_word(*from)),
        Error::QuotaExceeded(quota) => ("quota-exceeded", quota.clone()),
        Error::Unavailable(why) => ("unavailable", why.clone()),
        Error::Internal(why) => ("internal", why.clone()),
        other => panic!("the cases do not know {other:?}"),
    };
    Value::Object(Map::from_iter([(case.to_owned(), json!(payload))]))
}
