//! What is done to all tasks of a service, of a user, or of both.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use task_state_host::dispatch::{CancelError, Dispatcher};
use task_state_host::record::{Change, Head, Status};
use task_state_host::store::{Error, Query};

use crate::http::ending::Task;

type Result<T, E = Error> = std::result::Result<T, E>;

/// The entry of a task that is to stop: the frontend's words.
const REQUESTED: &str = "Cancellation requested at frontend";

/// How many tasks are worked on at once.
const AT_ONCE: usize = 8;

/// What is to become of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    /// They stop.
    Cancel,
    /// They stop, and nothing is left of them.
    Clean,
}

/// What became of tasks.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) matched: usize,
    pub(super) task_ids: Vec<String>,
}

/// Does something to all tasks that a query shows, in its order, a page of heads at a time.
pub(super) async fn apply(dispatcher: &Dispatcher, mut query: Query, what: Bulk) -> Result<Done> {
    let mut done = Done::default();
    loop {
        let page = dispatcher.host().store().heads(&query).await?;
        done.matched += page.heads.len();
        let mut applied = stream::iter(page.heads).map(|head| apply_to(dispatcher, head, what)).buffered(AT_ONCE);
        while let Some(id) = applied.next().await {
            done.task_ids.extend(id?);
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(done),
        }
    }
}

/// Gives the id of a task to which it was done. None if it is gone, or is another's by now.
async fn apply_to(dispatcher: &Dispatcher, head: Head, what: Bulk) -> Result<Option<String>> {
    let Ok(task) = Task::try_from(head) else { return Ok(None) };
    let is_there = match what {
        Bulk::Cancel => is_ending(&task) || (note(dispatcher, &task).await? && stop(dispatcher, &task).await?),
        Bulk::Clean => clean(dispatcher, &task).await?,
    };
    Ok(is_there.then(|| task.id.into()))
}

/// Whether a task has ended, or was asked to: the frontend leaves it alone then.
pub(super) fn is_ending(task: &Task) -> bool {
    task.status.is_terminal() || task.status == Status::CancelRequested
}

/// Notes that a task is to stop. False if it is gone.
pub(super) async fn note(dispatcher: &Dispatcher, task: &Task) -> Result<bool> {
    let change = Change::logs([REQUESTED]);
    match dispatcher.host().store().change(&task.id, change, &task.access()).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound | Error::Denied(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has a task stop. One that has ended by now is left as it is. False if it is gone.
pub(super) async fn stop(dispatcher: &Dispatcher, task: &Task) -> Result<bool> {
    match task.stop(dispatcher, Duration::ZERO).await {
        Err(CancelError::Ended(_)) => Ok(true),
        stopped => is_there(stopped.map(|_| true)),
    }
}

/// Stops a task, and removes it. False if it was gone.
pub(super) async fn clean(dispatcher: &Dispatcher, task: &Task) -> Result<bool> {
    is_there(task.remove(dispatcher, Duration::ZERO).await)
}

fn is_there(done: Result<bool, CancelError>) -> Result<bool> {
    match done {
        Ok(is_there) => Ok(is_there),
        Err(CancelError::Store(error)) => Err(error),
        Err(_) => Ok(false),
    }
}
