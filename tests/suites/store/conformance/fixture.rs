//! What the promises are tested with.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::Clock;

pub(super) use task_state_tests::tasks::*;
pub(super) use task_state_tests::wait::*;

use super::{Engine, Options};

/// One handle on empty data, with the engine, which must live as long.
pub(super) async fn store<E: Engine>() -> (E, SharedStore) {
    store_with(Options::default()).await
}

pub(super) async fn store_with<E: Engine>(options: Options) -> (E, SharedStore) {
    let engine = E::fresh(options).await;
    let store = engine.open().await;
    (engine, store)
}

/// Three hosts on the same data.
pub(super) async fn hosts<E: Engine>() -> (E, [SharedStore; 3]) {
    let engine = E::fresh(Options::default()).await;
    let hosts = [engine.open().await, engine.open().await, engine.open().await];
    (engine, hosts)
}

/// Options under which a task lives for this many seconds.
pub(super) fn short_lived(seconds: u64) -> Options {
    Options { ttl: Duration::from_secs(seconds), ..Options::default() }
}

/// Waits until a task has expired that lives for a second or two: a store honours that when it is read, and not only when
/// it next sweeps.
pub(super) async fn expired(store: &SharedStore, id: &TaskId) {
    within(Duration::from_secs(4), "the task expired", async || match store.get(id, &Access::ANY).await {
        Ok(_) => None,
        Err(Error::NotFound) => Some(()),
        Err(error) => panic!("{error}"),
    })
    .await;
}

/// That a call failed in one way.
macro_rules! assert_fails {
    ($result:expr, $error:pat $(if $guard:expr)?) => {
        match $result {
            Err($error) $(if $guard)? => {}
            other => panic!("expected {}, got {other:?}", stringify!($error $(if $guard)?)),
        }
    };
}
pub(super) use assert_fails;

/// That a listing of every scope shows these tasks of analytics and alice, and the service has these users.
pub(super) async fn assert_listed(store: &SharedStore, shown: &[&str], users: &[&str]) {
    for scope in scopes(&["1", "2", "3", "4"]) {
        assert_eq!(listed_in(store, scope.clone()).await, shown, "{scope:?}");
    }
    assert_eq!(store.users("analytics").await.unwrap(), users);
}

/// A clock that has stopped.
#[derive(Debug)]
struct StuckClock {
    now: Timestamp,
    zone: TimeZone,
}

impl Clock for StuckClock {
    fn now(&self) -> Timestamp {
        self.now.clone()
    }

    fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

/// Options with a clock that always gives one time.
pub(super) fn stuck_at(time: &str) -> Options {
    let zone = TimeZone::named("Asia/Seoul").unwrap();
    let now = Timestamp::parse(time, &zone).unwrap();
    Options { clock: Arc::new(StuckClock { now, zone }), ..Options::default() }
}

pub(super) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::utc()).unwrap()
}
