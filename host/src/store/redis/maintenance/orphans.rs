//! Tasks whose hosts are gone: their leases have ended, and they are ended here.

use std::time::Duration;

use super::scan::Findings;
use crate::store::redis::{RedisStore, keys};
use crate::store::{Error, Finding, FindingKind, MAX_FINDINGS, Result};

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
        loop {
            let ids = self.ended_leases(STEP).await?;
            let mut ended = 0;
            for id in &ids {
                match self.end_orphan(id).await {
                    Ok(true) => {
                        ended += 1;
                        tracing::warn!(task = %id, "the host of a task was gone");
                    }
                    Ok(false) => {}
                    // The others are not to wait for it.
                    Err(error) => tracing::warn!(task = %id, %error, "cannot end a task whose host is gone"),
                }
            }
            if ended == 0 || ids.len() < STEP {
                return Ok(());
            }
        }
    }

    /// Finds them for the check, which ends them if asked to.
    pub(super) async fn check_orphans(&self, repair: bool, findings: &mut Findings) -> Result<()> {
        for id in self.ended_leases(MAX_FINDINGS).await? {
            let is_orphan = match repair {
                true => self.end_orphan(&id).await,
                false => self.orphan(&id).await.map(|orphan| orphan.is_some()),
            };
            match is_orphan {
                Ok(true) => {
                    findings.add(Finding::new(FindingKind::Orphan, keys::record(id.as_str())).repaired(repair));
                }
                // A key of another type is found as its own.
                Ok(false) | Err(Error::WrongType { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
