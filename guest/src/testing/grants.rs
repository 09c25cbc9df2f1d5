//! What a plugin may do.

use std::collections::BTreeSet;

use crate::{Error, Result};

/// A group of operations of the repository, as grants name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `get`.
    Read,
    /// `save`, `set_status`, `append_logs`, `update_result`, `set_active_jobs`, `set_priority`.
    Write,
    /// `delete`.
    Delete,
    /// `list_tasks`, `list_users`.
    List,
    /// `next_task_id`, `peek_next_task_id`.
    Sequence,
}

impl Operation {
    /// Every one, in the order in which they are declared.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Delete, Self::List, Self::Sequence];

    /// The word that a manifest has for it, such as `read`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Sequence => "sequence",
        }
    }
}

/// What a plugin may do through the repository: these operations, on tasks of these services that are also of these
/// users. Its own task it reaches through `current_task`, which needs no grant.
///
/// ```
/// use task_state_guest::testing::{Grants, Operation};
///
/// let grants = Grants::for_services(["analytics"]).for_users(["alice"]).allow(Operation::List);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    services: BTreeSet<String>,
    /// Any, if there is none.
    users: Option<BTreeSet<String>>,
    operations: BTreeSet<Operation>,
}

impl Grants {
    /// What a plugin is granted that works for these services, unless more is said: to read, write and take numbers of
    /// the sequence, for any user.
    pub fn for_services<S: Into<String>>(services: impl IntoIterator<Item = S>) -> Self {
        let operations = BTreeSet::from([Operation::Read, Operation::Write, Operation::Sequence]);
        Self { services: services.into_iter().map(Into::into).collect(), users: None, operations }
    }

    /// No grant at all: the plugin reaches only its own task.
    pub fn none() -> Self {
        Self::for_services::<String>([]).operations([])
    }

    /// The same grants for these users only.
    #[must_use]
    pub fn for_users<U: Into<String>>(self, users: impl IntoIterator<Item = U>) -> Self {
        Self { users: Some(users.into_iter().map(Into::into).collect()), ..self }
    }

    /// The same grants with one more operation.
    #[must_use]
    pub fn allow(mut self, operation: Operation) -> Self {
        self.operations.insert(operation);
        self
    }

    /// The same grants with these operations and no others.
    #[must_use]
    pub fn operations(self, operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { operations: operations.into_iter().collect(), ..self }
    }

    /// Whether an operation may be called.
    pub(super) fn permit(&self, operation: Operation) -> Result<()> {
        granted(self.operations.contains(&operation), || format!("operation \"{}\"", operation.as_str()))
    }

    /// Whether a service that the plugin names itself is granted.
    pub(super) fn permit_service(&self, service: &str) -> Result<()> {
        granted(self.services.contains(service), || format!("service {service:?}"))
    }

    /// Whether a user that the plugin names itself is granted.
    pub(super) fn permit_user(&self, user_id: &str) -> Result<()> {
        granted(self.has_user(user_id), || format!("user {user_id:?}"))
    }

    /// Whether a task of this owner may be touched. The answer does not say whose it is.
    pub(super) fn permit_owner(&self, service: &str, user_id: &str) -> Result<()> {
        granted(self.services.contains(service), || "the task's service".to_owned())?;
        granted(self.has_user(user_id), || "the task's user".to_owned())
    }

    pub(super) fn has_user(&self, user_id: &str) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(user_id))
    }
}

fn granted(is_granted: bool, what: impl FnOnce() -> String) -> Result<()> {
    if is_granted { Ok(()) } else { Err(Error::Denied(format!("{} is not granted", what()))) }
}
