//! A real store with something around its changes and renewals: all that tests and the benchmark put between a host and its store.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use task_state_host::record::{Change, Draft, Progress, Status, TaskId, TaskRecord, Timestamp};
use task_state_host::store::*;

/// What is done around each change and each renewal.
#[async_trait]
pub trait Around: Debug + Send + Sync + 'static {
    /// Makes the change of a task in the store, or does something else instead.
    async fn change(&self, store: &SharedStore, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        store.change(id, change, access).await
    }

    /// Renews the leases in the store, or does something else instead.
    async fn renew(&self, store: &SharedStore, holds: &[(TaskId, RunId)], lease: Duration) -> Result<Vec<bool>> {
        store.renew(holds, lease).await
    }
}

/// A store, and what is done around its changes.
#[derive(Debug)]
pub struct WrappedStore<A> {
    /// The store itself.
    pub store: SharedStore,
    /// What is done around its changes and renewals.
    pub around: A,
}

macro_rules! wrap {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl<A: Around> TaskStore for WrappedStore<A> {
            async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
                self.around.change(&self.store, id, change, access).await
            }

            async fn renew(&self, holds: &[(TaskId, RunId)], lease: Duration) -> Result<Vec<bool>> {
                self.around.renew(&self.store, holds, lease).await
            }

            $(async fn $name(&self, $($argument: $kind),*) -> $answer {
                self.store.$name($($argument),*).await
            })*

            fn changes(&self) -> BoxStream<'static, Changed> {
                self.store.changes()
            }

            fn queue(&self) -> &dyn TaskQueue {
                self.store.queue()
            }

            fn now(&self) -> Timestamp {
                self.store.now()
            }

            fn has_unguarded_writers(&self) -> bool {
                self.store.has_unguarded_writers()
            }

            fn location(&self) -> String {
                self.store.location()
            }
        }
    };
}

wrap! {
    fn next_task_id() -> Result<String>;
    fn peek_next_task_id() -> Result<String>;
    fn save(draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId>;
    fn claim(claim: Claim) -> Result<Claimed>;
    fn get(id: &TaskId, access: &Access) -> Result<TaskRecord>;
    fn status(id: &TaskId, access: &Access) -> Result<Status>;
    fn statuses(tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>>;
    fn marks(ids: &[TaskId]) -> Result<Vec<Option<Mark>>>;
    fn progress(id: &TaskId, access: &Access) -> Result<Option<Progress>>;
    fn delete(id: &TaskId, access: &Access) -> Result<bool>;
    fn list(query: &Query) -> Result<Page>;
    fn heads(query: &Query) -> Result<HeadPage>;
    fn matching(query: &Query) -> Result<Counts>;
    fn tally(scope: &Scope, owners: &Owners) -> Result<Vec<Tally>>;
    fn count(scope: &Scope, owners: &Owners) -> Result<Counts>;
    fn users(service: &str) -> Result<Vec<String>>;
    fn follow(id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<News>>>;
    fn put_input(id: &InputId, offset: u64, bytes: bytes::Bytes) -> Result<()>;
    fn attach_input(id: &InputId, task: &TaskId, access: &Access) -> Result<()>;
    fn input(task: &TaskId, offset: u64, most: usize) -> Result<Option<bytes::Bytes>>;
    fn announce(host: &HostAbout, lives: Duration) -> Result<()>;
    fn hosts() -> Result<Vec<HostSeen>>;
    fn check(repair: bool) -> Result<Report>;
    fn maintain() -> ();
    fn close() -> ();
}
