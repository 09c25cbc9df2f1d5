//! From the generated types to the crate's own, and back, and from a record to a draft. Every conversion moves; none
//! copies.

use crate::bindings::dms::task_state::{repository, types};
use crate::{Error, Page, Precondition, Priority, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// Both ways between an enum and the generated one of the same name and cases.
macro_rules! same_cases {
    ($($name:ident: $($case:ident)+;)+) => {$(
        impl From<types::$name> for $name {
            fn from(value: types::$name) -> Self {
                match value {
                    $(types::$name::$case => Self::$case,)+
                }
            }
        }

        impl From<$name> for types::$name {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$case => Self::$case,)+
                }
            }
        }
    )+};
}

same_cases! {
    TaskStatus: Pending Dispatching Running Completed Failed CancelRequested Cancelled;
    Priority: High Low;
}

/// From a struct to one of the same fields, each converted on its own.
macro_rules! same_fields {
    ($($(#[$doc:meta])* $from:ty => $to:ty: $($field:ident)+;)+) => {$(
        $(#[$doc])*
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                Self { $($field: value.$field.into(),)+ }
            }
        }
    )+};
}

same_fields! {
    types::TaskResult => TaskResult: pod_status launcher_output;
    TaskResult => types::TaskResult: pod_status launcher_output;
    types::TaskRecord => TaskRecord:
        task_id service user_id status parameters active_jobs created_at updated_at logs result priority;
    TaskDraft => repository::TaskDraft:
        task_id service user_id status parameters active_jobs created_at logs result priority;
    /// The task as it is, to be changed and saved again, best with
    /// [`Precondition::UnchangedSince`](crate::Precondition::UnchangedSince).
    TaskRecord => TaskDraft: task_id service user_id status parameters active_jobs created_at logs result priority;
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
