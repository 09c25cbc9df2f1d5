//! One call of a case, made through the SDK.

use serde_json::{Value, json};
use task_state_guest::{Result, TaskRecord, TaskStatus, current_task, repository};

use super::Seen;
use super::values::{
    draft, optional_text, page_json, precondition, priority, record_json, resolve, result, scope, status, status_word,
    text, texts,
};

/// Makes the call of a step. Its answer in the spelling of the WIT.
pub(super) fn call(step: &Value, seen: &mut Seen) -> Result<Value> {
    let args = resolve(&step["args"], seen);
    let name = step["call"].as_str().unwrap_or_default();
    match name.split_once('.') {
        Some(("current-task", function)) => call_current_task(function, &args, seen),
        Some(("repository", function)) => call_repository(function, &args, seen),
        _ => panic!("{name:?} names no interface"),
    }
}

fn call_current_task(function: &str, args: &Value, seen: &mut Seen) -> Result<Value> {
    let answer = match function {
        "get" => return current_task::get().map(|task| note(&task, seen)),
        "cancel-requested" => return Ok(json!(current_task::cancel_requested())),
        "set-status" => current_task::set_status(status(&args["status"]), optional_text(&args["log-entry"])),
        "log" => current_task::log(text(&args["message"])),
        "flush" => current_task::flush(),
        "set-progress" => {
            let done = args["done"].as_u64().expect("done is a number");
            current_task::set_progress(done, args["total"].as_u64(), optional_text(&args["note"]))
        }
        "update-result" => current_task::update_result(result(&args["change"])),
        "set-active-jobs" => current_task::set_active_jobs(texts(&args["jobs"])),
        _ => panic!("current-task has no function {function:?}"),
    };
    answer.map(status_json)
}

fn call_repository(function: &str, args: &Value, seen: &mut Seen) -> Result<Value> {
    let id = args["task-id"].as_str().unwrap_or_default();
    let answer = match function {
        "next-task-id" => return repository::next_task_id().map(Value::from),
        "peek-next-task-id" => return repository::peek_next_task_id().map(Value::from),
        "save" => return repository::save(draft(&args["task"]), precondition(&args["only-if"])).map(Value::from),
        "get" => return repository::get(id).map(|task| note(&task, seen)),
        "delete" => return repository::delete(id).map(Value::from),
        "list-tasks" => {
            let limit = args["limit"].as_u64().and_then(|limit| limit.try_into().ok()).expect("limit is a u32");
            let page = repository::list_tasks(scope(&args["scope"]), limit, optional_text(&args["cursor"]));
            return page.map(|page| page_json(&page));
        }
        "list-users" => return repository::list_users(text(&args["service"])).map(Value::from),
        "set-status" => repository::set_status(id, status(&args["status"]), optional_text(&args["log-entry"])),
        "append-logs" => repository::append_logs(id, texts(&args["messages"])),
        "update-result" => repository::update_result(id, result(&args["change"])),
        "set-active-jobs" => repository::set_active_jobs(id, texts(&args["jobs"])),
        "set-priority" => repository::set_priority(id, priority(&args["priority"])),
        _ => panic!("repository has no function {function:?}"),
    };
    answer.map(status_json)
}

/// A record, whose time is noted.
fn note(task: &TaskRecord, seen: &mut Seen) -> Value {
    seen.insert(task.task_id.clone(), task.updated_at.clone());
    record_json(task)
}

fn status_json(status: TaskStatus) -> Value {
    Value::from(status_word(status))
}
