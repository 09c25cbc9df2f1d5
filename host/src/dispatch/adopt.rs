//! Tasks that a frontend has left: its own queue is in memory, and is lost with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, sleep};

use super::Shared;
use super::pause::Complaint;
use super::route::serving;
use crate::record::{Status, TaskId, TaskRecord};
use crate::store::{Access, Error, Owners, Query, Result, Scope};

/// Between two looks.
const LONGEST: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_millis(250);

/// The part of the time in which the store is looked through, at the most: one in so many.
const PART: u32 = 20;

/// How many tasks are put into the queue at once.
const AT_ONCE: usize = 8;

/// The statuses in which a frontend leaves a task. One that was asked to stop is cancelled when it is taken.
const LEFT: [Status; 3] = [Status::Pending, Status::Dispatching, Status::CancelRequested];

/// Puts into the queue what was left, for as long as the dispatcher is open.
pub(super) async fn keep_adopting(shared: Arc<Shared>) {
    let Ok(age) = i64::try_from(shared.adopt_after.as_micros()) else { return };
    let complaint = Complaint::default();
    let interval = (shared.adopt_after / 2).clamp(SHORTEST, LONGEST);
    let mut pause = interval;
    loop {
        shared.closed_or(sleep(pause)).await;
        if shared.is_closed() {
            return;
        }
        let began = Instant::now();
        if let Err(error) = adopt(&shared, age).await
            && complaint.is_due()
        {
            tracing::warn!(%error, "it is not known which tasks were left by a frontend");
        }
        pause = interval.max(began.elapsed() * PART);
    }
}

async fn adopt(shared: &Shared, age: i64) -> Result<()> {
    let routes = shared.routes();
    let services: BTreeSet<&String> = routes.iter().flat_map(|route| &route.services).collect();
    for service in services {
        let mut query = Query::new(Scope::Service(service.clone()));
        loop {
            let page = shared.store().list(&query).await?;
            let before = shared.store().now().micros() - age;
            let is_left = |task: &&TaskRecord| LEFT.contains(&task.status()) && task.updated_at().micros() <= before;
            let is_served = |task: &&TaskRecord| serving(&routes, task.service(), task.user_id()).is_some();
            let left = page.tasks.iter().filter(is_left).filter(is_served);
            stream::iter(left).for_each_concurrent(AT_ONCE, |task| adopt_one(shared, task)).await;
            let Some(next) = page.next else { break };
            query.cursor = Some(next);
        }
    }
    Ok(())
}

async fn adopt_one(shared: &Shared, task: &TaskRecord) {
    let Ok(id) = TaskId::new(task.task_id()) else { return };
    let access = Access::of(Owners::only(task.service(), task.user_id()));
    match shared.store().queue().enqueue(&id, Duration::ZERO, &access).await {
        Ok(true) => tracing::info!(task = %id, status = %task.status(), "a task that was left is put into the queue"),
        // It is there, or runs; or somebody was faster.
        Ok(false) | Err(Error::Held | Error::NotFound | Error::InvalidTransition(_) | Error::Denied(_)) => {}
        Err(error) => tracing::debug!(task = %id, %error, "a task that was left is not in the queue yet"),
    }
}
