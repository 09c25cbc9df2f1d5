//! The store called natively: what the other sides of this store are built on, and what they are prepared with.

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{TryStreamExt, stream};
use task_state_host::record::{Change, Draft, JsonObject, Service, Status, TaskId, UserId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Precondition, Query, Scope, TaskStore};
use task_state_tests::redis_store;
use tokio::task::JoinSet;

/// Whose tasks are measured.
pub(crate) const SERVICE: &str = "analytics";
/// Whose tasks are measured.
pub(crate) const USER: &str = "alice";
/// Entries in one lifecycle.
pub(crate) const ENTRIES: usize = 7;

/// So many saves are under way at once where only their result matters.
const PREPARED_AT_ONCE: usize = 64;

/// A recorded command is replayed long after it was sent, and must not be late then.
const DEADLINE: Duration = Duration::from_secs(24 * 3_600);

/// The store on a server.
pub(crate) async fn connect(url: &str) -> Arc<RedisStore> {
    redis_store::connect(url, |options| {
        options.deadline = DEADLINE;
        // Whatever sweeps is measured, and sweeps when it is told to.
        options.sweep_interval = DEADLINE;
    })
    .await
}

/// The text of an entry: all sides write the same.
pub(crate) fn message(number: usize) -> String {
    format!("processed chunk {number:06} of the payload")
}

/// A pending task.
pub(crate) fn draft(id: &str, user: &str) -> Result<Draft> {
    Ok(Draft::new(Service::new(SERVICE)?, UserId::new(user)?).with_id(TaskId::new(id)?))
}

/// A pending task with so many log entries and a parameter for the plugin.
pub(crate) fn draft_with(store: &RedisStore, id: &str, lines: usize, parameters: &str) -> Result<Draft> {
    let mut draft = draft(id, USER)?;
    let now = store.now();
    draft.logs = (0..lines).map(|number| format!("{now},{}", message(number))).collect();
    draft.parameters = JsonObject::parse("parameters", parameters)?;
    Ok(draft)
}

/// Saves tasks, many at once.
pub(crate) async fn save_all(store: &Arc<RedisStore>, drafts: impl IntoIterator<Item = Result<Draft>>) -> Result<()> {
    let save = |draft| async move { anyhow::Ok(store.save(draft, Precondition::None, &Access::ANY).await?) };
    stream::iter(drafts).map_ok(save).try_buffer_unordered(PREPARED_AT_ONCE).try_for_each(|_| ready(Ok(()))).await
}

/// Adds entries to each task in turn, each acknowledged before the next. Gives the time of each.
pub(crate) async fn append(store: &RedisStore, tasks: &[String], times: usize) -> Result<Vec<f64>> {
    let mut seconds = Vec::with_capacity(tasks.len() * times);
    for task in tasks {
        let id = TaskId::new(task)?;
        for number in 0..times {
            let start = Instant::now();
            store.change(&id, Change::logs([message(number)]), &Access::ANY).await?;
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(seconds)
}

/// Does something with each task, with so many at once. Gives the time of all.
pub(crate) async fn with_each<F>(
    tasks: &[String],
    at_once: usize,
    work: impl Fn(String) -> F + Clone + Send + 'static,
) -> Result<f64>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut workers = JoinSet::new();
    let start = Instant::now();
    for worker in 0..at_once {
        let own: Vec<String> = tasks.iter().skip(worker).step_by(at_once).cloned().collect();
        let work = work.clone();
        workers.spawn(async move {
            for task in own {
                work(task).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// Takes tasks through their lives, so many at once. Gives the time of all.
pub(crate) async fn lifecycles(store: &Arc<RedisStore>, tasks: &[String], at_once: usize) -> Result<f64> {
    let store = Arc::clone(store);
    with_each(tasks, at_once, move |task| lifecycle(Arc::clone(&store), task)).await
}

async fn lifecycle(store: Arc<RedisStore>, task: String) -> Result<()> {
    let id = store.save(draft(&task, USER)?, Precondition::None, &Access::ANY).await?;
    store.change(&id, Change::status(Status::Running), &Access::ANY).await?;
    for number in 0..ENTRIES {
        store.change(&id, Change::logs([message(number)]), &Access::ANY).await?;
    }
    store.change(&id, Change::status(Status::Completed), &Access::ANY).await?;
    Ok(())
}

/// Reads every task, page by page. Gives how many there are.
pub(crate) async fn list(store: &RedisStore) -> Result<usize> {
    let mut query = Query::new(Scope::All);
    let mut tasks = 0;
    loop {
        let page = store.list(&query).await?;
        tasks += page.tasks.len();
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(tasks),
        }
    }
}
