//! A real store whose changes can be made to fail in the ways in which stores fail.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use task_state_host::record::{Change, Draft, Status, TaskId, TaskRecord, Timestamp};
use task_state_host::store::*;
use tokio::sync::Semaphore;

/// What becomes of a change.
pub enum Fault {
    /// It is made.
    None,
    /// It is not made, and the store does not answer.
    Lost,
    /// It is made, and the store does not answer.
    Unanswered,
    /// The store refuses it.
    Failed,
    /// The store's code panics.
    Panic,
    /// It is made once this gives a permit.
    Stalled(Arc<Semaphore>),
}

/// A store with a say in what becomes of each change.
pub struct FaultyStore<F> {
    store: SharedStore,
    decide: F,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl<F: Fn(&Change) -> Fault + Send + Sync + 'static> FaultyStore<F> {
    /// The same store, where each change has the fault that `decide` says.
    pub fn new(store: SharedStore, decide: F) -> Arc<Self> {
        Arc::new(Self { store, decide, begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) })
    }

    /// How many changes were begun.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many changes were awaited to their end.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
}

impl<F> fmt::Debug for FaultyStore<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({:?})", self.store)
    }
}

fn unavailable() -> Error {
    Error::Unavailable("redis://10.0.0.7:6379 did not answer".to_owned())
}

#[async_trait]
impl<F: Fn(&Change) -> Fault + Send + Sync + 'static> TaskStore for FaultyStore<F> {
    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let answer = match (self.decide)(&change) {
            Fault::None => self.store.change(id, change, access).await,
            Fault::Lost => Err(unavailable()),
            Fault::Unanswered => self.store.change(id, change, access).await.and(Err(unavailable())),
            Fault::Failed => Err(Error::Failed("OOM command not allowed".to_owned())),
            Fault::Panic => panic!("the store's code broke"),
            Fault::Stalled(until) => {
                until.acquire().await.expect("the test has ended").forget();
                self.store.change(id, change, access).await
            }
        };
        self.ended.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn next_task_id(&self) -> Result<String> {
        self.store.next_task_id().await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.store.peek_next_task_id().await
    }

    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        self.store.save(draft, only_if, access).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        self.store.claim(claim).await
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

    async fn follow(
        &self,
        id: &TaskId,
        skip: usize,
        access: &Access,
    ) -> Result<futures_util::stream::BoxStream<'static, Result<Progress>>> {
        self.store.follow(id, skip, access).await
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        self.store.check(repair).await
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
