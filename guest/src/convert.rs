//! From the generated types to the crate's own, and back. Every conversion moves; none copies.

use crate::bindings::dms::task_state::{repository, types};
use crate::{Error, Page, Precondition, Priority, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

impl From<types::TaskStatus> for TaskStatus {
    fn from(status: types::TaskStatus) -> Self {
        match status {
            types::TaskStatus::Pending => Self::Pending,
            types::TaskStatus::Dispatching => Self::Dispatching,
            types::TaskStatus::Running => Self::Running,
            types::TaskStatus::Completed => Self::Completed,
            types::TaskStatus::Failed => Self::Failed,
            types::TaskStatus::CancelRequested => Self::CancelRequested,
            types::TaskStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<TaskStatus> for types::TaskStatus {
    fn from(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Pending => Self::Pending,
            TaskStatus::Dispatching => Self::Dispatching,
            TaskStatus::Running => Self::Running,
            TaskStatus::Completed => Self::Completed,
            TaskStatus::Failed => Self::Failed,
            TaskStatus::CancelRequested => Self::CancelRequested,
            TaskStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<types::Priority> for Priority {
    fn from(priority: types::Priority) -> Self {
        match priority {
            types::Priority::High => Self::High,
            types::Priority::Low => Self::Low,
        }
    }
}

impl From<Priority> for types::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::High => Self::High,
            Priority::Low => Self::Low,
        }
    }
}

impl From<types::TaskResult> for TaskResult {
    fn from(result: types::TaskResult) -> Self {
        Self { pod_status: result.pod_status, launcher_output: result.launcher_output }
    }
}

impl From<TaskResult> for types::TaskResult {
    fn from(result: TaskResult) -> Self {
        Self { pod_status: result.pod_status, launcher_output: result.launcher_output }
    }
}

impl From<types::TaskRecord> for TaskRecord {
    fn from(record: types::TaskRecord) -> Self {
        Self {
            task_id: record.task_id,
            service: record.service,
            user_id: record.user_id,
            status: record.status.into(),
            parameters: record.parameters,
            active_jobs: record.active_jobs,
            created_at: record.created_at,
            updated_at: record.updated_at,
            logs: record.logs,
            result: record.result.into(),
            priority: record.priority.into(),
        }
    }
}

impl From<TaskDraft> for repository::TaskDraft {
    fn from(draft: TaskDraft) -> Self {
        Self {
            task_id: draft.task_id,
            service: draft.service,
            user_id: draft.user_id,
            status: draft.status.into(),
            parameters: draft.parameters,
            active_jobs: draft.active_jobs,
            created_at: draft.created_at,
            logs: draft.logs,
            result: draft.result.into(),
            priority: draft.priority.into(),
        }
    }
}

impl From<Precondition> for repository::Precondition {
    fn from(precondition: Precondition) -> Self {
        match precondition {
            Precondition::None => Self::None,
            Precondition::Absent => Self::Absent,
            Precondition::UnchangedSince(time) => Self::UnchangedSince(time),
        }
    }
}

impl From<Scope> for repository::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::All => Self::All,
            Scope::Service(service) => Self::Service(service),
            Scope::User(user_id) => Self::User(user_id),
            Scope::ServiceUser { service, user_id } => Self::ServiceUser((service, user_id)),
            Scope::Ids(ids) => Self::Ids(ids),
        }
    }
}

impl From<repository::Page> for Page {
    fn from(page: repository::Page) -> Self {
        Self { tasks: page.tasks.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::NotFound => Self::NotFound,
            types::Error::InvalidArgument(why) => Self::InvalidArgument(why),
            types::Error::Denied(grant) => Self::Denied(grant),
            types::Error::Conflict => Self::Conflict,
            types::Error::InvalidTransition(from) => Self::InvalidTransition(from.into()),
            types::Error::QuotaExceeded(quota) => Self::QuotaExceeded(quota),
            types::Error::Unavailable(why) => Self::Unavailable(why),
            types::Error::Internal(why) => Self::Internal(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_comes_back_from_the_contract_as_it_went() {
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::from(types::TaskStatus::from(status)), status);
        }
    }

    #[test]
    fn a_record_becomes_a_draft_of_the_same_task() {
        let record = TaskRecord::from(types::TaskRecord {
            task_id: "7".into(),
            service: "analytics".into(),
            user_id: "alice".into(),
            status: types::TaskStatus::CancelRequested,
            parameters: "{\"n\":1}".into(),
            active_jobs: vec!["job-1".into()],
            created_at: "2025-11-17T10:00:16+09:00".into(),
            updated_at: "2025-11-17T10:00:17+09:00".into(),
            logs: vec!["2025-11-17T10:00:17+09:00,hello".into()],
            result: types::TaskResult { pod_status: Some("up".into()), launcher_output: None },
            priority: types::Priority::High,
        });
        let sent = repository::TaskDraft::from(TaskDraft::from(record));
        assert_eq!((sent.task_id.as_deref(), &*sent.service, &*sent.user_id), (Some("7"), "analytics", "alice"));
        assert_eq!((sent.status, sent.priority), (types::TaskStatus::CancelRequested, types::Priority::High));
        assert_eq!((&*sent.parameters, sent.active_jobs), ("{\"n\":1}", vec!["job-1".to_owned()]));
        assert_eq!(sent.created_at.as_deref(), Some("2025-11-17T10:00:16+09:00"));
        assert_eq!(sent.logs, ["2025-11-17T10:00:17+09:00,hello"]);
        assert_eq!((sent.result.pod_status.as_deref(), sent.result.launcher_output), (Some("up"), None));
    }
}
