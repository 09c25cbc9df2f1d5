//! What the operations of a store take and give.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Owners, RunId, Ticket};
use crate::record::{
    Draft, Head, InvalidValue, JsonObject, Priority, Progress, Service, Status, TaskId, TaskRecord, TaskResult,
    Timestamp, Unreadable, UserId,
};

/// The most tasks that one page of a listing holds.
pub const MAX_PAGE_TASKS: usize = 1_000;

/// The bytes of records after which a page ends, unless it would be empty: 4 MiB.
pub const MAX_PAGE_BYTES: usize = 4 << 20;

/// How many records that cannot be read a page comes upon before it ends, and names.
pub const MAX_PAGE_SKIPPED: usize = 1_000;

/// When a save may go ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Always: a task with that id is replaced whole.
    None,
    /// Only if there is no task with that id.
    Absent,
    /// Only if the stored task's `updated_at` is still this instant.
    UnchangedSince(Timestamp),
}

/// Which tasks a listing covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every task.
    All,
    /// Those of a service.
    Service(String),
    /// Those of a user.
    User(String),
    /// Those of a user with a service.
    ServiceUser(String, String),
    /// These; the ones that do not exist are left out.
    Ids(BTreeSet<String>),
}

impl Scope {
    /// Whether a task of this service and user belongs into it, as far as they decide that.
    pub(crate) fn covers(&self, service: &str, user_id: &str) -> bool {
        match self {
            Self::All | Self::Ids(_) => true,
            Self::Service(name) => name == service,
            Self::User(name) => name == user_id,
            Self::ServiceUser(name, user) => name == service && user == user_id,
        }
    }
}

/// One question for a page of tasks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Query {
    /// Which tasks.
    pub scope: Scope,
    /// Whose tasks may be shown.
    pub owners: Owners,
    /// Only those in one of these statuses; in any, if there are none.
    pub statuses: BTreeSet<Status>,
    /// Only those whose id holds this text, whatever its ASCII letters' case.
    pub text: Option<String>,
    /// Which come first.
    pub order: Order,
    /// At most this many: 1 to [`MAX_PAGE_TASKS`].
    pub limit: usize,
    /// The [`Page::next`] of an earlier page.
    pub cursor: Option<String>,
}

impl Query {
    /// The first page of a scope, as large as pages get, for an operator.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            owners: Owners::ANY,
            statuses: BTreeSet::new(),
            text: None,
            order: Order::default(),
            limit: MAX_PAGE_TASKS,
            cursor: None,
        }
    }

    /// # Errors
    /// If its limit is out of range.
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        if (1..=MAX_PAGE_TASKS).contains(&self.limit) {
            return Ok(());
        }
        let why = format!("it is a number from 1 to {MAX_PAGE_TASKS}");
        Err(InvalidValue::new("limit", &self.limit.to_string(), why))
    }

    /// Whether it shows tasks in a status.
    pub(crate) fn shows(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// Whether it shows a task with an id, as far as that decides it.
    pub(crate) fn matches(&self, id: &str) -> bool {
        let Some(text) = &self.text else { return true };
        let (id, text) = (id.as_bytes(), text.as_bytes());
        text.is_empty() || id.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
    }
}

/// Which tasks of a listing come first, by [`compare_ids`](crate::record::compare_ids): numbers by their value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Those with the lowest numbers: the oldest ones, of those that have their ids from the store's sequence.
    #[default]
    Oldest,
    /// The other way round.
    Newest,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Page {
    /// The tasks.
    pub tasks: Vec<TaskRecord>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<String>,
    /// Records that were left out because they cannot be read: at most [`MAX_PAGE_SKIPPED`].
    pub skipped: Vec<Skipped>,
    /// How many more were.
    pub more_skipped: usize,
}

/// One page of heads.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HeadPage {
    /// The heads.
    pub heads: Vec<Head>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<String>,
    /// Records that were left out because they cannot be read: at most [`MAX_PAGE_SKIPPED`]. One whose owner cannot be
    /// told is named only to those who may see everything.
    pub skipped: Vec<Skipped>,
}

/// How many tasks a user has with a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// The service.
    pub service: String,
    /// The user.
    pub user_id: String,
    /// The tasks in each status.
    pub counts: Counts,
}

/// How many tasks are in each status.
pub type Counts = BTreeMap<Status, u64>;

/// A record that a listing left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The task's id.
    pub id: String,
    /// Why the record cannot be read.
    pub why: Unreadable,
}

/// What a run needs of a task before it may start.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claim {
    /// The task: the next number of the store's sequence, if absent.
    pub task_id: Option<TaskId>,
    /// The service that the task belongs to.
    pub service: Service,
    /// The user for whom it is done.
    pub user_id: UserId,
    /// The parameters of a new task. A task that is there already has its own.
    pub parameters: Option<JsonObject>,
    /// The urgency of a new task.
    pub priority: Priority,
    /// The run.
    pub run: RunId,
    /// How long the run has the task, unless its host [renews](super::TaskStore::renew) that.
    pub lease: Duration,
    /// By which the task was taken from the [queue](super::TaskQueue): it is claimed although it is `running`, unless it was
    /// taken by another meanwhile.
    pub ticket: Option<Ticket>,
    /// How many attempts at a task of the queue there may be, if the hosts of its runs are lost: 1 unless set.
    pub attempts: u32,
}

impl Claim {
    /// A claim on the next new task of a service and user.
    pub fn new(service: Service, user_id: UserId, run: RunId, lease: Duration) -> Self {
        Self {
            task_id: None,
            service,
            user_id,
            parameters: None,
            priority: Priority::default(),
            run,
            lease,
            ticket: None,
            attempts: 1,
        }
    }

    /// The record of a new task: `running` from its first moment.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            task_id: self.task_id.clone(),
            status: Status::Running,
            parameters: self.parameters.clone().unwrap_or_default(),
            priority: self.priority,
            ..Draft::new(self.service.clone(), self.user_id.clone())
        }
    }
}

/// A task that a run has taken.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Claimed {
    /// The task: `running`, or `cancelled` if it had been asked to stop, in which case no run holds it.
    pub task: TaskRecord,
    /// Whether the claim registered it.
    pub is_new: bool,
    /// Which attempt at the task this is, from 1.
    pub attempt: u32,
}

/// What a record looks like from outside: equal marks are those of one text, as good as surely.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// How many bytes the record has; 0 where a store does not know.
    pub bytes: u64,
    /// What tells it from others.
    pub(super) digest: String,
}

/// What a follower sees.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct News {
    /// The status that the task is in.
    pub status: Status,
    /// Entries that were not there before.
    pub entries: Vec<String>,
    /// How many entries of the log are as they were, from the first on. The new ones follow them, unless a writer without a
    /// guard has changed more than the end of the log: then `total` is not the sum of both.
    pub from: usize,
    /// How many entries the log has.
    pub total: usize,
    /// How far it has come, if anyone has said so.
    pub progress: Option<Progress>,
    /// What the workload left behind.
    pub result: TaskResult,
}

impl News {
    /// Whether it says the same as another, but for the entries.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let told = |news: &Self| (news.status, news.total);
        told(self) == told(other) && self.progress == other.progress && self.result == other.result
    }
}
