//! Every key that this host uses, built in one place. Scripts get their keys from here and build none, but for those of the
//! queue: whose turn it is, and so which key is touched, shows in the step itself.

use crate::record::Priority;
use crate::store::InputId;

/// What the ids, sets and records of the datastore begin with: shared with the Python package.
pub(super) const TASK: &str = "task:";

/// The set of all task ids.
pub(super) const ALL_TASKS: &str = "index:tasks";

/// The last id that was given out.
pub(super) const SEQUENCE: &str = "task:id:sequence";

/// The record of a task: a string.
pub(super) fn record(id: &str) -> String {
    format!("{TASK}{id}")
}

/// What is remembered beside a record: a hash.
pub(super) fn metadata(id: &str) -> String {
    format!("{TASK}{id}:metadata")
}

/// The tasks of a service: a set of task ids.
pub(super) fn service(service: &str) -> String {
    format!("index:service:{service}")
}

/// The users that have tasks with a service: a set of user ids.
pub(super) fn service_users(service: &str) -> String {
    format!("index:service:{service}:users")
}

/// The tasks of a user with a service: a set of task ids.
pub(super) fn service_user(service: &str, user: &str) -> String {
    format!("index:service:{service}:user:{user}")
}

/// The tasks of a user: a set of task ids.
pub(super) fn user(user: &str) -> String {
    format!("index:user:{user}")
}

/// The indexes that name a task because of its owner, in the order in which the scripts take them.
pub(super) fn owner_indexes(owner: &Owner) -> [String; 4] {
    [
        service(&owner.service),
        service_users(&owner.service),
        service_user(&owner.service, &owner.user_id),
        user(&owner.user_id),
    ]
}

/// All indexes that name a task, in the order in which the scripts take them.
pub(super) fn indexes(owner: &Owner) -> Vec<String> {
    std::iter::once(ALL_TASKS.to_owned()).chain(owner_indexes(owner)).collect()
}

/// What one host has done lately: a hash from slots to the last operation in each.
pub(super) fn session(host: &str) -> String {
    format!("task-state:session:{host}")
}

/// A document on its way into a record: a string that lives for seconds. Each operation has its own, so that one which
/// arrives late takes the place of no other.
pub(super) fn stage(host: &str, slot: usize, operation: u64) -> String {
    format!("task-state:stage:{host}:{slot}:{operation}")
}

/// The tasks that runs hold, by the ends of their leases in milliseconds: a sorted set.
pub(super) const LEASES: &str = "task-state:leases";

/// What the keys of the queue begin with that are of a service: its name follows. The key itself is a hash that counts its
/// turns.
pub(super) const QUEUE: &str = "task-state:queue:";

/// The users of a service that have tasks of a priority waiting, by their turns: a sorted set. With a colon and a user it is
/// the lane of that user: a sorted set of places.
pub(super) fn lanes(service: &str, priority: Priority) -> String {
    format!("{QUEUE}{service}:{priority}")
}

/// The places in the queue that nobody is to take before a time, in milliseconds: a sorted set.
pub(super) const QUEUE_LATER: &str = "task-state:queue-later";

/// The places in the queue that a host has taken, and until when, in milliseconds: a sorted set.
pub(super) const QUEUE_TAKEN: &str = "task-state:queue-taken";

/// Tells of what is put into the queue: a stream.
pub(super) const QUEUE_ARRIVALS: &str = "task-state:queue-arrivals";

/// The services that have had something in the queue: a set.
pub(super) const QUEUE_SERVICES: &str = "task-state:queue-services";

/// What the keys begin with under which the inputs of tasks are. The metadata of a task names its own.
pub(super) const INPUT: &str = "task-state:input:";

/// An input that is uploaded, and that no task has yet: a string.
pub(super) fn upload(id: &InputId) -> String {
    format!("task-state:upload:{id}")
}

/// An input that a task has: a string.
pub(super) fn input(id: &InputId) -> String {
    format!("{INPUT}{id}")
}

/// The inputs that tasks have, each with the id of the task behind a space, by when they are to be looked after, in
/// milliseconds: a sorted set.
pub(super) const INPUTS: &str = "task-state:inputs";

/// The host processes that have said that they are there, by the time until which they are, in milliseconds: a sorted set.
pub(super) const HOSTS: &str = "task-state:hosts";

/// What each of them has said: a hash.
pub(super) const HOSTS_ABOUT: &str = "task-state:hosts:about";

/// What one who listens for events writes, to hear whether the server tells of it.
pub(super) fn probe(listener: &str) -> String {
    format!("task-state:probe:{listener}")
}

/// Whether everything is paused, and which users: a string, shared with the DMS scheduler.
pub(super) const BLOCKS_ALL: &str = "blocks:all";

/// What the keys begin with that say whether a user is paused.
pub(super) const BLOCKS_USER: &str = "blocks:user:";

/// What the keys begin with that say whether a service is paused.
pub(super) const BLOCKS_SERVICE: &str = "blocks:service:";

/// Whether a user is paused: a string, shared with the DMS scheduler.
pub(super) fn blocks_user(user: &str) -> String {
    format!("{BLOCKS_USER}{user}")
}

/// Whether a service is paused: a string.
pub(super) fn blocks_service(service: &str) -> String {
    format!("{BLOCKS_SERVICE}{service}")
}

/// When the last sweep of the indexes began, so that not every host sweeps: a string that lives for minutes.
pub(super) const SWEEP_TURN: &str = "task-state:sweep";

/// The id of the task whose record a key holds. None for keys that hold no record.
pub(super) fn id_of_record(key: &str) -> Option<&str> {
    key.strip_prefix(TASK).filter(|id| has_record(id))
}

/// Whether the key of a record with this id would be no other key of ours.
pub(super) fn has_record(id: &str) -> bool {
    !id.is_empty() && !id.ends_with(":metadata") && SEQUENCE.strip_prefix(TASK) != Some(id)
}

/// The id of the task that a key is of: that of its record, or of what is remembered beside it.
pub(super) fn id_of_task(key: &str) -> Option<&str> {
    id_of_record(key.strip_suffix(":metadata").unwrap_or(key))
}

/// The type of the value that belongs under a key. None for keys that are somebody else's.
pub(super) fn kind(key: &str) -> Option<&'static str> {
    if key.starts_with(TASK) {
        Some(if key.ends_with(":metadata") { "hash" } else { "string" })
    } else {
        IndexKind::of(key).map(|_| "set")
    }
}

/// What the members of an index stand for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IndexKind<'a> {
    /// All tasks.
    All,
    /// The tasks of a service.
    Service(&'a str),
    /// The users of a service. Also the tasks of a service whose name ends in `:users`: others may have such.
    ServiceUsers(&'a str),
    /// The tasks of a user with a service.
    ServiceUser(&'a str, &'a str),
    /// The tasks of a user.
    User(&'a str),
    /// Tasks, of an owner that a strange name makes ambiguous.
    Tasks,
}

impl<'a> IndexKind<'a> {
    /// The kind of an index. None for a key that is none of ours.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        if key == ALL_TASKS {
            return Some(Self::All);
        }
        if let Some(user) = key.strip_prefix("index:user:") {
            return Some(Self::User(user));
        }
        let name = key.strip_prefix("index:service:")?;
        if let Some(service) = name.strip_suffix(":users") {
            return Some(Self::ServiceUsers(service));
        }
        Some(match name.split(':').collect::<Vec<_>>().as_slice() {
            [service] => Self::Service(service),
            [service, "user", user] => Self::ServiceUser(service, user),
            _ => Self::Tasks,
        })
    }

    /// Whether a task of this owner belongs into it, as far as that can be told.
    pub(super) fn covers(&self, owner: &Owner) -> bool {
        match self {
            Self::All | Self::Tasks => true,
            Self::Service(service) | Self::ServiceUsers(service) => owner.service == *service,
            Self::ServiceUser(service, user) => owner.service == *service && owner.user_id == *user,
            Self::User(user) => owner.user_id == *user,
        }
    }
}

/// Whose a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The service.
    pub(super) service: String,
    /// The user.
    pub(super) user_id: String,
}

impl Owner {
    pub(super) fn new(service: &str, user_id: &str) -> Self {
        Self { service: service.to_owned(), user_id: user_id.to_owned() }
    }

    /// The owner that a task's metadata names, if it does.
    pub(super) fn named(service: Option<String>, user_id: Option<String>) -> Option<Self> {
        Some(Self { service: service?, user_id: user_id? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_told_by_its_key() {
        let owner = Owner::new("s", "u");
        let [service, users, service_user, user] = owner_indexes(&owner);
        assert_eq!(IndexKind::of(ALL_TASKS), Some(IndexKind::All));
        assert_eq!(IndexKind::of(&service), Some(IndexKind::Service("s")));
        assert_eq!(IndexKind::of(&users), Some(IndexKind::ServiceUsers("s")));
        assert_eq!(IndexKind::of(&service_user), Some(IndexKind::ServiceUser("s", "u")));
        assert_eq!(IndexKind::of(&user), Some(IndexKind::User("u")));
        assert_eq!(IndexKind::of("index:service:a:b:users"), Some(IndexKind::ServiceUsers("a:b")));
        for strange in ["index:service:a:b", "index:service:a:user:b:c"] {
            assert_eq!(IndexKind::of(strange), Some(IndexKind::Tasks), "{strange}");
        }
        for foreign in ["index:other", "index:other:thing", "index:tasks:x"] {
            assert_eq!(IndexKind::of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_record_is_told_by_its_key() {
        assert_eq!(id_of_record("task:1"), Some("1"));
        assert_eq!(id_of_record("task:a:b"), Some("a:b"));
        for other in [SEQUENCE, "task:1:metadata", "task:", "task-state:sweep"] {
            assert_eq!(id_of_record(other), None, "{other}");
        }
    }

    #[test]
    fn a_task_is_told_by_each_of_its_keys() {
        for (key, id) in [("task:1", "1"), ("task:1:metadata", "1"), ("task:a:b:metadata", "a:b")] {
            assert_eq!(id_of_task(key), Some(id), "{key}");
        }
        for other in [SEQUENCE, "task:", "task::metadata", "task:metadata:metadata:metadata", "index:tasks"] {
            assert_eq!(id_of_task(other), None, "{other}");
        }
    }
}
