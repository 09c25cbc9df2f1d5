//! The walk over all indexes, for the sweeper and the check.
//!
//! It goes in small steps. Each step looks and removes in one go on the server, so that a task which is saved again
//! meanwhile keeps its entries. What it cannot use is reported and passed over.

use super::findings::Findings;
use super::kept::Kept;
use super::prune::Suspect;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::IndexKind;
use crate::store::redis::server::{Answer, Failure, Next};
use crate::store::{Finding, FindingKind, Result};

/// How many members one step looks at: some tens of microseconds of the server's time.
const STEP: usize = 100;

/// How many records one step looks into for their owners.
const OWNERS_STEP: usize = 25;

/// What a pass over the indexes does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    /// Whether it takes out what is stale.
    pub(super) repair: bool,
    /// Whether it looks into the records for their owners, too.
    pub(super) owners: bool,
}

impl RedisStore {
    pub(super) async fn go_over_indexes(&self, pass: Pass, findings: &mut Findings) -> Result<()> {
        // A user is stale when its tasks with the service are gone, so those sets come last: there is one for a service.
        let mut of_users = Vec::new();
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan_keys("index:*", cursor, findings).await?;
            for key in keys {
                match IndexKind::of(&key) {
                    Some(IndexKind::ServiceUsers(_)) => of_users.push(key),
                    Some(kind) => self.go_over_index(&key, &kind, pass, findings).await?,
                    // Whatever it is, it is somebody else's.
                    None => findings.add(Finding::new(FindingKind::Foreign, key)),
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A user whose name ends in ":users" has an index that looks like one of users; it is the longer one.
        of_users.sort_by_key(|key| std::cmp::Reverse(key.len()));
        for key in of_users {
            if let Some(kind) = IndexKind::of(&key) {
                self.go_over_index(&key, &kind, pass, findings).await?;
            }
        }
        Ok(())
    }

    /// One index. One that is no set is reported.
    async fn go_over_index(&self, key: &str, kind: &IndexKind<'_>, pass: Pass, findings: &mut Findings) -> Result<()> {
        match self.go_over_set(key, kind, pass, findings).await {
            Err(Failure { next: Next::FailsByType, .. }) => findings.add(Finding::new(FindingKind::WrongType, key)),
            done => done?,
        }
        Ok(())
    }

    async fn go_over_set(&self, key: &str, kind: &IndexKind<'_>, pass: Pass, findings: &mut Findings) -> Answer<()> {
        let mut cursor = 0;
        loop {
            let (next, members) = self.scan_members(key, cursor, findings).await?;
            for step in members.chunks(STEP) {
                findings.report.entries += step.len() as u64;
                let stale = match kind {
                    IndexKind::ServiceUsers(service) => self.prune_users(service, step, pass.repair).await?,
                    _ => self.prune(key, self.suspects(kind, step, pass).await?, pass.repair).await?,
                };
                for member in stale {
                    let place = format!("{key} {member}");
                    findings.add(Finding::new(FindingKind::StaleEntry, place).repaired(pass.repair));
                }
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// The members of an index that a pass has to look at on the server: all, unless the records are looked into for their
    /// owners.
    async fn suspects<'a>(&self, kind: &IndexKind<'_>, members: &'a [String], pass: Pass) -> Answer<Vec<Suspect<'a>>> {
        if !pass.owners {
            return Ok(members.iter().map(|member| Suspect { member, foreign: None }).collect());
        }
        let mut suspects = Vec::new();
        for step in members.chunks(OWNERS_STEP) {
            let ids: Vec<&'a str> = step.iter().map(String::as_str).collect();
            let kept = self.kept(&ids).await?;
            suspects.extend(ids.into_iter().zip(kept).filter_map(|(member, kept)| match kept {
                Kept::Nothing => Some(Suspect { member, foreign: None }),
                Kept::Record { owner, expected } if !kind.covers(&owner) => {
                    Some(Suspect { member, foreign: Some(expected) })
                }
                _ => None,
            }));
        }
        Ok(suspects)
    }
}
