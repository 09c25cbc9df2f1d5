//! What every engine of the store promises, written once.
//!
//! An engine is put to all of it by implementing [`Engine`] and naming itself to
//! [`conformance!`](macro@crate::conformance), in a module of its own. Each promise is a test. The suite knows no
//! engine: it sees a store only as a [`TaskStore`](task_state_host::store::TaskStore).

pub mod access;
pub mod change;
pub mod claim;
pub mod concurrency;
pub mod delete;
pub mod expiry;
mod fixture;
pub mod follow;
pub mod listing;
pub mod moves;
pub mod record;
pub mod save;
pub mod sequence;

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::{Clock, SystemClock, TimeZone, TransitionRule};
use task_state_host::store::SharedStore;

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a record lives after its last change. Whole seconds.
    pub ttl: Duration,
    /// What stamps the changes.
    pub clock: Arc<dyn Clock>,
    /// Which moves between statuses are allowed.
    pub rule: TransitionRule,
}

impl Default for Options {
    fn default() -> Self {
        // A zone that every build has; the promises hold in any.
        let zone = TimeZone::named("Asia/Seoul").unwrap_or_else(|_| TimeZone::utc());
        Self {
            ttl: Duration::from_secs(3_600),
            clock: Arc::new(SystemClock::new(zone)),
            rule: TransitionRule::default(),
        }
    }
}

/// An engine, with data of its own that nothing else reaches.
pub trait Engine: Sized + Send + Sync + 'static {
    /// The engine over empty data.
    fn fresh(options: Options) -> impl Future<Output = Self> + Send;

    /// A handle on the data, as independent of the others as the engine allows: another host, best of all.
    fn open(&self) -> impl Future<Output = SharedStore> + Send;

    /// Makes the record of a task that is there unreadable, behind the store's back. False if that cannot be done.
    fn spoil(&self, _task_id: &str) -> impl Future<Output = bool> + Send {
        async { false }
    }
}

/// Makes one test of each promise, for one engine.
#[macro_export]
macro_rules! conformance {
    ($engine:ty) => {
        $crate::conformance!($engine:
            access change claim concurrency delete expiry follow listing moves record save sequence);
    };
    ($engine:ty: $($group:ident)*) => {
        $(mod $group {
            $crate::conformance_group!($group, $engine);
        })*
    };
}

/// Makes one test of each promise of a group.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_group {
    (access, $engine:ty) => {
        $crate::access_promises!($engine);
    };
    (change, $engine:ty) => {
        $crate::change_promises!($engine);
    };
    (claim, $engine:ty) => {
        $crate::claim_promises!($engine);
    };
    (concurrency, $engine:ty) => {
        $crate::concurrency_promises!($engine);
    };
    (delete, $engine:ty) => {
        $crate::delete_promises!($engine);
    };
    (expiry, $engine:ty) => {
        $crate::expiry_promises!($engine);
    };
    (follow, $engine:ty) => {
        $crate::follow_promises!($engine);
    };
    (listing, $engine:ty) => {
        $crate::listing_promises!($engine);
    };
    (moves, $engine:ty) => {
        $crate::moves_promises!($engine);
    };
    (record, $engine:ty) => {
        $crate::record_promises!($engine);
    };
    (save, $engine:ty) => {
        $crate::save_promises!($engine);
    };
    (sequence, $engine:ty) => {
        $crate::sequence_promises!($engine);
    };
}

/// Lists the promises of a module: functions over an [`Engine`]. One that is missing from the list is dead code, which
/// the compiler reports.
macro_rules! promises {
    ($dollar:tt $group:ident $tests:ident: $($promise:ident,)*) => {
        /// Holds an engine to one promise of this group.
        ///
        /// # Panics
        /// If the engine breaks it, or the group has no promise of that name.
        pub async fn hold<E: $crate::conformance::Engine>(promise: &str) {
            match promise {
                $(stringify!($promise) => Box::pin($promise::<E>()).await,)*
                _ => panic!("there is no promise {promise}"),
            }
        }

        /// One test of each promise of this group.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $tests {
            ($dollar engine:ty) => {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    $dollar crate::conformance::$group::hold::<$dollar engine>(stringify!($promise)).await;
                })*
            };
        }
    };
}
use promises;
