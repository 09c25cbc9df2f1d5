//! What the promises are tested with.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use task_state_host::record::{
    Clock, Draft, JsonObject, Service, Status, TaskId, TaskRecord, TimeZone, Timestamp, UserId,
};
use task_state_host::store::{
    Access, Claim, Error, Owners, Page, Precondition, Query, RunId, Scope, SharedStore, Skipped,
};

use super::{Engine, Options};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// One handle on empty data, with the engine, which must live as long.
pub(super) async fn store<E: Engine>() -> (E, SharedStore) {
    store_with(Options::default()).await
}

pub(super) async fn store_with<E: Engine>(options: Options) -> (E, SharedStore) {
    let engine = E::fresh(options).await;
    let store = engine.open().await;
    (engine, store)
}

pub(super) fn task_id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

/// A pending task of analytics and alice.
pub(super) fn draft(id: &str) -> Draft {
    owned_draft(id, "analytics", "alice")
}

pub(super) fn owned_draft(id: &str, service: &str, user: &str) -> Draft {
    unnamed_draft(service, user).with_id(task_id(id))
}

pub(super) fn unnamed_draft(service: &str, user: &str) -> Draft {
    Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap())
}

pub(super) fn draft_in(id: &str, status: Status) -> Draft {
    let mut draft = draft(id);
    draft.status = status;
    draft
}

pub(super) fn json(text: &str) -> JsonObject {
    JsonObject::parse("parameters", text).unwrap()
}

/// Saves whatever is there, as an operator.
pub(super) async fn save(store: &SharedStore, draft: Draft) -> TaskId {
    store.save(draft, Precondition::None, &Access::ANY).await.unwrap()
}

pub(super) async fn get(store: &SharedStore, id: &TaskId) -> TaskRecord {
    store.get(id, &Access::ANY).await.unwrap()
}

pub(super) fn owner(service: &str, user: &str) -> Access {
    Access::of(Owners::only(service, user))
}

/// A claim of a run of its own on a task of analytics and alice.
pub(super) fn claim(id: &str) -> Claim {
    let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
    let mut claim = Claim::new(service, user, RunId::unique(), Duration::from_secs(3_600));
    claim.task_id = Some(task_id(id));
    claim
}

/// What an entry says, without its time.
pub(super) fn message(entry: &str) -> &str {
    entry.split_once(',').expect("an entry is a time, a comma and a message").1
}

pub(super) fn messages(record: &TaskRecord) -> Vec<String> {
    record.logs().iter().map(|entry| message(entry).to_owned()).collect()
}

/// Every page of a listing.
pub(super) async fn pages(store: &SharedStore, mut query: Query) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        let next = page.next.clone();
        assert!(page.tasks.len() <= query.limit, "a page of {} tasks for a limit of {}", page.tasks.len(), query.limit);
        assert!(next.is_none() || next != query.cursor, "the next page starts where this one did: {next:?}");
        pages.push(page);
        match next {
            Some(next) => query.cursor = Some(next),
            None => return pages,
        }
    }
}

/// The ids that a listing shows, over all its pages.
pub(super) async fn listed(store: &SharedStore, query: Query) -> Vec<String> {
    let pages = pages(store, query).await;
    pages.iter().flat_map(|page| &page.tasks).map(|task| task.task_id().to_owned()).collect()
}

pub(super) async fn listed_in(store: &SharedStore, scope: Scope) -> Vec<String> {
    listed(store, Query::new(scope)).await
}

/// What a listing leaves out because it cannot be read.
pub(super) async fn skipped(store: &SharedStore, query: Query) -> Vec<Skipped> {
    pages(store, query).await.into_iter().flat_map(|page| page.skipped).collect()
}

pub(super) fn service_scope(service: &str) -> Scope {
    Scope::Service(service.to_owned())
}

pub(super) fn user_scope(user: &str) -> Scope {
    Scope::User(user.to_owned())
}

pub(super) fn pair_scope(service: &str, user: &str) -> Scope {
    Scope::ServiceUser(service.to_owned(), user.to_owned())
}

pub(super) fn ids_scope(ids: &[&str]) -> Scope {
    Scope::Ids(ids.iter().map(|&id| id.to_owned()).collect())
}

/// Waits until a look at the world gives something.
pub(super) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

async fn within<T>(patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        // A look that began in time may be late, however busy the machine is.
        let elapsed = start.elapsed();
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(elapsed < patience, "in {patience:?} it did not happen that {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for something that must not take for ever.
pub(super) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in {PATIENCE:?} there was no {what}"))
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

/// Runs the same work in several tasks at once, numbered from 0, and gives what each came to.
pub(super) async fn at_once<T, F>(count: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Debug + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let running: Vec<_> = (0..count).map(|number| tokio::spawn(work(number))).collect();
    let mut results = Vec::with_capacity(count);
    for task in running {
        results.push(task.await.unwrap());
    }
    results
}

/// A clock that has stopped.
#[derive(Debug)]
pub(super) struct StuckClock {
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
