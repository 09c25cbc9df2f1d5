//! The sweeper: makes certain that an expired task leaves nothing in the indexes, whether or not anyone was listening.
//!
//! It goes over every index in small steps. Each step looks and removes in one go on the server, so that a task which is
//! saved again meanwhile keeps its entries. What it cannot use is reported and passed over. The check goes the same way.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Instant;

use redis::FromRedisValue;

use crate::record::quote;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, IndexKind};
use crate::store::redis::server::{Failure, Script};
use crate::store::{Finding, FindingKind, MAX_FINDINGS, Report, Result};

static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune.lua")));
static PRUNE_USERS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune_users.lua")));

/// How many members one step looks at: some tens of microseconds of the server's time.
const STEP: usize = 100;

/// How many keys or members one step of a scan looks at.
const SCAN_COUNT: usize = 500;

/// What a look at an index gives.
type Scanned<T> = std::result::Result<T, Failure>;

/// A report in the making: a scan may come upon the same thing twice.
#[derive(Default)]
pub(in crate::store::redis) struct Findings {
    pub(in crate::store::redis) report: Report,
    known: HashSet<(FindingKind, String)>,
}

impl Findings {
    pub(in crate::store::redis) fn add(&mut self, finding: Finding) {
        // What is not listed is not remembered either: it may be as much as the store holds.
        if self.known.len() >= MAX_FINDINGS || self.known.insert((finding.kind, finding.place.clone())) {
            self.report.add(finding);
        }
    }
}

/// What a pass over the indexes does.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::redis) struct Pass {
    /// Whether it takes out what is stale.
    pub(in crate::store::redis) repair: bool,
    /// Whether it looks into the records for their owners, too.
    pub(in crate::store::redis) owners: bool,
}

impl RedisStore {
    /// Removes index entries whose tasks are gone. What was removed is listed as repaired, what was passed over as left.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store goes away for longer than a call may take, [`Error::Failed`] if it does not
    /// let us look.
    pub async fn sweep(&self) -> Result<Report> {
        let mut findings = Findings::default();
        self.go_over_indexes(Pass { repair: true, owners: false }, &mut findings).await?;
        Ok(findings.report)
    }

    pub(in crate::store::redis) async fn go_over_indexes(&self, pass: Pass, findings: &mut Findings) -> Result<()> {
        // A user is stale when its tasks with the service are gone, so those sets come last: there is one for a service.
        let mut of_users = Vec::new();
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan_keys("index:*", cursor, findings).await?;
            for key in keys {
                if matches!(IndexKind::of(&key), IndexKind::ServiceUsers(_)) {
                    of_users.push(key);
                } else {
                    self.go_over_index(&key, pass, findings).await?;
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
            self.go_over_index(&key, pass, findings).await?;
        }
        Ok(())
    }

    /// One index. One that is no set is reported, as are members that are no text.
    async fn go_over_index(&self, key: &str, pass: Pass, findings: &mut Findings) -> Result<()> {
        let kind = IndexKind::of(key);
        let mut cursor = 0;
        loop {
            let members = self.scan_members(key, cursor).await;
            let Some((next, members)) = is_set(members, key, findings)? else { return Ok(()) };
            for step in texts(members, key, findings).chunks(STEP) {
                findings.report.entries += step.len() as u64;
                let stale = self.stale_members(key, &kind, step, pass).await;
                let Some(stale) = is_set(stale, key, findings)? else { return Ok(()) };
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

    /// The stale ones among some members of an index, which are taken out if the pass is to.
    async fn stale_members<'a>(
        &self,
        index: &str,
        kind: &IndexKind<'_>,
        members: &'a [String],
        pass: Pass,
    ) -> Scanned<Vec<&'a str>> {
        let suspects: Vec<(&str, String)> = if let IndexKind::ServiceUsers(service) = kind {
            return self.stale_users(index, service, members, pass).await;
        } else if pass.owners {
            self.strangers(kind, members).await.map_err(Failure::Store)?
        } else {
            members.iter().map(|member| (member.as_str(), String::new())).collect()
        };
        let records: Vec<String> = suspects.iter().map(|(member, _)| keys::record(member)).collect();
        let mut args = vec![if pass.repair { "1" } else { "" }];
        args.extend(suspects.iter().flat_map(|(member, expected)| [*member, expected]));
        let stale = self.prune(&PRUNE, index, &records, &args).await?;
        Ok(stale.into_iter().filter_map(|at| suspects.get(at)).map(|(member, _)| *member).collect())
    }

    async fn stale_users<'a>(
        &self,
        index: &str,
        service: &str,
        users: &'a [String],
        pass: Pass,
    ) -> Scanned<Vec<&'a str>> {
        let names = users.iter().flat_map(|user| [keys::service_user(service, user), keys::record(user)]);
        // Of a service with a strange name, several owners may have an index of this name.
        let other = if service.contains(':') {
            String::new()
        } else {
            format!("\"service\":{},", quote(&format!("{service}:users")))
        };
        let mut args = vec![if pass.repair { "1" } else { "" }, &other];
        args.extend(users.iter().map(String::as_str));
        let stale = self.prune(&PRUNE_USERS, index, &names.collect::<Vec<_>>(), &args).await?;
        Ok(stale.into_iter().filter_map(|at| users.get(at)).map(String::as_str).collect())
    }

    /// The positions, from 0, that a script finds stale.
    async fn prune(&self, script: &Script, index: &str, names: &[String], args: &[&str]) -> Scanned<Vec<usize>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<&str> = std::iter::once(index).chain(names.iter().map(String::as_str)).collect();
        let stale: Vec<usize> = self.run(script, &keys, args).await?;
        Ok(stale.into_iter().map(|at| at.saturating_sub(1)).collect())
    }

    async fn scan_members(&self, key: &str, cursor: u64) -> Scanned<(u64, Vec<Vec<u8>>)> {
        let mut command = redis::cmd("SSCAN");
        command.arg(key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        self.primary.query(&command, self.deadline()).await
    }

    /// One step of a scan of the keys of a pattern. Those that are no text are reported.
    pub(in crate::store::redis) async fn scan_keys(
        &self,
        pattern: &str,
        cursor: u64,
        findings: &mut Findings,
    ) -> Result<(u64, Vec<String>)> {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_COUNT);
        let (next, keys) = self.primary.query(&command, self.deadline()).await?;
        Ok((next, texts(keys, "the key", findings)))
    }

    /// Runs a script that is safe to send again.
    pub(in crate::store::redis) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&str],
    ) -> Scanned<T> {
        script.run(&self.primary, keys, args, self.deadline()).await
    }

    /// As much as is worth a line in a log.
    pub(in crate::store::redis) fn tell(report: &Report, began: Instant) {
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
}

/// None for an index that turned out to be no set, which is reported.
fn is_set<T>(answer: Scanned<T>, key: &str, findings: &mut Findings) -> Result<Option<T>> {
    match answer {
        Err(Failure::WrongType(_)) => {
            findings.add(Finding::new(FindingKind::WrongType, key));
            Ok(None)
        }
        answer => Ok(Some(answer?)),
    }
}

/// Those that are text. The others are reported.
fn texts(raw: Vec<Vec<u8>>, place: &str, findings: &mut Findings) -> Vec<String> {
    let mut texts = Vec::with_capacity(raw.len());
    for bytes in raw {
        match String::from_utf8(bytes) {
            Ok(text) => texts.push(text),
            Err(error) => {
                let place = format!("{place} {}", String::from_utf8_lossy(error.as_bytes()));
                findings.add(Finding::new(FindingKind::Undecodable, place));
            }
        }
    }
    texts
}
