//! A store that does nothing: every answer is ready at once, and always the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use task_state_host::record::{
    Change, Draft, Progress, Service, Status, StatusChange, TaskId, TaskRecord, Timestamp, UserId,
};
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::store::*;
use task_state_tests::tasks::clock;

use crate::guests::{SERVICE, USER};

/// A store whose one task is always running, whoever claims it.
#[derive(Debug)]
pub(crate) struct Nothing {
    claimed: Claimed,
    id: TaskId,
    now: Timestamp,
    /// Whose queue is empty.
    real: SqliteStore,
}

impl Nothing {
    pub(crate) async fn new() -> anyhow::Result<Arc<Self>> {
        let real = SqliteStore::in_memory(SqliteOptions::default(), clock())?;
        let life = Duration::from_secs(3_600);
        let claim = Claim::new(Service::new(SERVICE)?, UserId::new(USER)?, RunId::unique(), life);
        let claimed = real.claim(claim).await?;
        Ok(Arc::new(Self { id: TaskId::stored(claimed.task.task_id())?, claimed, now: real.now(), real }))
    }

    /// The task that everybody is given.
    pub(crate) fn task(&self) -> &TaskRecord {
        &self.claimed.task
    }
}

#[async_trait]
impl TaskStore for Nothing {
    fn queue(&self) -> &dyn TaskQueue {
        self.real.queue()
    }

    async fn next_task_id(&self) -> Result<String> {
        Ok(self.id.as_str().to_owned())
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.next_task_id().await
    }

    async fn save(&self, _: Draft, _: Precondition, _: &Access) -> Result<TaskId> {
        Ok(self.id.clone())
    }

    async fn claim(&self, _: Claim) -> Result<Claimed> {
        Ok(self.claimed.clone())
    }

    async fn renew(&self, holds: &[(TaskId, RunId)], _: Duration) -> Result<Vec<bool>> {
        Ok(vec![true; holds.len()])
    }

    async fn get(&self, _: &TaskId, _: &Access) -> Result<TaskRecord> {
        Ok(self.claimed.task.clone())
    }

    async fn status(&self, _: &TaskId, _: &Access) -> Result<Status> {
        Ok(Status::Running)
    }

    async fn statuses(&self, tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>> {
        Ok(tasks.iter().map(|_| Ok(Status::Running)).collect())
    }

    async fn marks(&self, ids: &[TaskId]) -> Result<Vec<Option<Mark>>> {
        self.real.marks(ids).await
    }

    fn has_unguarded_writers(&self) -> bool {
        false
    }

    async fn progress(&self, _: &TaskId, _: &Access) -> Result<Option<Progress>> {
        Ok(None)
    }

    async fn delete(&self, _: &TaskId, _: &Access) -> Result<bool> {
        Ok(false)
    }

    async fn change(&self, _: &TaskId, change: Change, _: &Access) -> Result<Status> {
        Ok(match change.status {
            Some(StatusChange::To(status) | StatusChange::Finish { status }) => status,
            _ => Status::Running,
        })
    }

    async fn list(&self, _: &Query) -> Result<Page> {
        Ok(Page::default())
    }

    async fn heads(&self, _: &Query) -> Result<HeadPage> {
        Ok(HeadPage::default())
    }

    async fn matching(&self, _: &Query) -> Result<Counts> {
        Ok(Counts::default())
    }

    async fn tally(&self, _: &Scope, _: &Owners) -> Result<Vec<Tally>> {
        Ok(Vec::new())
    }

    async fn count(&self, _: &Scope, _: &Owners) -> Result<Counts> {
        Ok(Counts::default())
    }

    async fn users(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn follow(&self, _: &TaskId, _: usize, _: &Access) -> Result<BoxStream<'static, Result<News>>> {
        Ok(stream::pending().boxed())
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        stream::pending().boxed()
    }

    async fn put_input(&self, _: &InputId, _: u64, _: bytes::Bytes) -> Result<()> {
        Ok(())
    }

    async fn attach_input(&self, _: &InputId, _: &TaskId, _: &Access) -> Result<()> {
        Ok(())
    }

    async fn input(&self, _: &TaskId, _: u64, _: usize) -> Result<Option<bytes::Bytes>> {
        Ok(None)
    }

    async fn announce(&self, _: &HostAbout, _: Duration) -> Result<()> {
        Ok(())
    }

    async fn hosts(&self) -> Result<Vec<HostSeen>> {
        Ok(Vec::new())
    }

    async fn check(&self, _: bool) -> Result<Report> {
        Ok(Report::default())
    }

    async fn maintain(&self) {
        std::future::pending().await
    }

    async fn close(&self) {}

    fn now(&self) -> Timestamp {
        self.now.clone()
    }

    fn location(&self) -> String {
        "nowhere".to_owned()
    }
}
