//! The Redis engine: Redis 7 and later, and Valkey.
//!
//! # What is stored
//!
//! The datastore is shared with the Python package `task_state`, which writes the same keys. T is the time to live of a
//! record, [`RedisOptions::task_ttl`]; `s` is a service, `u` a user, `id` a task.
//!
//! | key | type | holds | lives |
//! |---|---|---|---|
//! | `task:{id}` | string | the record | T |
//! | `task:{id}:metadata` | hash | `service`, `user_id`; ours: `run`, the run that holds the task, `lease_until` and `seen`, when its lease ends and was renewed last; `progress`, how far the task has come; `queue`, its place in the queue, `attempt` and `attempts`, how many attempts at it have begun and may; `input`, the key of its input | T + 60 s |
//! | `index:tasks` | set | the ids of all tasks | T to T + 60 s |
//! | `index:service:{s}` | set | the ids of a service's tasks | the same |
//! | `index:service:{s}:users` | set | the **users** that have tasks with a service | the same |
//! | `index:service:{s}:user:{u}` | set | the ids of a user's tasks with a service | the same |
//! | `index:user:{u}` | set | the ids of a user's tasks | the same |
//! | `task:id:sequence` | integer | the last id that was given out | for ever |
//! | `task-state:session:{host}` | hash | ours: the last operation in each slot of a host | three deadlines |
//! | `task-state:stage:{host}:…` | string | ours: a large record on its way into its place | seconds |
//! | `task-state:leases` | sorted set | ours: the tasks that runs hold, by the ends of their leases | for ever |
//! | `task-state:sweep` | string | ours: when the last sweep began | minutes |
//! | `task-state:queue:{s}:{priority}` | sorted set | ours: the users of a service with tasks waiting, by their turns | T + 60 s |
//! | `task-state:queue:{s}:{priority}:{u}` | sorted set | ours: the places of a user's tasks that wait, in their order | T + 60 s |
//! | `task-state:queue:{s}` | hash | ours: the turns of a service, counted | a day |
//! | `task-state:queue-later`, `-taken` | sorted sets | ours: the places that nobody is to take before a time | T + 60 s |
//! | `task-state:queue-services`, `-arrivals` | set, stream | ours: services with a queue; what has come, for those who wait | T + 60 s |
//! | `task-state:upload:{input}` | string | ours: an input that no task has yet | an hour |
//! | `task-state:input:{input}` | string | ours: the input of a task | to the task's end |
//! | `task-state:inputs` | sorted set | ours: the inputs that tasks have, by when they are to be looked after | for ever |
//! | `task-state:hosts`, `task-state:hosts:about` | sorted set, hash | ours: host processes, and what they say of themselves | as long as a host is there |
//! | `task-state:probe:{listener}` | any | ours: what one who listens for events writes to hear of it | no time |
//! | `blocks:all`, `blocks:user:{u}`, `blocks:service:{s}` | string | what is paused; the first two are the DMS scheduler's | for ever |
//!
//! A record is one JSON object without white space, its fields in this order: `task_id`, `service`, `user_id`, `status`,
//! `parameters`, `active_jobs`, `created_at`, `updated_at`, `logs`, `result`, `priority`, then those that we do not know.
//! Strings escape nothing but `"`, `\` and control characters. A time has six digits of fraction, or none when they are
//! zero, and a numeric offset; a log entry is `<time>,<message>`. An empty string is no record. A record in another shape is
//! read all the same, and comes into this one with the first change.
//!
//! Every write refreshes the life of the record and its metadata, and sees to it that the task is in its indexes and that
//! they live as long; a host that has just done so takes that for granted for 30 s at most. The life of an index is never
//! shortened. A delete removes the record, its metadata and its index entries in one step. When a record expires, the
//! listener for the server's expired events removes its index entries, and the sweeper those that nobody heard of.
//!
//! # The way of a write
//!
//! ```text
//!  current-task.log          holds entries back for up to 50 ms, so that several go as one   plugin/
//!  RedisStore::change        admission: so many calls may be under way, then they are refused mod.rs
//!  WriteQueue                one write a task at a time; entries that wait go together         task/write_queue.rs
//!  write_change, splice      one script: in place where the layout is known                    task/change.rs
//!  Session::carry_out        a slot and a number: once, however often it is sent               server/session.rs
//!  Link::call                until there is an answer or the deadline has passed               server/link.rs
//!  AutoPipeline::send        commands of many callers in one write to the socket               server/auto_pipeline.rs
//! ```
//!
//! # Why a write happens once
//!
//! An operation is one script, so it happens whole or not at all. Each has a slot of its host's session and a number that
//! grows within the slot; the script leaves the number there in the same step. A copy that is sent again, because the
//! connection broke before the answer came, finds its own number and answers that it was done. A copy that arrives after
//! the host has given up finds a higher number, or by the server's own clock that its deadline has passed, and does
//! nothing. The session outlives the deadline of every copy. A delete or a save that is tried again cannot touch what
//! another writer has done since, because its number is there.
//!
//! This rests on a server that runs a script in one step and keeps what it has acknowledged. A failover to a replica that
//! had not received the last writes loses them, and with them the numbers: an operation under way at that moment may then
//! happen on the new primary although it happened on the old one as well, whose effect is gone.
//!
//! # What no guard can give
//!
//! The Python package reads a record, changes it, and writes it back whole, with no guard. What it read before a write of
//! ours and sets after it erases ours; the record is valid then, and our next change builds on what it finds.

mod changes;
mod events;
mod follow;
mod hosts;
mod input;
mod keys;
mod listing;
mod maintenance;
mod options;
mod queue;
mod server;
mod task;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use options::RedisOptions;

use self::hosts::Announced;
use self::listing::Listings;
use self::server::{Link, Session};
use self::task::WriteQueues;
use super::changes::Source;
use super::{
    Access, Changed, Claim, Claimed, Counts, Error, HeadPage, HostAbout, HostSeen, InputId, Mark, News, Owners, Page,
    Precondition, Query, Report, Result, RunId, Scope, Tally, TaskQueue, TaskStore,
};
use crate::record::{Change, Clock, Draft, Progress, Status, TaskId, TaskRecord, Timestamp};
use crate::settings::check_ttl;

/// By how many seconds the metadata outlives the record, and the indexes at most, as the scripts take it.
const OUTLIVES: &str = "60";
const OUTLIVES_SECONDS: u64 = 60;

/// How long a store that is closed tries to leave nothing behind.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

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
    admission: Semaphore,
    queues: WriteQueues,
    listings: Listings,
    changes: Source,
    announced: Announced,
}

impl RedisStore {
    /// Connects to the primary.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a time to live that is out of range, [`Error::Unavailable`] if the server does not
    /// answer in [`connect_deadline`](RedisOptions::connect_deadline), [`Error::Failed`] if it does not let us in.
    pub async fn connect(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        check_ttl(options.task_ttl)?;
        let ttl = options.task_ttl.as_secs();
        let primary = Arc::new(Link::new(&options.write_url, &options));
        primary.connect(Instant::now() + options.connect_deadline).await?;
        Ok(Self {
            session: Session::new(options.deadline),
            admission: Semaphore::new(options.max_calls.clamp(1, Semaphore::MAX_PERMITS)),
            queues: WriteQueues::new(),
            listings: Listings::new(options.read_url.as_ref(), &options),
            ttl: ttl.to_string(),
            metadata_ttl: (ttl + OUTLIVES_SECONDS).to_string(),
            changes: Source::default(),
            announced: Announced::new(),
            options,
            clock,
            primary,
        })
    }

    /// Lets one more call in, if there is room: a store that is away must not gather callers without end.
    fn admit(&self) -> Result<SemaphorePermit<'_>> {
        let full = |_| Error::Unavailable(format!("{} calls are waiting already", self.options.max_calls));
        self.admission.try_acquire().map_err(full)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }

    /// Whether something that others have changed meanwhile may be tried once more.
    fn once_more(&self, deadline: Instant) -> Result<()> {
        if Instant::now() < deadline {
            return Ok(());
        }
        Err(Error::Unavailable("the task is changed by others faster than it can be read".to_owned()))
    }
}

#[async_trait]
impl TaskStore for RedisStore {
    async fn next_task_id(&self) -> Result<String> {
        let _admitted = self.admit()?;
        self.take_id(1).await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        let _admitted = self.admit()?;
        self.peek_id().await
    }

    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        let _admitted = self.admit()?;
        self.save_draft(draft, only_if, access).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        let _admitted = self.admit()?;
        self.claim_task(&claim).await
    }

    /// Not kept waiting by calls: who does not renew loses the tasks.
    async fn renew(&self, holds: &[(TaskId, RunId)], lease: Duration) -> Result<Vec<bool>> {
        self.renew_leases(holds, lease).await
    }

    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        let _admitted = self.admit()?;
        self.get_task(id, access).await
    }

    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status> {
        let _admitted = self.admit()?;
        self.status_of(id, access).await
    }

    /// Not kept waiting by calls, as a renewal.
    async fn statuses(&self, tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>> {
        self.statuses_of(tasks).await
    }

    /// Not kept waiting by calls, as a renewal.
    async fn marks(&self, ids: &[TaskId]) -> Result<Vec<Option<Mark>>> {
        self.marks_of(ids).await
    }

    fn has_unguarded_writers(&self) -> bool {
        true
    }

    async fn progress(&self, id: &TaskId, access: &Access) -> Result<Option<Progress>> {
        let _admitted = self.admit()?;
        self.progress_of(id, access).await
    }

    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool> {
        let _admitted = self.admit()?;
        self.delete_task(id, access).await
    }

    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let _admitted = self.admit()?;
        let (replicas, ends) = (self.options.write_url.replicas(), change.finishes());
        let status = self.change_in_turn(id, change, access).await?;
        if replicas > 0 && ends {
            self.primary.replicated(replicas, self.deadline()).await?;
        }
        Ok(status)
    }

    async fn list(&self, query: &Query) -> Result<Page> {
        let _admitted = self.admit()?;
        self.list_tasks(query).await
    }

    async fn heads(&self, query: &Query) -> Result<HeadPage> {
        let _admitted = self.admit()?;
        self.list_heads(query).await
    }

    async fn matching(&self, query: &Query) -> Result<Counts> {
        let _admitted = self.admit()?;
        self.count_matching(query).await
    }

    async fn tally(&self, scope: &Scope, owners: &Owners) -> Result<Vec<Tally>> {
        let _admitted = self.admit()?;
        self.tally_tasks(scope, owners).await
    }

    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        let _admitted = self.admit()?;
        self.count_tasks(scope, owners).await
    }

    async fn users(&self, service: &str) -> Result<Vec<String>> {
        let _admitted = self.admit()?;
        self.list_users(service).await
    }

    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<News>>> {
        self.follow_task(id, skip, access).await
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        self.changes.watch(|feed| changes::keep_telling(self.primary.clone(), self.options.clone(), feed))
    }

    async fn put_input(&self, id: &InputId, offset: u64, bytes: Bytes) -> Result<()> {
        let _admitted = self.admit()?;
        self.write_input(id, offset, bytes).await
    }

    async fn attach_input(&self, id: &InputId, task: &TaskId, access: &Access) -> Result<()> {
        let _admitted = self.admit()?;
        self.give_input(id, task, access).await
    }

    async fn input(&self, task: &TaskId, offset: u64, most: usize) -> Result<Option<Bytes>> {
        let _admitted = self.admit()?;
        self.read_input(task, offset, most).await
    }

    /// Not kept waiting by calls, as a renewal.
    async fn announce(&self, host: &HostAbout, lives: Duration) -> Result<()> {
        self.announce_host(host, lives).await
    }

    async fn hosts(&self) -> Result<Vec<HostSeen>> {
        let _admitted = self.admit()?;
        self.hosts_seen().await
    }

    fn queue(&self) -> &dyn TaskQueue {
        self
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        self.check_all(repair).await
    }

    async fn maintain(&self) {
        self.maintain_indexes().await;
    }

    async fn close(&self) {
        let deadline = Instant::now() + CLOSE_DEADLINE.min(self.options.deadline);
        self.leave_hosts(deadline).await;
        self.session.close(&self.primary, deadline).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn location(&self) -> String {
        self.primary.location().to_owned()
    }
}
