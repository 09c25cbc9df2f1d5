//! What a save may depend on, and what a listing covers.

use crate::TaskRecord;

/// When a save may go ahead. A save that may not gives [`Error::Conflict`](crate::Error::Conflict).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precondition {
    /// Always: a task with that id is replaced whole.
    #[default]
    None,
    /// Only if there is no task with that id.
    Absent,
    /// Only if the stored task's `updated_at` is still this.
    UnchangedSince(String),
}

/// Which tasks a listing covers. Tasks that the plugin's grants do not cover are left out of every one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Every task.
    All,
    /// The tasks of a service.
    Service(String),
    /// The tasks of a user.
    User(String),
    /// The tasks of a user with a service.
    ServiceUser {
        /// The service.
        service: String,
        /// The user.
        user_id: String,
    },
    /// These tasks, by id; the ones that do not exist are left out.
    Ids(Vec<String>),
}

impl Scope {
    /// The tasks of a service.
    pub fn service(service: impl Into<String>) -> Self {
        Self::Service(service.into())
    }

    /// The tasks of a user.
    pub fn user(user_id: impl Into<String>) -> Self {
        Self::User(user_id.into())
    }

    /// The tasks of a user with a service.
    pub fn service_user(service: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self::ServiceUser { service: service.into(), user_id: user_id.into() }
    }

    /// These tasks.
    pub fn ids<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self::Ids(ids.into_iter().map(Into::into).collect())
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The tasks, in the order of their ids. There may be none though more pages follow.
    pub tasks: Vec<TaskRecord>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<String>,
}
