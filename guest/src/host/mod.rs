//! The host in the crate's own types: what a component imports, or what takes its place outside of one.
//!
//! Everything that the crate asks of the host goes through [`current_task`] and [`repository`] here.

mod component;

use crate::{Page, Precondition, Priority, Result, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// The interface `current-task`.
pub(crate) trait CurrentTask {
    fn get(&mut self) -> Result<TaskRecord>;
    fn set_status(&mut self, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus>;
    fn log(&mut self, message: &str) -> Result<TaskStatus>;
    fn flush(&mut self) -> Result<TaskStatus>;
    fn set_progress(&mut self, done: u64, total: Option<u64>, note: Option<&str>) -> Result<TaskStatus>;
    fn update_result(&mut self, change: TaskResult) -> Result<TaskStatus>;
    fn set_active_jobs(&mut self, jobs: Vec<String>) -> Result<TaskStatus>;
    fn cancel_requested(&mut self) -> Result<bool>;
}

/// The interface `repository`.
pub(crate) trait Repository {
    fn next_task_id(&mut self) -> Result<String>;
    fn peek_next_task_id(&mut self) -> Result<String>;
    fn save(&mut self, task: TaskDraft, only_if: Precondition) -> Result<String>;
    fn get(&mut self, task_id: &str) -> Result<TaskRecord>;
    fn delete(&mut self, task_id: &str) -> Result<bool>;
    fn set_status(&mut self, task_id: &str, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus>;
    fn append_logs(&mut self, task_id: &str, messages: Vec<String>) -> Result<TaskStatus>;
    fn update_result(&mut self, task_id: &str, change: TaskResult) -> Result<TaskStatus>;
    fn set_active_jobs(&mut self, task_id: &str, jobs: Vec<String>) -> Result<TaskStatus>;
    fn set_priority(&mut self, task_id: &str, priority: Priority) -> Result<TaskStatus>;
    fn list_tasks(&mut self, scope: Scope, limit: u32, cursor: Option<&str>) -> Result<Page>;
    fn list_users(&mut self, service: &str) -> Result<Vec<String>>;
}

/// Makes a call to `current-task`.
#[cfg(target_family = "wasm")]
pub(crate) fn current_task<T>(call: impl FnOnce(&mut dyn CurrentTask) -> Result<T>) -> Result<T> {
    call(&mut component::Component)
}

/// Makes a call to `repository`.
#[cfg(target_family = "wasm")]
pub(crate) fn repository<T>(call: impl FnOnce(&mut dyn Repository) -> Result<T>) -> Result<T> {
    call(&mut component::Component)
}

/// Makes a call to what stands for `current-task` on this thread.
#[cfg(all(not(target_family = "wasm"), feature = "testing"))]
pub(crate) fn current_task<T>(call: impl FnOnce(&mut dyn CurrentTask) -> Result<T>) -> Result<T> {
    crate::testing::on_this_thread(|session| call(session)).unwrap_or_else(no_host)
}

/// Makes a call to what stands for `repository` on this thread.
#[cfg(all(not(target_family = "wasm"), feature = "testing"))]
pub(crate) fn repository<T>(call: impl FnOnce(&mut dyn Repository) -> Result<T>) -> Result<T> {
    crate::testing::on_this_thread(|session| call(session)).unwrap_or_else(no_host)
}

/// Outside of a component there is no host to call.
#[cfg(not(any(target_family = "wasm", feature = "testing")))]
pub(crate) fn current_task<T>(_: impl FnOnce(&mut dyn CurrentTask) -> Result<T>) -> Result<T> {
    no_host()
}

/// Outside of a component there is no host to call.
#[cfg(not(any(target_family = "wasm", feature = "testing")))]
pub(crate) fn repository<T>(_: impl FnOnce(&mut dyn Repository) -> Result<T>) -> Result<T> {
    no_host()
}

/// What a call is answered that no host can answer. To unwind or to abort is not for the crate to decide.
#[cfg(not(target_family = "wasm"))]
fn no_host<T>() -> Result<T> {
    let why = if cfg!(feature = "testing") {
        "there is no host on this thread: run the plugin as a task of `task_state_guest::testing`"
    } else {
        "there is no host outside of a component: in tests, the feature `testing` of task-state-guest has one"
    };
    Err(crate::Error::Internal(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::{Error, Scope, current_task, repository};

    #[test]
    fn a_call_outside_of_a_component_and_of_a_test_task_answers_that_there_is_no_host() {
        for answer in [current_task::log("a").map(drop), repository::list_tasks(Scope::All, 1, None).map(drop)] {
            let Err(Error::Internal(why)) = answer else { panic!("{answer:?}") };
            assert!(why.contains("there is no host") && why.contains("testing"), "{why}");
        }
        assert!(!current_task::cancel_requested());
    }
}
