//! Where tasks are kept.
//!
//! [`TaskStore`] is all that the rest of the host knows of a store. Two engines keep its promises: Redis, whose
//! records other programs share, and SQLite, which needs no server. Nothing here knows a plugin.

mod access;
mod cancellation;
mod changes;
mod error;
mod free_id;
mod input;
mod open;
mod orphan;
mod presence;
mod query;
mod queue;
pub mod redis;
mod report;
pub mod sqlite;
mod url;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

pub use access::{Access, Allowed, Denied, Owners, RunId};
pub use changes::Changed;
pub use error::{Error, Result};
pub use input::{InputId, MAX_INPUT_BYTES, MAX_INPUT_PIECE};
pub use open::open;
pub use presence::{HostAbout, HostSeen, MAX_ABOUT_BYTES};
pub use query::{
    Claim, Claimed, Counts, HeadPage, MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, MAX_PAGE_TASKS, Mark, News, Order, Page,
    Precondition, Query, Scope, Skipped, Tally,
};
pub use queue::{HeldTask, MAX_TAKEN, Pause, Standing, TaskQueue, Ticket, Waiting, Wanted};
pub use report::{Finding, FindingKind, MAX_FINDINGS, Report};
pub use url::{RedisUrl, StoreUrl};

use crate::record::{Change, Draft, Progress, Status, TaskId, TaskRecord, Timestamp};

/// A store that several programs can share.
pub type SharedStore = Arc<dyn TaskStore>;

/// A datastore of tasks.
///
/// Every operation is one atomic step against all other users of the store: a change is made whole or not at all, and
/// none is lost. What an operation may touch is checked in the same step, against the record as it is stored.
///
/// Every operation may also give [`Error::Unavailable`] when the store did not answer in time (a write has then taken
/// effect at most once), [`Error::WrongType`] or [`Error::Unreadable`] when it holds something that cannot be used, and
/// [`Error::Failed`] when it refused; nothing was written in those cases.
///
/// A call that was started is best awaited: dropping its future leaves open whether the store made the change.
#[async_trait]
pub trait TaskStore: std::fmt::Debug + Send + Sync + 'static {
    /// Takes the next number of the store's sequence. A number may be skipped, and is never given twice.
    async fn next_task_id(&self) -> Result<String>;

    /// The number that [`next_task_id`](Self::next_task_id) would give, without taking it.
    async fn peek_next_task_id(&self) -> Result<String>;

    /// Registers a task, or replaces the one with its id. A draft without an id gets the next number of the sequence that
    /// no task has, or one further on if many in a row are taken; after a hundred tries the save is
    /// [`Error::Unavailable`]. Returns the task's id.
    ///
    /// A task that a run holds is saved by that run alone, which `access` names. Its save cannot take back that the task was
    /// asked to stop, or has ended.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a name that may not be saved, [`Error::Denied`] unless `access` covers both the new owner
    /// and that of a task that is replaced, [`Error::Conflict`] if the precondition does not hold, [`Error::Held`] if a run
    /// holds the task that is to be replaced. For that run, of a task that was asked to stop or has ended:
    /// [`Error::InvalidTransition`] if the status does not move forward, [`Error::Conflict`] if the log does not begin with
    /// the stored one.
    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId>;

    /// Takes a task for one run: registers it as `running`, or moves one that is `pending` or `dispatching` there, and
    /// remembers the run beside it. A task that was asked to stop becomes `cancelled`.
    ///
    /// # Errors
    /// [`Error::Held`] if another run holds the task, or it is not the ticket's any more; [`Error::InvalidTransition`] if it is
    /// running, and was not taken from the queue, or has ended;
    /// [`Error::Denied`] if it belongs to another service or user, [`Error::InvalidValue`] for a name that may not be saved or
    /// for parameters given for a task that is there already.
    async fn claim(&self, claim: Claim) -> Result<Claimed>;

    /// Renews the leases of runs on their tasks, all of them in one round trip for some hundred. Tells for each run whether
    /// it holds its task: one whose lease has ended, or whose task is gone, does so no longer, and each write of it is
    /// refused. A task whose lease has ended is ended by [`maintain`](Self::maintain) or [`check`](Self::check), of any
    /// process: it becomes `failed`, or `cancelled` if it was asked to stop, and its log names the host.
    async fn renew(&self, holds: &[(TaskId, RunId)], lease: Duration) -> Result<Vec<bool>>;

    /// A task as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`].
    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord>;

    /// The status of a task, at a cost that does not grow with its record.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status>;

    /// The statuses of several tasks, in one round trip for some hundred.
    ///
    /// # Errors
    /// Of each task as [`status`](Self::status).
    async fn statuses(&self, tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>>;

    /// Marks of the records of several tasks, by which one sees whether anybody has written to them: at a cost that does not
    /// grow with a record, in one round trip for some hundred. None for a task that is not there.
    async fn marks(&self, ids: &[TaskId]) -> Result<Vec<Option<Mark>>>;

    /// Whether programs write to the same records that know no guard, and may replace one by an older one.
    fn has_unguarded_writers(&self) -> bool;

    /// How far a task has come, if its run, or the last one, has said so.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn progress(&self, id: &TaskId, access: &Access) -> Result<Option<Progress>>;

    /// Removes a task with all that the store keeps of it. False if there was none.
    ///
    /// # Errors
    /// [`Error::Denied`].
    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool>;

    /// Changes a task. Returns the status that it is in afterwards.
    ///
    /// # Errors
    /// [`Error::NotFound`] (a change never brings a task back), [`Error::Denied`], [`Error::InvalidTransition`].
    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status>;

    /// One page of tasks, in the order that the query asks for. Leaves out what the query's owners
    /// do not cover and what cannot be read; the latter is named in [`Page::skipped`].
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a limit that is not between 1 and [`MAX_PAGE_TASKS`].
    async fn list(&self, query: &Query) -> Result<Page>;

    /// The same without parameters, entries and results, at a cost that does not grow with them.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    async fn heads(&self, query: &Query) -> Result<HeadPage>;

    /// How many tasks a query shows, on all its pages, in each status: its limit and cursor do not count. Statuses that none
    /// is in are left out.
    async fn matching(&self, query: &Query) -> Result<Counts>;

    /// How many tasks of a scope are in each status, for each service and user among these owners, by service and user.
    async fn tally(&self, scope: &Scope, owners: &Owners) -> Result<Vec<Tally>>;

    /// How many tasks of a scope are in each status, among those of these owners. Statuses that none is in are left out.
    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts>;

    /// The users that have tasks with a service, by code point.
    async fn users(&self, service: &str) -> Result<Vec<String>>;

    /// What happens to a task from now on, by whoever it is done: the first item is its present state with the entries
    /// after the first `skip`. Ends after the task has ended or is gone ([`Error::NotFound`]).
    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<News>>>;

    /// Which tasks were written to, by whomever, soon after it: some 100 ms where the server tells of it, else within 2 s, or
    /// later if so many tasks have not ended that looking at each takes longer. May name one for nothing, and one once for
    /// many writes. The first item, and one after each gap in what could be heard, is [`Changed::All`]. Whoever is slow to
    /// take what he is told is told less, and nobody is kept waiting for him.
    ///
    /// Never ends. All streams of a store share what they cost, and nothing is done while there is none. The first is to be
    /// made on a runtime that outlives the others.
    fn changes(&self) -> BoxStream<'static, Changed>;

    /// Writes bytes of an input, behind those that are there: `offset` is how many they are. What is there already is no
    /// conflict, so that whoever had no answer may ask again. An input that no task has is removed an hour after the last
    /// write. No bytes at offset 0 make an empty one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the input has not just so many bytes, or a task has it; [`Error::InvalidValue`] if it becomes
    /// larger than [`MAX_INPUT_BYTES`].
    async fn put_input(&self, id: &InputId, offset: u64, bytes: Bytes) -> Result<()>;

    /// Gives an input to a task that has not ended, for as long as that has not: it is removed with the task's end, or with the
    /// task. One that this task has already is given again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such task, or no such input; [`Error::Denied`]; [`Error::InvalidTransition`] if the
    /// task has ended; [`Error::Conflict`] if it has another input.
    async fn attach_input(&self, id: &InputId, task: &TaskId, access: &Access) -> Result<()>;

    /// Some of the input of a task from an offset on, at most so many bytes and [`MAX_INPUT_PIECE`]: none after its end. None
    /// if the task has no input, is gone or has ended.
    async fn input(&self, task: &TaskId, offset: u64, most: usize) -> Result<Option<Bytes>>;

    /// Says that a host process is there, for so long unless it says so again. What it said before is replaced.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a name that is none, or if there is too much to say.
    async fn announce(&self, host: &HostAbout, lives: Duration) -> Result<()>;

    /// The host processes that are there, by their names.
    async fn hosts(&self) -> Result<Vec<HostSeen>>;

    /// The tasks that wait for a host.
    fn queue(&self) -> &dyn TaskQueue;

    /// Compares records and indexes, and repairs what disagrees if asked to.
    async fn check(&self, repair: bool) -> Result<Report>;

    /// Keeps the store free of what expired tasks leave behind, and ends tasks whose hosts are gone, within 10 s of the end
    /// of their leases: runs until it is dropped. A host does this while it lives.
    async fn maintain(&self);

    /// Gives back what the store keeps on its server for this process: the last call of a process that ends. One that is
    /// not made costs the server nothing for longer than a minute.
    async fn close(&self);

    /// The time that this store stamps, in its zone.
    fn now(&self) -> Timestamp;

    /// Where the store is, for people: no password.
    fn location(&self) -> String;
}
