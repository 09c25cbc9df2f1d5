//! What a plugin may do. Grants are data; the decision is one small pure function.

use std::collections::BTreeSet;

use crate::record::words;
use crate::store::{Allowed, Owners};

words! {
    /// A group of operations of the repository, as grants name them.
    #[non_exhaustive]
    Operation, "operation" {
        /// `get`.
        Read = "read",
        /// `save`, `set-status`, `append-logs`, `update-result`, `set-active-jobs`, `set-priority`.
        Write = "write",
        /// `delete`.
        Delete = "delete",
        /// `list-tasks`, `list-users`.
        List = "list",
        /// `next-task-id`, `peek-next-task-id`.
        Sequence = "sequence",
    }
}

/// What a plugin may do through the repository: these operations, on tasks of these services that are also of these
/// users. Its own task it reaches through `current-task`, which needs no grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grants {
    /// Services whose tasks the plugin may touch.
    pub services: Allowed,
    /// Users whose tasks the plugin may touch.
    pub users: Allowed,
    /// Operations that the plugin may call.
    pub operations: BTreeSet<Operation>,
}

/// A grant that a plugin does not hold; the text names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not granted")]
pub struct MissingGrant(String);

impl Grants {
    /// The default for a plugin that works for these services: to read, write and take numbers of the sequence, for any
    /// user.
    pub fn for_services<S: Into<String>>(services: impl IntoIterator<Item = S>) -> Self {
        Self {
            services: Allowed::only(services),
            users: Allowed::Any,
            operations: BTreeSet::from([Operation::Read, Operation::Write, Operation::Sequence]),
        }
    }

    /// No grant at all: the plugin reaches only its own task.
    pub fn none() -> Self {
        Self { operations: BTreeSet::new(), ..Self::for_services::<String>([]) }
    }

    /// The same grants with one more operation.
    pub fn allow(mut self, operation: Operation) -> Self {
        self.operations.insert(operation);
        self
    }

    /// The same grants for these users only.
    pub fn for_users<U: Into<String>>(mut self, users: impl IntoIterator<Item = U>) -> Self {
        self.users = Allowed::only(users);
        self
    }

    /// Whose tasks the plugin may touch.
    pub fn owners(&self) -> Owners {
        Owners { services: self.services.clone(), users: self.users.clone() }
    }

    /// Whether an operation may be called.
    ///
    /// # Errors
    /// [`MissingGrant`], naming the operation.
    pub fn permit(&self, operation: Operation) -> Result<(), MissingGrant> {
        let is_granted = self.operations.contains(&operation);
        is_granted.then_some(()).ok_or_else(|| MissingGrant(format!("operation \"{operation}\"")))
    }

    /// Whether a service that the plugin named itself is granted.
    ///
    /// # Errors
    /// [`MissingGrant`], naming the service.
    pub fn permit_service(&self, service: &str) -> Result<(), MissingGrant> {
        if self.services.contains(service) { Ok(()) } else { Err(MissingGrant(format!("service {service:?}"))) }
    }

    /// Whether a user that the plugin named itself is granted.
    ///
    /// # Errors
    /// [`MissingGrant`], naming the user.
    pub fn permit_user(&self, user_id: &str) -> Result<(), MissingGrant> {
        if self.users.contains(user_id) { Ok(()) } else { Err(MissingGrant(format!("user {user_id:?}"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_a_plugin_may_read_write_and_number_the_tasks_of_its_services() {
        let grants = Grants::for_services(["analytics"]);
        for operation in [Operation::Read, Operation::Write, Operation::Sequence] {
            assert_eq!(grants.permit(operation), Ok(()));
        }
        assert!(grants.owners().check("analytics", "anyone").is_ok());
        assert!(grants.owners().check("sync", "anyone").is_err());
        assert_eq!(grants.permit(Operation::Delete).unwrap_err().to_string(), "operation \"delete\" is not granted");
        assert_eq!(grants.permit(Operation::List).unwrap_err().to_string(), "operation \"list\" is not granted");
        assert!(grants.allow(Operation::List).permit(Operation::List).is_ok());
    }

    #[test]
    fn a_missing_grant_names_what_the_plugin_named() {
        let grants = Grants::for_services(["analytics"]).for_users(["alice"]);
        assert_eq!(grants.permit_service("analytics"), Ok(()));
        assert_eq!(grants.permit_user("alice"), Ok(()));
        assert_eq!(grants.permit_service("sync").unwrap_err().to_string(), "service \"sync\" is not granted");
        assert_eq!(grants.permit_user("bob").unwrap_err().to_string(), "user \"bob\" is not granted");
    }

    #[test]
    fn operations_are_read_by_their_names_and_no_grant_permits_any() {
        for operation in Operation::ALL {
            assert!(Grants::none().permit(operation).is_err());
            assert_eq!(operation.to_string().parse(), Ok(operation));
        }
        assert!("append".parse::<Operation>().is_err());
    }
}
