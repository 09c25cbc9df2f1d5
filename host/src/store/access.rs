//! What a caller may touch. Grants are data; the decision is one small pure function.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::Error;

/// Names that are allowed. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Every name.
    Any,
    /// These.
    Only(Arc<BTreeSet<String>>),
}

impl Allowed {
    /// Exactly these names.
    pub fn only<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        // Not collected, which sorts all of them in a list first: most often there is one.
        let mut set = BTreeSet::new();
        set.extend(names.into_iter().map(Into::into));
        Self::Only(Arc::new(set))
    }

    /// Whether a name is among them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Whether each of them is among others.
    fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, Self::Only(_)) => false,
            (Self::Only(names), Self::Only(other)) => names.is_subset(other),
        }
    }

    /// The names that are among both.
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, names) | (names, Self::Any) => names.clone(),
            (Self::Only(one), Self::Only(other)) => Self::Only(Arc::new(&**one & &**other)),
        }
    }
}

/// Whose tasks a caller may touch: those of these services that are also of these users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners {
    /// Services.
    pub services: Allowed,
    /// Users.
    pub users: Allowed,
}

impl Owners {
    /// Everybody's: an operator's view.
    pub const ANY: Self = Self { services: Allowed::Any, users: Allowed::Any };

    /// The tasks of one service and one user.
    pub fn only(service: &str, user_id: &str) -> Self {
        Self { services: Allowed::only([service]), users: Allowed::only([user_id]) }
    }

    /// Whether a task of this service and user may be touched.
    ///
    /// # Errors
    /// [`Denied`], naming what is missing.
    pub fn check(&self, service: &str, user_id: &str) -> Result<(), Denied> {
        if !self.services.contains(service) {
            Err(Denied::Service)
        } else if !self.users.contains(user_id) {
            Err(Denied::User)
        } else {
            Ok(())
        }
    }
}

/// What a caller lacks. It does not say whose the task is: that is not the caller's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The task's service is not granted.
    #[error("the task's service is not granted")]
    Service,
    /// The task's user is not granted.
    #[error("the task's user is not granted")]
    User,
}

/// One run of one task: a name that no other run has. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunId(Arc<str>);

impl RunId {
    /// A name that no other run has had.
    pub fn unique() -> Self {
        Self(Uuid::new_v4().simple().to_string().into())
    }

    /// The same, of a host with this name: should the host be lost, the task's log names it.
    pub fn of_host(name: &str) -> Self {
        Self([name, "/", Uuid::new_v4().simple().encode_lower(&mut Uuid::encode_buffer())].concat().into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one call may touch, checked in the same atomic step as what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose tasks.
    pub owners: Owners,
    /// Only while this run holds the task. Another holder, or none, is answered as a task that is not there.
    pub run: Option<RunId>,
}

impl Access {
    /// Everything: an operator's access.
    pub const ANY: Self = Self { owners: Owners::ANY, run: None };

    /// The tasks of these owners.
    pub fn of(owners: Owners) -> Self {
        Self { owners, run: None }
    }

    /// The same, while this run holds the task.
    pub fn during(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// The same, of tasks that are also of these owners.
    pub(crate) fn within(&self, owners: &Owners) -> Cow<'_, Self> {
        if self.owners.services.is_within(&owners.services) && self.owners.users.is_within(&owners.users) {
            return Cow::Borrowed(self);
        }
        let (services, users) = (self.owners.services.and(&owners.services), self.owners.users.and(&owners.users));
        Cow::Owned(Self { owners: Owners { services, users }, run: self.run.clone() })
    }

    /// The name of the run that must hold the task.
    pub(crate) fn run(&self) -> Option<&str> {
        self.run.as_ref().map(RunId::as_str)
    }

    /// The decision, given the owner of the stored record and the run that the store remembers beside it.
    pub(crate) fn check(&self, service: &str, user_id: &str, holder: Option<&str>) -> Result<(), Error> {
        if self.run.as_ref().is_some_and(|run| holder != Some(run.as_str())) {
            return Err(Error::NotFound);
        }
        self.owners.check(service, user_id).map_err(Error::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_the_service_and_the_user_must_be_granted() {
        let owners = Owners::only("analytics", "alice");
        assert_eq!(owners.check("analytics", "alice"), Ok(()));
        assert_eq!(owners.check("sync", "alice"), Err(Denied::Service));
        assert_eq!(owners.check("analytics", "bob"), Err(Denied::User));
        assert_eq!(Owners::ANY.check("x", "y"), Ok(()));
    }

    #[test]
    fn an_access_within_owners_reaches_what_both_allow() {
        let run = RunId::unique();
        let own = Access::of(Owners::only("analytics", "alice")).during(run.clone());
        assert_eq!(*own.within(&Owners::ANY), own);
        assert_eq!(*Access::ANY.within(&own.owners), Access::of(own.owners.clone()));
        let granted = Owners { services: Allowed::only(["analytics", "sync"]), users: Allowed::only(["bob"]) };
        let both = own.within(&granted).into_owned();
        assert_eq!(
            both.check("analytics", "alice", Some(run.as_str())).unwrap_err().to_string(),
            "denied: the task's user is not granted"
        );
        assert_eq!(both.run, Some(run));
    }

    #[test]
    fn a_run_may_touch_its_task_only_while_it_holds_it() {
        let run = RunId::unique();
        let access = Access::ANY.during(run.clone());
        assert!(access.check("s", "u", Some(run.as_str())).is_ok());
        assert!(matches!(access.check("s", "u", None), Err(Error::NotFound)));
        assert!(matches!(access.check("s", "u", Some(RunId::unique().as_str())), Err(Error::NotFound)));
        assert!(Access::ANY.check("s", "u", Some(run.as_str())).is_ok());
    }
}
