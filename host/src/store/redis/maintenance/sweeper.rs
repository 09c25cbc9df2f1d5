//! The sweeper: makes certain that an expired task leaves nothing in the indexes, whether or not anyone was listening.

use std::time::{Duration, Instant};

use super::findings::Findings;
use super::index_walk::Pass;
use super::missed::Missed;
use crate::store::redis::RedisStore;
use crate::store::redis::server::random_fraction;
use crate::store::{Report, Result};

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

    /// Sweeps at every interval, and after events may have been missed.
    pub(super) async fn keep_sweeping(&self, missed: &Missed) {
        // The first sweep makes up for the time in which no host lived.
        let mut next = Instant::now();
        let mut wanted_since = None;
        loop {
            tokio::select! {
                since = missed.wait() => {
                    wanted_since = Some(since);
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

    /// Sweeps, unless a sweep began less than `age` ago.
    async fn sweep_in_turn(&self, age: Duration) -> Result<()> {
        let began = Instant::now();
        if self.acquire_sweep(age, self.options.sweep_interval).await? {
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
