//! The host of a component: what wit-bindgen imports, in the crate's own types.

use super::{CurrentTask, Repository};
use crate::bindings::dms::task_state::{current_task, repository};
use crate::{Page, Precondition, Priority, Result, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// What the component imports.
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "outside of a component nothing is imported"))]
pub(super) struct Component;

impl CurrentTask for Component {
    fn get(&mut self) -> Result<TaskRecord> {
        Ok(current_task::get()?.into())
    }

    fn set_status(&mut self, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus> {
        Ok(current_task::set_status(status.into(), log_entry)?.into())
    }

    fn log(&mut self, message: &str) -> Result<TaskStatus> {
        Ok(current_task::log(message)?.into())
    }

    fn flush(&mut self) -> Result<TaskStatus> {
        Ok(current_task::flush()?.into())
    }

    fn set_progress(&mut self, done: u64, total: Option<u64>, note: Option<&str>) -> Result<TaskStatus> {
        Ok(current_task::set_progress(done, total, note)?.into())
    }

    fn update_result(&mut self, change: TaskResult) -> Result<TaskStatus> {
        Ok(current_task::update_result(&change.into())?.into())
    }

    fn set_active_jobs(&mut self, jobs: Vec<String>) -> Result<TaskStatus> {
        Ok(current_task::set_active_jobs(&jobs)?.into())
    }

    fn cancel_requested(&mut self) -> Result<bool> {
        Ok(current_task::cancel_requested())
    }
}

impl Repository for Component {
    fn next_task_id(&mut self) -> Result<String> {
        Ok(repository::next_task_id()?)
    }

    fn peek_next_task_id(&mut self) -> Result<String> {
        Ok(repository::peek_next_task_id()?)
    }

    fn save(&mut self, task: TaskDraft, only_if: Precondition) -> Result<String> {
        Ok(repository::save(&task.into(), &only_if.into())?)
    }

    fn get(&mut self, task_id: &str) -> Result<TaskRecord> {
        Ok(repository::get(task_id)?.into())
    }

    fn delete(&mut self, task_id: &str) -> Result<bool> {
        Ok(repository::delete(task_id)?)
    }

    fn set_status(&mut self, task_id: &str, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus> {
        Ok(repository::set_status(task_id, status.into(), log_entry)?.into())
    }

    fn append_logs(&mut self, task_id: &str, messages: Vec<String>) -> Result<TaskStatus> {
        Ok(repository::append_logs(task_id, &messages)?.into())
    }

    fn update_result(&mut self, task_id: &str, change: TaskResult) -> Result<TaskStatus> {
        Ok(repository::update_result(task_id, &change.into())?.into())
    }

    fn set_active_jobs(&mut self, task_id: &str, jobs: Vec<String>) -> Result<TaskStatus> {
        Ok(repository::set_active_jobs(task_id, &jobs)?.into())
    }

    fn set_priority(&mut self, task_id: &str, priority: Priority) -> Result<TaskStatus> {
        Ok(repository::set_priority(task_id, priority.into())?.into())
    }

    fn list_tasks(&mut self, scope: Scope, limit: u32, cursor: Option<&str>) -> Result<Page> {
        Ok(repository::list_tasks(&scope.into(), limit, cursor)?.into())
    }

    fn list_users(&mut self, service: &str) -> Result<Vec<String>> {
        Ok(repository::list_users(service)?)
    }
}
