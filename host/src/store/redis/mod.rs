//! The Redis engine: Redis 7 and later, and Valkey.
//!
//! It shares the datastore with the Python package: `keys` builds every key, `scripts/` holds each atomic step with its
//! contract, `script` makes each happen exactly once, `connection` keeps the connections alive, `together` has the commands
//! of many callers share a write, and `turns` and `layout` make an append cost the same however long the log is.

mod follow;
mod keys;
mod listing;
mod maintenance;
mod options;
mod server;
mod task;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use options::RedisOptions;

use self::listing::Listings;
use self::server::link::Link;
use self::server::session::Session;
use self::task::write_queue::WriteQueues;
use super::{
    Access, Claim, Claimed, Counts, Error, Owners, Page, Precondition, Progress, Query, Report, Result, Scope,
    TaskStore,
};
use crate::record::{Change, Clock, Draft, Status, TaskId, TaskRecord, Timestamp};

/// By how many seconds the metadata outlives the record. The scripts know it too.
const METADATA_OUTLIVES: u64 = 60;

/// A store in Redis.
#[derive(Debug)]
pub struct RedisStore {
    options: RedisOptions,
    /// Seconds that a record lives after its last change.
    ttl: String,
    /// Seconds that the metadata lives: longer than the record, whose owner it tells when that has expired.
    metadata_ttl: String,
    clock: Arc<dyn Clock>,
    primary: Arc<Link>,
    session: Session,
    /// Places for writes that are under way or wait.
    places: Semaphore,
    turns: WriteQueues,
    listings: Listings,
}

impl RedisStore {
    /// Connects to the primary.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not answer in
    /// [`connect_deadline`](RedisOptions::connect_deadline), [`Error::Failed`] if it does not
    /// let us in.
    pub async fn connect(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let primary = Arc::new(Link::new(&options.write_url, &options)?);
        primary.connect(Instant::now() + options.connect_deadline).await?;
        let listings = Listings::new(options.read_url.as_ref(), &options)?;
        let ttl = options.task_ttl.as_secs().max(1);
        Ok(Self {
            session: Session::new(options.max_writes),
            places: Semaphore::new(options.max_waiting.clamp(1, Semaphore::MAX_PERMITS)),
            turns: WriteQueues::new(),
            ttl: ttl.to_string(),
            metadata_ttl: (ttl + METADATA_OUTLIVES).to_string(),
            options,
            clock,
            primary,
            listings,
        })
    }

    /// A place for one more write, if there is one: a store that is away must not gather callers without end.
    fn enter(&self) -> Result<SemaphorePermit<'_>> {
        let full = |_| Error::Unavailable(format!("{} writes are waiting already", self.options.max_waiting));
        self.places.try_acquire().map_err(full)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }
}

#[async_trait]
impl TaskStore for RedisStore {
    async fn next_task_id(&self) -> Result<String> {
        self.take_id().await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.peek_id().await
    }

    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        let _place = self.enter()?;
        self.save_draft(draft, only_if, access).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        let _place = self.enter()?;
        self.claim_task(&claim).await
    }

    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        self.get_task(id, access).await
    }

    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status> {
        self.status_of(id, access).await
    }

    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool> {
        let _place = self.enter()?;
        self.delete_task(id, access).await
    }

    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let _place = self.enter()?;
        self.change_in_turn(id, change, access).await
    }

    async fn list(&self, query: &Query) -> Result<Page> {
        self.list_tasks(query).await
    }

    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        self.count_tasks(scope, owners).await
    }

    async fn users(&self, service: &str) -> Result<Vec<String>> {
        self.list_users(service).await
    }

    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<Progress>>> {
        self.follow_task(id, skip, access).await
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        self.check_all(repair).await
    }

    async fn maintain(&self) {
        self.maintain_indexes().await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn location(&self) -> String {
        self.primary.location().to_owned()
    }
}
