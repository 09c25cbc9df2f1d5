//! The SQLite engine: a store without a server.
//!
//! One file that several processes share, or a store in memory that ends with the process. Writes, reads and listings each
//! have a connection and a thread, so that SQLite never holds up the runtime, nor a long listing a short read. Records
//! expire by the machine's clock, which all users of the file share; an expired one is never found, and is removed soon.

mod change;
mod changes;
mod check;
mod connection;
mod fault;
mod follow;
mod hosts;
mod input;
mod lease;
mod list;
mod options;
mod queue;
mod remove;
mod save;
mod schema;
mod task;
mod worker;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use rusqlite::Connection;

pub use self::options::SqliteOptions;

use self::changes::Watcher;
use self::fault::Fault;
use self::follow::Watch;
use self::queue::Arrivals;
use self::task::{Policy, Stored};
use self::worker::{Role, Worker};
use super::changes::Source;
use super::{
    Access, Changed, Claim, Claimed, Counts, Error, HeadPage, HostAbout, HostSeen, InputId, MAX_FINDINGS, Mark, News,
    Owners, Page, Precondition, Query, Report, Result, RunId, Scope, StoreUrl, Tally, TaskQueue, TaskStore,
};
use crate::record::{Change, Clock, Draft, Progress, Status, TaskId, TaskRecord, Timestamp};
use crate::settings::check_ttl;

/// How often a host looks for tasks whose hosts are gone.
const ORPHANS_INTERVAL: Duration = Duration::from_secs(5);

/// A store in SQLite. Clones are handles on the same connections.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use task_state_host::record::{Draft, Service, SystemClock, TimeZone, UserId};
/// use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
/// use task_state_host::store::{Access, Precondition, TaskStore};
///
/// let store = SqliteStore::in_memory(SqliteOptions::default(), Arc::new(SystemClock::new(TimeZone::utc())))?;
/// let draft = Draft::new(Service::new("analytics")?, UserId::new("alice")?);
/// let id = store.save(draft, Precondition::Absent, &Access::ANY).await?;
/// assert_eq!(id.as_str(), "1");
/// # Ok::<(), task_state_host::store::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    location: StoreUrl,
    policy: Policy,
    writes: Worker,
    reads: Worker,
    listings: Worker,
    watch: Watch,
    arrivals: Arrivals,
    changes: Arc<Source>,
    /// Tells this process from others on the same file.
    process: Arc<str>,
    /// Whether it has said that a host is there.
    announced: Arc<AtomicBool>,
}

impl SqliteStore {
    /// Opens the store in a file, which is made with its directories if it is missing.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a time to live out of range; [`Error::Failed`] if the file cannot be made or written, is
    /// no database, is another program's, or was made by a newer version of this one; [`Error::Unavailable`] if another
    /// process keeps it locked. The latter two name the path.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        check_ttl(options.task_ttl)?;
        let path = path.as_ref().to_owned();
        let location = StoreUrl::Sqlite(path.clone());
        let busy_timeout = options.busy_timeout;
        let open = move || {
            let open = || connection::open_file(&path, busy_timeout);
            let writer = open()?;
            sweep(&writer);
            Ok([writer, open()?, open()?])
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let connections = opened.map_err(|error| Error::Unavailable(format!("{location}: {error}")))?;
        let [writer, reader, lister] = connections.map_err(|Fault(error)| error)?;
        let start = |conn, role| Worker::start(conn, busy_timeout, role);
        let writes = start(writer, writing(&options))?;
        let (reads, listings) = (start(reader, Role::Read)?, start(lister, Role::Read)?);
        Ok(Self::new(location, options, clock, [writes, reads, listings]))
    }

    /// A store in memory, which ends with its last handle.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a time to live out of range, [`Error::Unavailable`] if the system has no memory or thread
    /// to give.
    pub fn in_memory(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        check_ttl(options.task_ttl)?;
        let conn = connection::open_memory().map_err(|Fault(error)| error)?;
        let worker = Worker::start(conn, options.busy_timeout, writing(&options))?;
        Ok(Self::new(StoreUrl::Memory, options, clock, [worker.clone(), worker.clone(), worker]))
    }

    fn new(location: StoreUrl, options: SqliteOptions, clock: Arc<dyn Clock>, workers: [Worker; 3]) -> Self {
        let [writes, reads, listings] = workers;
        let policy = Policy { ttl: options.task_ttl, clock, rule: options.rule };
        let watch = Watch::new(reads.clone());
        let (arrivals, changes) = (Arrivals::default(), Arc::default());
        let process = uuid::Uuid::new_v4().simple().to_string().into();
        Self { location, policy, writes, watch, reads, listings, arrivals, changes, process, announced: Arc::default() }
    }
}

impl SqliteStore {
    /// Ends tasks whose hosts are gone.
    async fn end_orphans(&self) -> Result<()> {
        for num in self.reads.run(|conn| lease::ended(conn, MAX_FINDINGS)).await? {
            let policy = self.policy.clone();
            match self.writes.run(move |conn| lease::end_orphan(conn, &policy, num)).await {
                Ok(Some(task)) => tracing::warn!(task, "the host of a task was gone"),
                Ok(None) => {}
                // The others are not to wait for it.
                Err(error) => tracing::warn!(%error, "cannot end a task whose host is gone"),
            }
        }
        Ok(())
    }
}

fn writing(options: &SqliteOptions) -> Role {
    Role::Write { every: options.sweep_interval, maintain: sweep }
}

/// Removes some expired tasks, if there are any. True if there may be more.
fn sweep(conn: &Connection) -> bool {
    remove::sweep_alone(conn).unwrap_or_else(|Fault(error)| {
        tracing::warn!(%error, "expired tasks could not be removed");
        false
    })
}

#[async_trait]
impl TaskStore for SqliteStore {
    async fn next_task_id(&self) -> Result<String> {
        self.writes.run(|conn| Ok(save::take_number(conn, 1)?.to_string())).await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.reads.run(|conn| Ok(save::peek_number(conn)?.to_string())).await
    }

    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        draft.check()?;
        let (policy, access) = (self.policy.clone(), access.clone());
        self.writes.run(move |conn| save::save(conn, &policy, &draft, &only_if, &access)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        let policy = self.policy.clone();
        self.writes.run(move |conn| save::claim(conn, &policy, &claim)).await
    }

    async fn renew(&self, holds: &[(TaskId, RunId)], life: Duration) -> Result<Vec<bool>> {
        let holds = holds.to_vec();
        self.writes.run(move |conn| lease::renew(conn, &holds, life)).await
    }

    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        let (policy, id, access) = (self.policy.clone(), id.clone(), access.clone());
        self.reads.run(move |conn| Stored::find_for(conn, id.as_str(), &access)?.record(conn, &policy)).await
    }

    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status> {
        let (id, access) = (id.clone(), access.clone());
        self.reads.run(move |conn| Stored::find_for(conn, id.as_str(), &access)?.status()).await
    }

    async fn statuses(&self, tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>> {
        let tasks = tasks.to_vec();
        let status = |conn: &Connection, (id, access): &(TaskId, Access)| {
            Stored::find_for(conn, id.as_str(), access).and_then(|stored| stored.status())
        };
        let each = move |conn: &Connection| {
            Ok(tasks.iter().map(|task| status(conn, task).map_err(|Fault(error)| error)).collect())
        };
        self.reads.run(each).await
    }

    async fn marks(&self, ids: &[TaskId]) -> Result<Vec<Option<Mark>>> {
        let ids = ids.to_vec();
        let mark = |conn: &Connection, id: &TaskId| Ok(Stored::find(conn, id.as_str())?.as_ref().map(Stored::mark));
        self.reads.run(move |conn| ids.iter().map(|id| mark(conn, id)).collect()).await
    }

    fn has_unguarded_writers(&self) -> bool {
        false
    }

    async fn progress(&self, id: &TaskId, access: &Access) -> Result<Option<Progress>> {
        let (id, access) = (id.clone(), access.clone());
        self.reads.run(move |conn| Stored::find_for(conn, id.as_str(), &access)?.progress(conn)).await
    }

    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool> {
        let (id, access) = (id.clone(), access.clone());
        let remove = move |conn: &Connection| remove::remove(conn, Stored::find_for(conn, id.as_str(), &access)?.num);
        match self.writes.run(remove).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let (policy, id, access) = (self.policy.clone(), id.clone(), access.clone());
        let apply = move |conn: &Connection| {
            let stored = Stored::find_for(conn, id.as_str(), &access)?;
            change::apply_to(conn, &policy, &stored, &change)
        };
        self.writes.run(apply).await
    }

    async fn heads(&self, query: &Query) -> Result<HeadPage> {
        query.check()?;
        let (policy, query) = (self.policy.clone(), query.clone());
        self.listings.run(move |conn| list::heads(conn, &policy, &query)).await
    }

    async fn matching(&self, query: &Query) -> Result<Counts> {
        let query = query.clone();
        self.listings.run(move |conn| list::matching(conn, &query)).await
    }

    async fn tally(&self, scope: &Scope, owners: &Owners) -> Result<Vec<Tally>> {
        let (scope, owners) = (scope.clone(), owners.clone());
        self.listings.run(move |conn| list::tally(conn, &scope, &owners)).await
    }

    async fn list(&self, query: &Query) -> Result<Page> {
        query.check()?;
        let (policy, query) = (self.policy.clone(), query.clone());
        self.listings.run(move |conn| list::list(conn, &policy, &query)).await
    }

    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        let (scope, owners) = (scope.clone(), owners.clone());
        self.listings.run(move |conn| list::count(conn, &scope, &owners)).await
    }

    async fn users(&self, service: &str) -> Result<Vec<String>> {
        let service = service.to_owned();
        self.listings.run(move |conn| list::users(conn, &service)).await
    }

    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<News>>> {
        follow::follow(self.watch.clone(), id.clone(), skip, access.clone()).await
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        check::check(&self.listings, &self.writes, &self.policy, repair).await
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        let (writes, reads, watch) = (self.writes.clone(), self.reads.clone(), self.watch.clone());
        self.changes.watch(|feed| changes::keep_telling(Watcher { writes, reads, watch }, feed))
    }

    async fn put_input(&self, id: &InputId, offset: u64, bytes: Bytes) -> Result<()> {
        let id = id.clone();
        self.writes.run(move |conn| input::put(conn, &id, offset, &bytes)).await
    }

    async fn attach_input(&self, id: &InputId, task: &TaskId, access: &Access) -> Result<()> {
        let (id, task, access) = (id.clone(), task.clone(), access.clone());
        self.writes.run(move |conn| input::attach(conn, &id, &task, &access)).await
    }

    async fn input(&self, task: &TaskId, offset: u64, most: usize) -> Result<Option<Bytes>> {
        let task = task.clone();
        self.reads.run(move |conn| input::read(conn, &task, offset, most)).await
    }

    async fn announce(&self, host: &HostAbout, lives: Duration) -> Result<()> {
        let (process, host) = (self.process.clone(), host.clone());
        self.announced.store(true, Ordering::Relaxed);
        self.writes.run(move |conn| hosts::announce(conn, &process, &host, lives)).await
    }

    async fn hosts(&self) -> Result<Vec<HostSeen>> {
        let policy = self.policy.clone();
        self.reads.run(move |conn| hosts::seen(conn, &policy)).await
    }

    fn queue(&self) -> &dyn TaskQueue {
        self
    }

    async fn close(&self) {
        if self.announced.swap(false, Ordering::Relaxed) {
            let process = self.process.clone();
            // It is over by itself soon.
            let _ = self.writes.run(move |conn| hosts::leave(conn, &process)).await;
        }
    }

    /// The thread of the writes sweeps between them.
    async fn maintain(&self) {
        loop {
            tokio::time::sleep(ORPHANS_INTERVAL).await;
            if let Err(error) = self.end_orphans().await {
                tracing::warn!(%error, "cannot look for tasks whose hosts are gone");
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.policy.clock.now()
    }

    fn location(&self) -> String {
        self.location.to_string()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("location", &self.location)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
