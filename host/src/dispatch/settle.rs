//! Tasks that were accepted and that a frontend is about to write to: their runs wait until it has, so that what it writes
//! blindly finds nothing to erase.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Shared;
use crate::plugin::lock;
use crate::record::{Status, TaskId};
use crate::store::{Access, Result};

/// How often the statuses of tasks are asked for, by the age of the youngest of them.
const SOON: Duration = Duration::from_millis(15);
const LATER: Duration = Duration::from_millis(50);
const YOUNG: Duration = Duration::from_millis(300);

/// How many tasks are hastened at once.
const AT_ONCE: usize = 32;

/// The tasks that settle.
#[derive(Debug, Default)]
pub(super) struct Settling {
    tasks: Mutex<HashMap<TaskId, Task>>,
    added: Notify,
}

#[derive(Debug, Clone)]
struct Task {
    access: Access,
    since: Instant,
    /// Then the queue ends its delay by itself.
    until: Instant,
}

impl Settling {
    /// One more task, until a moment.
    pub(super) fn add(&self, id: TaskId, access: Access, until: Instant) {
        lock(&self.tasks).insert(id, Task { access, since: Instant::now(), until });
        self.added.notify_one();
    }

    /// Those whose time is not over, and how long until they are looked at.
    fn tasks(&self) -> (Vec<(TaskId, Access)>, Duration) {
        let now = Instant::now();
        let mut tasks = lock(&self.tasks);
        tasks.retain(|_, task| task.until > now);
        let is_young = tasks.values().any(|task| task.since + YOUNG > now);
        let asked = tasks.iter().map(|(id, task)| (id.clone(), task.access.clone())).collect();
        (asked, if is_young { SOON } else { LATER })
    }

    fn remove(&self, ids: &[TaskId]) {
        let mut tasks = lock(&self.tasks);
        ids.iter().for_each(|id| _ = tasks.remove(id));
    }
}

/// Ends the delays of tasks once a frontend has written to them.
pub(super) async fn keep_settling(shared: Arc<Shared>) {
    loop {
        let (tasks, pause) = shared.settling.tasks();
        if tasks.is_empty() {
            shared.settling.added.notified().await;
            continue;
        }
        sleep(pause).await;
        // A store that does not answer is asked again.
        if let Err(error) = settle(&shared, &tasks).await {
            tracing::debug!(%error, "it is not known which tasks have settled");
        }
    }
}

async fn settle(shared: &Shared, tasks: &[(TaskId, Access)]) -> Result<()> {
    let statuses = shared.store().statuses(tasks).await?;
    let is_settled = |status: &Result<Status>| !matches!(status, Ok(Status::Pending | Status::Dispatching));
    let settled = tasks.iter().zip(&statuses).filter(|(_, status)| is_settled(status));
    let settled: Vec<TaskId> = settled.map(|((id, _), _)| id.clone()).collect();
    shared.settling.remove(&settled);
    let queue = shared.store().queue();
    stream::iter(&settled)
        .for_each_concurrent(AT_ONCE, |id| async move {
            if let Err(error) = queue.hasten(id).await {
                tracing::debug!(task = %id, %error, "a task waits for the end of its settling time");
            }
        })
        .await;
    Ok(())
}
