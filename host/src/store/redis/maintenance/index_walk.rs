//! The walk over all indexes, for the sweeper and the check.
//!
//! It goes in small steps. Each step looks and removes in one go on the server, so that a task which is saved again
//! meanwhile keeps its entries. What it cannot use is reported and passed over.

use std::sync::LazyLock;

use super::kept::Kept;
use super::scan::{Findings, Scan};
use crate::record::quote;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, IndexKind};
use crate::store::redis::server::{Answer, Failure, Next, Script};
use crate::store::redis::task::Expected;
use crate::store::{Finding, FindingKind, Result};

static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune.lua")));
static PRUNE_USERS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune_users.lua")));

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

/// A member of an index that may be stale.
struct Suspect<'a> {
    member: &'a str,
    /// What its record is, if that belongs to somebody else or is empty. Without it the member is stale only if the key of
    /// its record is missing.
    foreign: Option<Expected>,
}

impl RedisStore {
    pub(super) async fn go_over_indexes(&self, pass: Pass, findings: &mut Findings) -> Result<()> {
        // A user is stale when its tasks with the service are gone, so those sets come last: there is one for a service.
        let (mut of_users, mut cursor) = (Vec::new(), Some(0));
        while let Some(keys) = self.scan(Scan::Keys("index:*"), &mut cursor, findings).await? {
            for key in keys {
                match IndexKind::of(&key) {
                    Some(IndexKind::ServiceUsers(_)) => of_users.push(key),
                    Some(kind) => self.go_over_index(&key, &kind, pass, findings).await?,
                    // Whatever it is, it is somebody else's.
                    None => findings.add(Finding::new(FindingKind::Foreign, key)),
                }
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
        let mut cursor = Some(0);
        while let Some(members) = self.scan(Scan::Members(key), &mut cursor, findings).await? {
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
        }
        Ok(())
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
                Kept::Nothing => Some(Suspect { member, foreign: Some(Expected::Begins(String::new())) }),
                Kept::Record { owner, expected } if !kind.covers(&owner) => {
                    Some(Suspect { member, foreign: Some(expected) })
                }
                _ => None,
            }));
        }
        Ok(suspects)
    }

    /// The stale ones among members of an index, which are taken out if asked to.
    async fn prune<'a>(&self, index: &str, suspects: Vec<Suspect<'a>>, remove: bool) -> Answer<Vec<&'a str>> {
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let mut keys = vec![index.to_owned()];
        keys.extend(suspects.iter().map(|suspect| keys::record(suspect.member)));
        let members: Vec<&str> = suspects.iter().map(|suspect| suspect.member).collect();
        let mut args = vec![if remove { "1" } else { "" }.to_owned()];
        for Suspect { member, foreign } in suspects {
            args.extend([member.to_owned(), foreign.map(Expected::into_arg).unwrap_or_default()]);
        }
        let stale: Vec<usize> = PRUNE.run(&self.primary, &keys, &args, self.deadline()).await?;
        Ok(stale.into_iter().filter_map(|at| members.get(at.checked_sub(1)?).copied()).collect())
    }

    /// The ones without tasks among members of the index of a service's users, which are taken out if asked to.
    async fn prune_users<'a>(&self, service: &str, users: &'a [String], remove: bool) -> Answer<Vec<&'a str>> {
        let mut keys = vec![keys::service_users(service)];
        keys.extend(users.iter().flat_map(|user| [keys::service_user(service, user), keys::record(user)]));
        // Of a service with a strange name, several owners may have an index of this name.
        let other = if service.contains(':') {
            String::new()
        } else {
            format!("\"service\":{},", quote(&format!("{service}:users")))
        };
        let mut args = vec![if remove { "1" } else { "" }, &other];
        args.extend(users.iter().map(String::as_str));
        let stale: Vec<usize> = PRUNE_USERS.run(&self.primary, &keys, &args, self.deadline()).await?;
        Ok(stale.into_iter().filter_map(|at| users.get(at.checked_sub(1)?)).map(String::as_str).collect())
    }
}
