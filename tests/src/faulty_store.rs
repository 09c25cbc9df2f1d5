//! A real store whose changes can be made to fail in the ways in which stores fail.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use task_state_host::record::{Change, Status, TaskId};
use task_state_host::store::{Access, Error, Result, SharedStore};
use tokio::sync::Semaphore;

use crate::wrapped_store::{Around, WrappedStore};

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
pub type FaultyStore<F> = WrappedStore<Faults<F>>;

/// Decides what becomes of each change, and counts them.
pub struct Faults<F> {
    decide: F,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl<F: Fn(&Change) -> Fault + Send + Sync + 'static> FaultyStore<F> {
    /// The same store, where each change has the fault that `decide` says.
    pub fn new(store: SharedStore, decide: F) -> Arc<Self> {
        let around = Faults { decide, begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) };
        Arc::new(Self { store, around })
    }

    /// How many changes were begun.
    pub fn begun(&self) -> usize {
        self.around.begun.load(Ordering::SeqCst)
    }

    /// How many changes were awaited to their end.
    pub fn ended(&self) -> usize {
        self.around.ended.load(Ordering::SeqCst)
    }
}

impl<F> fmt::Debug for Faults<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults({} begun)", self.begun.load(Ordering::SeqCst))
    }
}

fn unavailable() -> Error {
    Error::Unavailable("redis://10.0.0.7:6379 did not answer".to_owned())
}

#[async_trait]
impl<F: Fn(&Change) -> Fault + Send + Sync + 'static> Around for Faults<F> {
    async fn change(&self, store: &SharedStore, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let answer = match (self.decide)(&change) {
            Fault::None => store.change(id, change, access).await,
            Fault::Lost => Err(unavailable()),
            Fault::Unanswered => store.change(id, change, access).await.and(Err(unavailable())),
            Fault::Failed => Err(Error::Failed("OOM command not allowed".to_owned())),
            Fault::Panic => panic!("the store's code broke"),
            Fault::Stalled(until) => {
                until.acquire().await.expect("the test has ended").forget();
                store.change(id, change, access).await
            }
        };
        self.ended.fetch_add(1, Ordering::SeqCst);
        answer
    }
}
