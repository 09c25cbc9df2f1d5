//! What every engine of the store promises, written once. It knows no engine: it sees a store only as a
//! [`TaskStore`](task_state_host::store::TaskStore). A group of promises is a file and its line below.

mod access;
mod change;
mod changes;
mod claim;
mod concurrency;
mod delete;
mod expiry;
mod fixture;
mod follow;
mod hosts;
mod input;
mod lease;
mod listing;
mod moves;
mod progress;
mod queue;
mod record;
mod restoration;
mod save;
mod sequence;

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::{Clock, TransitionRule};
use task_state_host::store::SharedStore;
use task_state_tests::tasks::clock;

/// What a store is opened with.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How long a record lives after its last change. Whole seconds.
    pub(crate) ttl: Duration,
    /// What stamps the changes.
    pub(crate) clock: Arc<dyn Clock>,
    /// Which moves between statuses are allowed.
    pub(crate) rule: TransitionRule,
}

impl Default for Options {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(3_600), clock: clock(), rule: TransitionRule::default() }
    }
}

/// An engine, with data of its own that nothing else reaches.
pub(crate) trait Engine: Sized + Send + Sync + 'static {
    /// The engine over empty data.
    fn fresh(options: Options) -> impl Future<Output = Self> + Send;

    /// A handle on the data, as independent of the others as the engine allows: another host, best of all.
    fn open(&self) -> impl Future<Output = SharedStore> + Send;

    /// Makes the record of a task that is there unreadable, behind the store's back. False if that cannot be done.
    fn spoil(&self, _task_id: &str) -> impl Future<Output = bool> + Send {
        async { false }
    }
}

/// Lists the promises of a group, which are functions over an [`Engine`], and makes a test of each for each engine. One
/// that is missing from the list is dead code, which the compiler reports.
macro_rules! promises {
    ($($promise:ident,)*) => {
        promises! { @ redis Redis $($promise)* }
        promises! { @ sqlite_file SqliteFile $($promise)* }
        promises! { @ sqlite_memory SqliteMemory $($promise)* }
    };
    (@ $name:ident $engine:ident $($promise:ident)*) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                Box::pin(super::$promise::<crate::engines::$engine>()).await;
            })*
        }
    };
}
use promises;
