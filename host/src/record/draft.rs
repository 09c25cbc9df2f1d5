//! A task as a caller saves it.

use super::{InvalidValue, JsonObject, Priority, Service, Status, TaskId, TaskResult, Timestamp, UserId};

/// A task as a caller saves it. The store stamps `updated_at`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// The next number of the store's sequence, if absent.
    pub task_id: Option<TaskId>,
    /// The service that the task belongs to.
    pub service: Service,
    /// The user for whom it is done.
    pub user_id: UserId,
    /// Any status: the rule of transitions does not hold for a save.
    pub status: Status,
    /// The parameters.
    pub parameters: JsonObject,
    /// Identifiers that external schedulers gave to the task's jobs.
    pub active_jobs: Vec<String>,
    /// Now, if absent.
    pub created_at: Option<Timestamp>,
    /// Entries of the form `<timestamp>,<message>`, oldest first.
    pub logs: Vec<String>,
    /// What the workload left behind.
    pub result: TaskResult,
    /// How urgent it is.
    pub priority: Priority,
}

impl Draft {
    /// A pending task without an id, parameters, entries or results, of low priority.
    pub fn new(service: Service, user_id: UserId) -> Self {
        Self {
            task_id: None,
            service,
            user_id,
            status: Status::Pending,
            parameters: JsonObject::default(),
            active_jobs: Vec::new(),
            created_at: None,
            logs: Vec::new(),
            result: TaskResult::default(),
            priority: Priority::default(),
        }
    }

    /// The same task with an id of the caller's choice.
    pub fn with_id(mut self, task_id: TaskId) -> Self {
        self.task_id = Some(task_id);
        self
    }

    /// Whether a save takes the names, and every reader the time: records that others wrote may have stranger ones.
    ///
    /// # Errors
    /// [`InvalidValue`], naming the id, service, user or time that a save does not take.
    pub(crate) fn check(&self) -> Result<(), InvalidValue> {
        self.task_id.as_ref().map_or(Ok(()), TaskId::check_new)?;
        self.service.check_new()?;
        self.user_id.check_new()?;
        match &self.created_at {
            Some(at) if !at.is_portable() => {
                Err(InvalidValue::new("created_at", at.as_str(), "its year in UTC is not between 1 and 9999"))
            }
            _ => Ok(()),
        }
    }
}
