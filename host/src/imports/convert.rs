//! The record's types in the terms of the WIT package, and back.

use super::bindings::dms::task_state::repository as wit_repository;
use super::bindings::dms::task_state::types as wit;
use crate::record::{
    Draft, InvalidValue, JsonObject, Priority, ResultChange, Service, Status, TaskId, TaskRecord, TaskResult,
    Timestamp, UserId,
};
use crate::store::{Page, Precondition, Scope};

impl From<Status> for wit::TaskStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Dispatching => Self::Dispatching,
            Status::Running => Self::Running,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::CancelRequested => Self::CancelRequested,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl From<wit::TaskStatus> for Status {
    fn from(status: wit::TaskStatus) -> Self {
        match status {
            wit::TaskStatus::Pending => Self::Pending,
            wit::TaskStatus::Dispatching => Self::Dispatching,
            wit::TaskStatus::Running => Self::Running,
            wit::TaskStatus::Completed => Self::Completed,
            wit::TaskStatus::Failed => Self::Failed,
            wit::TaskStatus::CancelRequested => Self::CancelRequested,
            wit::TaskStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Priority> for wit::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::High,
            Priority::Low => Self::Low,
        }
    }
}

impl From<wit::Priority> for Priority {
    fn from(priority: wit::Priority) -> Self {
        match priority {
            wit::Priority::High => Self::High,
            wit::Priority::Low => Self::Low,
        }
    }
}

impl From<TaskResult> for wit::TaskResult {
    fn from(result: TaskResult) -> Self {
        Self { pod_status: result.pod_status, launcher_output: result.launcher_output }
    }
}

impl From<wit::TaskResult> for TaskResult {
    fn from(result: wit::TaskResult) -> Self {
        Self { pod_status: result.pod_status, launcher_output: result.launcher_output }
    }
}

impl From<wit::TaskResult> for ResultChange {
    fn from(result: wit::TaskResult) -> Self {
        Self { pod_status: result.pod_status, launcher_output: result.launcher_output }
    }
}

impl From<&TaskRecord> for wit::TaskRecord {
    fn from(task: &TaskRecord) -> Self {
        Self {
            task_id: task.task_id().to_owned(),
            service: task.service().to_owned(),
            user_id: task.user_id().to_owned(),
            status: task.status().into(),
            parameters: task.parameters().to_owned(),
            active_jobs: task.active_jobs(),
            created_at: task.created_at().to_string(),
            updated_at: task.updated_at().to_string(),
            logs: task.logs(),
            result: task.result().into(),
            priority: task.priority().into(),
        }
    }
}

impl From<Page> for wit_repository::Page {
    fn from(page: Page) -> Self {
        Self { tasks: page.tasks.iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<wit_repository::Scope> for Scope {
    fn from(scope: wit_repository::Scope) -> Self {
        match scope {
            wit_repository::Scope::All => Self::All,
            wit_repository::Scope::Service(service) => Self::Service(service),
            wit_repository::Scope::User(user) => Self::User(user),
            wit_repository::Scope::ServiceUser((service, user)) => Self::ServiceUser(service, user),
            wit_repository::Scope::Ids(ids) => Self::Ids(ids.into_iter().collect()),
        }
    }
}

impl TryFrom<wit_repository::TaskDraft> for Draft {
    type Error = InvalidValue;

    fn try_from(draft: wit_repository::TaskDraft) -> Result<Self, InvalidValue> {
        Ok(Self {
            task_id: draft.task_id.map(TaskId::new).transpose()?,
            status: draft.status.into(),
            parameters: JsonObject::parse("parameters", &draft.parameters)?,
            active_jobs: draft.active_jobs,
            created_at: draft.created_at.as_deref().map(Timestamp::parse_with_offset).transpose()?,
            logs: draft.logs,
            result: draft.result.into(),
            priority: draft.priority.into(),
            ..Self::new(Service::new(draft.service)?, UserId::new(draft.user_id)?)
        })
    }
}

impl TryFrom<wit_repository::Precondition> for Precondition {
    type Error = InvalidValue;

    fn try_from(only_if: wit_repository::Precondition) -> Result<Self, InvalidValue> {
        Ok(match only_if {
            wit_repository::Precondition::None => Self::None,
            wit_repository::Precondition::Absent => Self::Absent,
            wit_repository::Precondition::UnchangedSince(at) => {
                Self::UnchangedSince(Timestamp::parse_with_offset(&at)?)
            }
        })
    }
}
