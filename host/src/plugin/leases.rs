//! Keeps the tasks of a host, of all its runs together: renews their leases, stops the runs that have lost theirs, and
//! asks which tasks were asked to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::claimed_task::ClaimedTask;
use super::registry::Registry;
use crate::observer::Observed;
use crate::store::{Result, SharedStore};

/// The longest time between two renewals. A lease is renewed three times in its life at least.
const MAX_INTERVAL: Duration = Duration::from_secs(10);

/// How long to wait after a renewal that failed, at the most.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a run goes without news of its task's status before its host asks. A cancellation is to be seen within a
/// second.
const NEWS_INTERVAL: Duration = Duration::from_millis(750);

/// For how long the store is asked to keep a lease. A host may stand still for as long as a lease is said to live at any
/// moment, also right before a renewal is due, and then has to stop its runs and write their ends.
pub(super) fn kept(life: Duration) -> Duration {
    life * 3 / 2
}

/// Until when a run may go on under a lease that was asked for at a time: for the life of the lease after the moment in
/// which the next renewal was due. What is left until the store ends it is for the end of the run.
pub(super) fn end(asked: Instant, life: Duration) -> Instant {
    asked + life * 4 / 3
}

/// Renews leases for as long as the host lives.
pub(super) async fn keep_renewing(runs: Arc<Registry>, store: SharedStore, life: Duration, observed: Observed) {
    let interval = MAX_INTERVAL.min(life / 3);
    let mut pause = interval;
    loop {
        sleep(pause).await;
        let renewed = renew(&runs, &store, life).await;
        pause = if renewed.is_ok() { interval } else { AGAIN.min(interval) };
        if let Err(error) = renewed {
            observed.tell_error(&error);
            tracing::warn!(%error, "the leases of runs were not renewed");
        }
    }
}

async fn renew(runs: &Registry, store: &SharedStore, life: Duration) -> Result<()> {
    let tasks = tasks(runs);
    if tasks.is_empty() {
        return Ok(());
    }
    let asked = Instant::now();
    let holds: Vec<_> = tasks.iter().map(|task| (task.id.clone(), task.run.clone())).collect();
    for (task, is_held) in tasks.iter().zip(store.renew(&holds, kept(life)).await?) {
        task.renewed(is_held.then(|| end(asked, life)));
    }
    Ok(())
}

/// Asks for the statuses of tasks, for as long as the host lives.
pub(super) async fn keep_asking(runs: Arc<Registry>, store: SharedStore) {
    loop {
        sleep(NEWS_INTERVAL).await;
        let mut tasks = tasks(&runs);
        tasks.retain(|task| task.wants_news(NEWS_INTERVAL));
        if tasks.is_empty() {
            continue;
        }
        let asked = Instant::now();
        let wanted: Vec<_> = tasks.iter().map(|task| (task.id.clone(), task.during.clone())).collect();
        // A store that does not answer is not a reason to stop: it is asked again.
        if let Ok(answers) = store.statuses(&wanted).await {
            tasks.iter().zip(answers).for_each(|(task, answer)| task.answered(&answer, asked));
        }
    }
}

fn tasks(runs: &Registry) -> Vec<Arc<ClaimedTask>> {
    runs.list().iter().filter_map(|run| run.claimed().cloned()).collect()
}
