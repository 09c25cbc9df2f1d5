//! The queue: tasks that wait for a host to run them.
//!
//! A task is put into the queue once, and leaves it with its end. Whoever serves its service takes it when its turn comes,
//! and its run claims it with the [`Ticket`]; from then on the run's lease says who runs it, as of any task. What is in the
//! queue lives beside the records, where no save reaches: a queued task may be `running` in its record, and has been run by
//! nobody all the same.
//!
//! Tasks of high priority come before others, of which every fifth turn is one. Among tasks of one priority the users of a
//! service take turns, so that one with ten thousand holds up another's first by one run at most; a user's own come in the
//! order in which they were put into the queue.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::{Access, Allowed, Result, RunId};
use crate::record::{Priority, Service, TaskId, Timestamp, UserId};

/// Of so many turns of a service, one is for a task of low priority although others wait.
pub(super) const LOW_TURN: u32 = 5;

/// The most tasks that one call takes.
pub const MAX_TAKEN: usize = 1_000;

/// The tasks that wait for a host.
///
/// Every operation is one atomic step against all other users of the store. The errors are those of
/// [`TaskStore`](super::TaskStore) besides what each says.
#[async_trait]
pub trait TaskQueue: fmt::Debug + Send + Sync {
    /// Puts a task into the queue, from which nobody takes it before `delay` has passed. Once it is answered, the loss of
    /// any process loses nothing. False if it is in the queue already, or is run from there: accepted twice is once.
    ///
    /// # Errors
    /// [`Error::NotFound`](super::Error::NotFound), [`Error::Denied`](super::Error::Denied),
    /// [`Error::Held`](super::Error::Held) if a run holds it that is not of the queue,
    /// [`Error::InvalidTransition`](super::Error::InvalidTransition) if it has ended,
    /// [`Error::InvalidValue`](super::Error::InvalidValue) if its names are none that may be saved.
    async fn enqueue(&self, id: &TaskId, delay: Duration, access: &Access) -> Result<bool>;

    /// Ends the delay of a task that waits. Nothing happens if it does not.
    async fn hasten(&self, id: &TaskId) -> Result<()>;

    /// Takes tasks whose turn it is, at most as many as are wanted and [`MAX_TAKEN`] in all. What is paused stays. A task
    /// that no run has claimed when `patience` is over waits again.
    async fn take(&self, wanted: &[Wanted], patience: Duration) -> Result<Vec<Ticket>>;

    /// Gives a taken task back: it waits again, in the place that it had. Nothing happens if it was claimed, or taken by
    /// another meanwhile.
    async fn give_back(&self, ticket: &Ticket) -> Result<()>;

    /// Takes a taken task out of the queue for good, as there is nothing to run: it is gone, or has ended. False if it was
    /// not the ticket's any more; then nothing happens.
    async fn discard(&self, ticket: &Ticket) -> Result<bool>;

    /// Takes a task out of the queue that no run holds. False if it was not there, or a run holds it.
    async fn dequeue(&self, id: &TaskId) -> Result<bool>;

    /// Puts the task of a run back into the queue for another attempt, from which nobody takes it before `delay` has
    /// passed. The run holds it no longer.
    ///
    /// # Errors
    /// [`Error::NotFound`](super::Error::NotFound) if the run does not hold it, or did not have it from the queue.
    async fn retry(&self, id: &TaskId, run: &RunId, delay: Duration) -> Result<()>;

    /// What waits, by service and priority. Services for which nothing waits are left out.
    async fn waiting(&self) -> Result<Vec<Waiting>>;

    /// The tasks that runs hold, whether of the queue or not: at most so many, the longest not renewed first.
    async fn held(&self, most: usize) -> Result<Vec<HeldTask>>;

    /// Whether a task waits, and which run holds it.
    async fn standing(&self, id: &TaskId) -> Result<Standing>;

    /// Stops what is taken from the queue, until it is resumed. What runs goes on.
    async fn pause(&self, what: &Pause) -> Result<()>;

    /// Ends a pause. A pause of everything ends by that of everything alone, and leaves those of users and services.
    async fn resume(&self, what: &Pause) -> Result<()>;

    /// What is paused.
    async fn pauses(&self) -> Result<BTreeSet<Pause>>;

    /// Says that there may be something to take, soon after it is so. May say so for nothing.
    fn arrivals(&self) -> BoxStream<'static, ()>;
}

/// What a host has room for, of one service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Wanted {
    /// The service.
    pub service: Service,
    /// Whose tasks.
    pub users: Allowed,
    /// How many tasks.
    pub most: usize,
    /// How many of one user, unless `of_user` says otherwise.
    pub most_of_user: usize,
    /// How many of these users.
    pub of_user: BTreeMap<String, usize>,
}

impl Wanted {
    /// So many tasks of a service, whoever they are for.
    pub fn new(service: Service, most: usize) -> Self {
        Self { service, users: Allowed::Any, most, most_of_user: usize::MAX, of_user: BTreeMap::new() }
    }

    /// How many tasks of a user.
    pub(super) fn of(&self, user: &str) -> usize {
        if self.users.contains(user) { self.of_user.get(user).copied().unwrap_or(self.most_of_user) } else { 0 }
    }
}

/// A task that was taken from the queue: a run [claims](super::Claim::ticket) it with this.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// The task.
    pub task_id: TaskId,
    /// Its service.
    pub service: Service,
    /// Its user.
    pub user_id: UserId,
    /// Its priority.
    pub priority: Priority,
    /// How long it has waited since it was put into the queue; of another attempt, since the first.
    pub waited: Duration,
    /// By which the engine knows that it is still this host's.
    pub(super) token: String,
}

/// What waits in the queue for one service with one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The service.
    pub service: String,
    /// The priority.
    pub priority: Priority,
    /// How many tasks wait, without those that are delayed.
    pub ready: u64,
    /// How many wait for the end of a delay.
    pub delayed: u64,
    /// Of how many users the ready ones are.
    pub users: u64,
    /// How long the one that has waited longest has, if any is ready.
    pub longest: Option<Duration>,
}

/// A task that a run holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldTask {
    /// The task.
    pub task_id: String,
    /// The host that runs it, by its name.
    pub host: String,
    /// When its host renewed its lease last.
    pub seen: Option<Timestamp>,
    /// How many attempts have begun; none for a run that is not of the queue.
    pub attempt: Option<u32>,
}

/// How a task stands in the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Whether it is in the queue, and no run holds it.
    pub waits: bool,
    /// The run that holds it, whether of the queue or not.
    pub held: Option<HeldTask>,
}

/// What can be paused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Pause {
    /// Everything.
    All,
    /// The tasks of a service.
    Service(Service),
    /// The tasks of a user.
    User(UserId),
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Service(service) => write!(f, "the service {:?}", service.as_str()),
            Self::User(user) => write!(f, "the user {:?}", user.as_str()),
        }
    }
}
