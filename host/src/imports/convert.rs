//! The record's types in the terms of the WIT package, and back.

use super::bindings::dms::task_state::repository as wit_repository;
use super::bindings::dms::task_state::types as wit;
use crate::record::{
    Draft, InvalidValue, JsonObject, Priority, Service, Status, TaskId, TaskRecord, TaskResult, Timestamp, UserId,
};
use crate::store::{Page, Precondition, Scope};

/// Two enums with the same variants, each made of the other.
macro_rules! same_variants {
    ($ours:ty, $wit:ty: $($variant:ident)*) => {
        impl From<$ours> for $wit {
            fn from(ours: $ours) -> Self {
                match ours { $(<$ours>::$variant => Self::$variant,)* }
            }
        }

        impl From<$wit> for $ours {
            fn from(wit: $wit) -> Self {
                match wit { $(<$wit>::$variant => Self::$variant,)* }
            }
        }
    };
}

same_variants!(Status, wit::TaskStatus: Pending Dispatching Running Completed Failed CancelRequested Cancelled);
same_variants!(Priority, wit::Priority: High Low);

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
