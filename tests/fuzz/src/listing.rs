//! Listings: a walk from any cursor shows each task that belongs there once, in order, and no other, while others come
//! and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use futures_util::future::join_all;
use task_state_host::record::{Draft, Service, Status, SystemClock, TaskId, TaskRecord, TimeZone, UserId, compare_ids};
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::store::{Access, Allowed, Error, MAX_PAGE_TASKS, Owners, Precondition, Query, Scope, TaskStore};

const SERVICES: [&str; 3] = ["analytics", "sync", "앨"];
const USERS: [&str; 3] = ["alice", "bob", "alice2"];

/// Service, user and status of a task.
type Task = (&'static str, &'static str, Status);

/// What the store holds, as far as this knows.
type Tasks = BTreeMap<String, Task>;

/// Makes up some tasks, and walks through a listing of them.
pub fn fuzz(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Bytes that are too few for a whole walk end it.
    let _ = runtime.block_on(walk(&mut Unstructured::new(data)));
}

async fn walk(bytes: &mut Unstructured<'_>) -> Result<()> {
    let clock = Arc::new(SystemClock::new(TimeZone::utc()));
    let store = SqliteStore::in_memory(SqliteOptions::default(), clock).unwrap();
    let mut tasks = Tasks::new();
    let first: Result<Vec<(String, Task)>> =
        (0..bytes.int_in_range(0..=24)?).map(|_| Ok((id(bytes)?, task(bytes)?))).collect();
    let drafts = first?.into_iter().filter_map(|(id, task)| draft(&mut tasks, id, task));
    // Together, for the sake of speed: they are made in this order.
    for saved in join_all(drafts.map(|draft| store.save(draft, Precondition::None, &Access::ANY))).await {
        saved.unwrap();
    }
    let query = query(bytes, &tasks)?;
    counts(&store, &query, &tasks).await;
    if !(1..=MAX_PAGE_TASKS).contains(&query.limit) {
        let error = store.list(&query).await.unwrap_err();
        assert!(matches!(error, Error::InvalidValue(_)), "{error}");
        return Ok(());
    }
    pages(&store, query, tasks, bytes).await
}

/// Reads page after page, with changes to other tasks in between.
async fn pages(store: &SqliteStore, first: Query, mut tasks: Tasks, bytes: &mut Unstructured<'_>) -> Result<()> {
    let mut query = first.clone();
    let mut shown: Vec<TaskRecord> = Vec::new();
    // What is never touched is shown for certain.
    let mut settled: BTreeSet<String> = tasks.keys().cloned().collect();
    let mut end_of_bytes = Ok(());
    loop {
        let page = store.list(&query).await.unwrap();
        assert!(page.tasks.len() <= query.limit && page.skipped.is_empty() && page.more_skipped == 0);
        for task in &page.tasks {
            let id = task.task_id();
            assert_eq!(tasks.get(id), Some(&(task.service(), task.user_id(), task.status())), "{id}");
            assert!(belongs(&first, id, &tasks[id]), "{id} is none of {first:?}");
        }
        shown.extend(page.tasks);
        let Some(next) = page.next else { break };
        assert_eq!(Some(next.as_str()), shown.last().map(TaskRecord::task_id), "the cursor is the last id shown");
        query.cursor = Some(next);
        // The walk goes on to its end all the same.
        end_of_bytes = end_of_bytes.and(touch(store, &mut tasks, &mut settled, bytes).await);
    }
    let ids: Vec<&str> = shown.iter().map(TaskRecord::task_id).collect();
    assert!(ids.is_sorted_by(|a, b| compare_ids(a, b).is_lt()), "out of order, or twice: {ids:?}");
    for id in settled.iter().filter(|id| belongs(&first, id, &tasks[*id])) {
        assert!(ids.contains(&id.as_str()), "{id} is missing in {ids:?} of {first:?}");
    }
    end_of_bytes
}

/// Saves, replaces or deletes some tasks.
async fn touch(
    store: &SqliteStore,
    tasks: &mut Tasks,
    settled: &mut BTreeSet<String>,
    bytes: &mut Unstructured<'_>,
) -> Result<()> {
    for _ in 0..bytes.int_in_range(0..=2)? {
        let ids: Vec<String> = tasks.keys().cloned().collect();
        let id = if bytes.ratio(1, 2)? && !ids.is_empty() { bytes.choose(&ids)?.clone() } else { id(bytes)? };
        settled.remove(&id);
        if bytes.ratio(1, 2)? {
            let there = match TaskId::new(&id) {
                Ok(id) => store.delete(&id, &Access::ANY).await.unwrap(),
                Err(_) => false,
            };
            assert_eq!(there, tasks.remove(&id).is_some(), "{id}");
        } else if let Some(draft) = draft(tasks, id, task(bytes)?) {
            store.save(draft, Precondition::None, &Access::ANY).await.unwrap();
        }
    }
    Ok(())
}

/// A task to be saved, if it has an id that may be.
fn draft(tasks: &mut Tasks, id: String, task: Task) -> Option<Draft> {
    let (service, user, status) = task;
    let task_id = TaskId::new(&id).ok()?;
    let mut draft = Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap()).with_id(task_id);
    draft.status = status;
    tasks.insert(id, task);
    Some(draft)
}

/// Panics unless the counts are those of the tasks, and so are the users of a service.
async fn counts(store: &SqliteStore, query: &Query, tasks: &Tasks) {
    let mut any_status = query.clone();
    (any_status.statuses, any_status.cursor) = (BTreeSet::new(), None);
    let mut expected = BTreeMap::new();
    for (_, task) in tasks.iter().filter(|(id, task)| belongs(&any_status, id, task)) {
        *expected.entry(task.2).or_insert(0) += 1;
    }
    assert_eq!(store.count(&query.scope, &query.owners).await.unwrap(), expected, "{query:?}");
    let users: BTreeSet<&str> = tasks.values().filter(|task| task.0 == SERVICES[0]).map(|task| task.1).collect();
    assert!(store.users(SERVICES[0]).await.unwrap().iter().eq(users));
}

/// Whether a query shows a task, on one of its pages.
fn belongs(query: &Query, id: &str, &(service, user, status): &Task) -> bool {
    let in_scope = match &query.scope {
        Scope::All => true,
        Scope::Service(name) => name == service,
        Scope::User(name) => name == user,
        Scope::ServiceUser(name, of) => name == service && of == user,
        Scope::Ids(ids) => ids.contains(id),
    };
    let granted = |names: &Allowed, name: &str| match names {
        Allowed::Any => true,
        Allowed::Only(names) => names.contains(name),
    };
    in_scope
        && granted(&query.owners.services, service)
        && granted(&query.owners.users, user)
        && (query.statuses.is_empty() || query.statuses.contains(&status))
        && query.cursor.as_deref().is_none_or(|cursor| compare_ids(id, cursor).is_gt())
}

fn id(bytes: &mut Unstructured<'_>) -> Result<String> {
    const PARTS: [&str; 16] = [
        "0",
        "1",
        "9",
        "00",
        "10",
        "-",
        "+",
        "_",
        "a",
        "\u{663}",
        "\u{ff11}",
        "\u{10ffff}",
        "\u{e000}",
        "Z",
        "\"",
        "%",
    ];
    let parts: Result<Vec<&str>> = (0..bytes.int_in_range(1..=4)?).map(|_| bytes.choose(&PARTS).copied()).collect();
    if bytes.ratio(1, 8)? { bytes.arbitrary() } else { Ok(parts?.concat()) }
}

fn task(bytes: &mut Unstructured<'_>) -> Result<Task> {
    Ok((bytes.choose(&SERVICES)?, bytes.choose(&USERS)?, *bytes.choose(&Status::ALL)?))
}

fn query(bytes: &mut Unstructured<'_>, tasks: &Tasks) -> Result<Query> {
    let (service, user, status) = task(bytes)?;
    let scope = match bytes.int_in_range(0..=4)? {
        0 => Scope::All,
        1 => Scope::Service(service.to_owned()),
        2 => Scope::User(user.to_owned()),
        3 => Scope::ServiceUser(service.to_owned(), user.to_owned()),
        _ => {
            let mut ids = BTreeSet::from([id(bytes)?]);
            for id in tasks.keys() {
                ids.extend(bytes.ratio(2, 3)?.then(|| id.clone()));
            }
            Scope::Ids(ids)
        }
    };
    let mut query = Query::new(scope);
    query.owners = Owners { services: allowed(bytes, &SERVICES)?, users: allowed(bytes, &USERS)? };
    query.statuses = bytes.ratio(1, 3)?.then_some(status).into_iter().collect();
    query.limit = if bytes.ratio(1, 32)? { bytes.arbitrary()? } else { bytes.int_in_range(1..=5)? };
    query.cursor = match bytes.int_in_range(0..=3)? {
        0 => Some(id(bytes)?),
        1 => Some(bytes.arbitrary()?),
        _ => None,
    };
    Ok(query)
}

fn allowed(bytes: &mut Unstructured<'_>, names: &[&str]) -> Result<Allowed> {
    if bytes.ratio(1, 2)? {
        return Ok(Allowed::Any);
    }
    let mut only = BTreeSet::new();
    for name in names {
        only.extend(bytes.ratio(1, 2)?.then(|| (*name).to_owned()));
    }
    Ok(Allowed::only(only))
}
