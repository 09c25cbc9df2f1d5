//! Tasks whose hosts are gone: their leases have ended, and they are ended here.

use std::time::Duration;

use super::scan::Findings;
use crate::record::TaskId;
use crate::store::redis::{RedisStore, keys};
use crate::store::{Access, Error, Finding, FindingKind, Result};

/// How often a host looks for them.
const INTERVAL: Duration = Duration::from_secs(5);

/// How many one look is about.
const STEP: usize = 100;

impl RedisStore {
    pub(super) async fn keep_ending_orphans(&self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = self.end_orphans().await {
                tracing::warn!(%error, "cannot look for tasks whose hosts are gone");
            }
        }
    }

    async fn end_orphans(&self) -> Result<()> {
        for id in self.ended_leases(STEP).await? {
            if self.end_orphan(&id).await? {
                tracing::warn!(task = %id, "the host of a task was gone");
            }
        }
        Ok(())
    }

    /// Whether there is a task that has not ended.
    async fn is_alive(&self, id: &TaskId) -> Result<bool> {
        match self.status_of(id, &Access::ANY).await {
            Ok(status) => Ok(!status.is_terminal()),
            Err(Error::NotFound | Error::Unreadable { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Finds them for the check, which ends them if asked to.
    pub(super) async fn check_orphans(&self, repair: bool, findings: &mut Findings) -> Result<()> {
        for id in self.ended_leases(STEP).await? {
            let is_orphan = if repair { self.end_orphan(&id).await? } else { self.is_alive(&id).await? };
            if is_orphan {
                findings.add(Finding::new(FindingKind::Orphan, keys::record(id.as_str())).repaired(repair));
            }
        }
        Ok(())
    }
}
