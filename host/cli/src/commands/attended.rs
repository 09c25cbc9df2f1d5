//! A store whose changes to one task wait until the view has shown the status before them.
//!
//! A follower sees the state that a task is in, not each that it was in: a guest that is quicker than the view would pass
//! through statuses that nobody is shown. Here each move to another status waits a moment for the view.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use task_state_host::record::{Change, Draft, Status, TaskId, TaskRecord, Timestamp};
use task_state_host::store::{
    Access, Claim, Claimed, Counts, Owners, Page, Precondition, Progress, Query, Report, Result, Scope, SharedStore,
    TaskStore,
};
use tokio::sync::watch;

/// How long a move to another status waits for the view.
const PATIENCE: Duration = Duration::from_millis(300);

/// A store, and what is shown of one of its tasks.
#[derive(Debug)]
pub(super) struct Attended {
    store: SharedStore,
    task: OnceLock<TaskId>,
    shown: watch::Receiver<Option<Status>>,
}

impl Attended {
    /// A store on which nothing waits until a claim has named the task. The sender tells which status is
    /// shown; nothing waits for one that is gone.
    pub(super) fn new(store: SharedStore) -> (Self, watch::Sender<Option<Status>>) {
        let (told, shown) = watch::channel(None);
        (Self { store, task: OnceLock::new(), shown }, told)
    }

    /// Names the task that is shown: the one that was claimed.
    fn attend(&self, id: &TaskId) {
        // There is one task to a view.
        let _ = self.task.set(id.clone());
    }

    async fn until_shown(&self, id: &TaskId, status: Status) {
        if self.task.get() == Some(id) {
            let mut shown = self.shown.clone();
            let _ = tokio::time::timeout(PATIENCE, shown.wait_for(|shown| *shown == Some(status))).await;
        }
    }
}

#[async_trait]
impl TaskStore for Attended {
    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        let status = draft.status;
        let id = self.store.save(draft, only_if, access).await?;
        self.until_shown(&id, status).await;
        Ok(id)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        let claimed = self.store.claim(claim).await?;
        self.attend(&TaskId::stored(claimed.task.task_id())?);
        Ok(claimed)
    }

    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let status = self.store.change(id, change, access).await?;
        self.until_shown(id, status).await;
        Ok(status)
    }

    async fn next_task_id(&self) -> Result<String> {
        self.store.next_task_id().await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.store.peek_next_task_id().await
    }

    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        self.store.get(id, access).await
    }

    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status> {
        self.store.status(id, access).await
    }

    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool> {
        self.store.delete(id, access).await
    }

    async fn list(&self, query: &Query) -> Result<Page> {
        self.store.list(query).await
    }

    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        self.store.count(scope, owners).await
    }

    async fn users(&self, service: &str) -> Result<Vec<String>> {
        self.store.users(service).await
    }

    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<Progress>>> {
        self.store.follow(id, skip, access).await
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        self.store.check(repair).await
    }

    async fn maintain(&self) {
        self.store.maintain().await;
    }

    async fn close(&self) {
        self.store.close().await;
    }

    fn now(&self) -> Timestamp {
        self.store.now()
    }

    fn location(&self) -> String {
        self.store.location()
    }
}
