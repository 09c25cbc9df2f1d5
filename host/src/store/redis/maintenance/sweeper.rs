//! The sweeper: makes certain that an expired task leaves nothing in the indexes, whether or not anyone was listening.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::index_walk::Pass;
use super::scan::Findings;
use crate::store::redis::server::{Script, random_fraction};
use crate::store::redis::{RedisStore, keys};
use crate::store::{Report, Result};

static ACQUIRE_SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire_sweep.lua")));

/// The longest wait between the news that events were missed and the sweep that makes up for them. Each host waits a
/// random part of it, so that one sweep serves all the hosts whose connections broke together.
const GATHER: Duration = Duration::from_secs(1);

/// How long to wait after a sweep that failed, at the most.
const SWEEP_AGAIN: Duration = Duration::from_secs(30);

impl RedisStore {
    /// Removes index entries whose tasks are gone. What was removed is listed as repaired, what was passed over as left.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::store::Error::Unavailable) if the store goes away for longer than a call may take,
    /// [`Error::Failed`](crate::store::Error::Failed) if it does not let us look.
    pub async fn sweep(&self) -> Result<Report> {
        let mut findings = Findings::default();
        self.go_over_indexes(Pass { repair: true, owners: false }, &mut findings).await?;
        Ok(findings.report)
    }

    /// Sweeps at every interval, and after events may have been missed: up to the moment that `missed` gives.
    pub(super) async fn keep_sweeping(&self, mut missed: watch::Receiver<Instant>) {
        // The first sweep makes up for the time in which no host lived.
        let mut next = Instant::now();
        let mut wanted_since = None;
        loop {
            tokio::select! {
                Ok(()) = missed.changed() => {
                    wanted_since = Some(*missed.borrow_and_update());
                    next = next.min(Instant::now() + GATHER.mul_f64(random_fraction()));
                    continue;
                }
                () = tokio::time::sleep_until(next.into()) => {}
            }
            let interval = self.options.sweep_interval;
            // Without news, the sweep of another host will do.
            let age = wanted_since.take().map_or(interval / 2, |since: Instant| since.elapsed());
            next = Instant::now() + interval;
            if let Err(error) = self.sweep_in_turn(age).await {
                tracing::warn!(%error, "cannot sweep the indexes");
                wanted_since = Some(Instant::now());
                next = Instant::now() + interval.min(SWEEP_AGAIN);
            }
        }
    }

    /// Sweeps, unless a sweep of any host began less than `age` ago.
    async fn sweep_in_turn(&self, age: Duration) -> Result<()> {
        let began = Instant::now();
        let [age, remember] = [age, self.options.sweep_interval].map(|time| time.as_millis().max(1).to_string());
        let args = [age, remember, uuid::Uuid::new_v4().simple().to_string()];
        if ACQUIRE_SWEEP.run(&self.primary, &[keys::SWEEP_TURN], &args, self.deadline()).await? {
            tell(&self.sweep().await?, began);
        }
        Ok(())
    }
}

/// As much as is worth a line in a log.
fn tell(report: &Report, began: Instant) {
    tracing::info!(
        entries = report.entries,
        removed = report.found() - report.remaining(),
        passed_over = report.remaining(),
        seconds = began.elapsed().as_secs_f64(),
        "swept the indexes"
    );
    for finding in report.findings.iter().filter(|finding| !finding.repaired) {
        tracing::warn!(kind = %finding.kind, place = finding.place, "the sweep passed over something");
    }
}
