//! A task as a plugin saves it.

use crate::record::setters;
use crate::{Priority, TaskResult, TaskStatus};

/// A task as a plugin saves it. The host stamps `updated_at`.
///
/// ```
/// use task_state_guest::{Priority, TaskDraft, TaskStatus};
///
/// let task = TaskDraft::new("analytics", "alice").task_id("import-7").priority(Priority::High);
/// assert_eq!(task.status, TaskStatus::Pending);
/// assert_eq!(task.parameters, "{}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskDraft {
    /// The next number of the store's sequence, if absent.
    pub task_id: Option<String>,
    /// The service that it belongs to.
    pub service: String,
    /// The user for whom it is done.
    pub user_id: String,
    /// Any status: a save is no transition.
    pub status: TaskStatus,
    /// A JSON object, as text.
    pub parameters: String,
    /// Identifiers that external schedulers gave to the task's jobs.
    pub active_jobs: Vec<String>,
    /// When it was registered, as ISO 8601 with an offset; now, if absent.
    pub created_at: Option<String>,
    /// Entries of the form `<time>,<message>`, oldest first.
    pub logs: Vec<String>,
    /// What the workload left behind.
    pub result: TaskResult,
    /// How urgent it is.
    pub priority: Priority,
}

impl TaskDraft {
    /// A pending task without an id, parameters, jobs, entries or results, of low priority.
    pub fn new(service: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            task_id: None,
            service: service.into(),
            user_id: user_id.into(),
            status: TaskStatus::default(),
            parameters: "{}".to_owned(),
            active_jobs: Vec::new(),
            created_at: None,
            logs: Vec::new(),
            result: TaskResult::default(),
            priority: Priority::default(),
        }
    }

    setters! {
        /// The same task under an id of the caller's choice: 1 to 128 bytes without `:`, `{`, `}`, white space and control
        /// characters.
        task_id(id: impl Into<String>) = Some(id.into());
        /// The same task in another status.
        status(status: TaskStatus) = status;
        /// The same task with other parameters: a JSON object, as text.
        parameters(json: impl Into<String>) = json.into();
        /// The same task with other job identifiers.
        active_jobs<J: Into<String>>(jobs: impl IntoIterator<Item = J>) = jobs.into_iter().map(Into::into).collect();
        /// The same task, registered at another time.
        created_at(time: impl Into<String>) = Some(time.into());
        /// The same task with another log. A save takes entries as they are, `<time>,<message>`, and stamps none.
        logs<E: Into<String>>(entries: impl IntoIterator<Item = E>) = entries.into_iter().map(Into::into).collect();
        /// The same task with another result.
        result(result: TaskResult) = result;
        /// The same task with another priority.
        priority(priority: Priority) = priority;
    }
}
