//! The check: compares every record with its metadata and indexes, and every index entry with its record.
//!
//! It takes the keys as a scan gives them and holds no more than one step of them. What a step finds, and repairs, is
//! decided in one go on the server, so that writers at work neither look like a disagreement nor lose anything.

use super::findings::Findings;
use super::index_walk::Pass;
use super::kept::Kept;
use super::repair::{Compared, Comparison};
use crate::store::redis::keys::{self, IndexKind};
use crate::store::redis::{OUTLIVES_SECONDS, RedisStore};
use crate::store::{Finding, FindingKind, Report, Result};

/// How many records one step looks at: a fraction of a millisecond of the server's time.
const STEP: usize = 25;

/// How often a record that changes its owner while it is looked at is looked at again.
const MAX_LOOKS: usize = 5;

impl RedisStore {
    pub(in crate::store::redis) async fn check_all(&self, repair: bool) -> Result<Report> {
        let mut findings = Findings::default();
        self.check_tasks(repair, &mut findings).await?;
        self.check_indexes(repair, &mut findings).await?;
        self.go_over_indexes(Pass { repair, owners: true }, &mut findings).await?;
        Ok(findings.report)
    }

    async fn check_tasks(&self, repair: bool, findings: &mut Findings) -> Result<()> {
        let mut cursor = 0;
        loop {
            let (next, keys) = self.scan_keys("task:*", cursor, findings).await?;
            let kinds = self.kinds(&keys).await?;
            let (mut ids, mut metadata) = (Vec::new(), Vec::new());
            for (key, kind) in keys.iter().zip(&kinds) {
                let expected = if key.ends_with(":metadata") { "hash" } else { "string" };
                if !matches_kind(key, kind, expected, findings) {
                    continue;
                } else if let Some(id) = keys::id_of_record(key) {
                    ids.push(id);
                } else if expected == "hash" {
                    metadata.push(key.as_str());
                }
            }
            for step in ids.chunks(STEP) {
                self.check_records(step, repair, findings).await?;
            }
            self.check_lives(&metadata, repair, findings).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// What the indexes are, and that each of them expires.
    async fn check_indexes(&self, repair: bool, findings: &mut Findings) -> Result<()> {
        let mut cursor = 0;
        loop {
            let (next, mut keys) = self.scan_keys("index:*", cursor, findings).await?;
            keys.retain(|key| IndexKind::of(key).is_some());
            let kinds = self.kinds(&keys).await?;
            let sets = keys.iter().zip(&kinds).filter(|(key, kind)| matches_kind(key, kind, "set", findings));
            let sets: Vec<&str> = sets.map(|(key, _)| key.as_str()).collect();
            self.check_lives(&sets, repair, findings).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    async fn kinds(&self, keys: &[String]) -> Result<Vec<String>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("TYPE").arg(key);
        }
        Ok(self.primary.query_all(&pipeline, self.deadline()).await?)
    }

    /// Keys that must expire, whatever the records say.
    async fn check_lives(&self, keys: &[&str], repair: bool, findings: &mut Findings) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd("TTL").arg(key);
        }
        let lives: Vec<i64> = self.primary.query_all(&pipeline, self.deadline()).await?;
        for (key, _) in keys.iter().zip(lives).filter(|(_, life)| *life == -1) {
            if repair {
                let mut cmd = redis::cmd("EXPIRE");
                // Somebody may have given it a longer life meanwhile.
                cmd.arg(key).arg(self.options.task_ttl.as_secs() + OUTLIVES_SECONDS).arg("NX");
                self.primary.query::<()>(&cmd, self.deadline()).await?;
            }
            findings.add(Finding::new(FindingKind::Expiry, *key).repaired(repair));
        }
        Ok(())
    }

    async fn check_records(&self, ids: &[&str], repair: bool, findings: &mut Findings) -> Result<()> {
        let mut left: Vec<&str> = ids.to_vec();
        for look in 0..MAX_LOOKS {
            let kept = self.kept(&left).await?;
            let (mut records, mut nothing) = (Vec::new(), Vec::new());
            for (id, kept) in left.drain(..).zip(kept) {
                findings.report.records += u64::from(look == 0 && !matches!(kept, Kept::Nothing));
                match kept {
                    Kept::Record { owner, expected } => records.push(Comparison { id, owner, expected }),
                    Kept::Unreadable(why) => {
                        let place = format!("{}: {why}", keys::record(id));
                        findings.add(Finding::new(FindingKind::Unreadable, place));
                    }
                    Kept::Nothing => nothing.push(id),
                    // It was reported as its key was scanned.
                    Kept::WrongType => {}
                }
            }
            for key in self.empty_records(&nothing, repair).await? {
                findings.add(Finding::new(FindingKind::Empty, key).repaired(repair));
            }
            let asked: Vec<&str> = records.iter().map(|record| record.id).collect();
            for (id, compared) in asked.into_iter().zip(self.compare(records, repair).await?) {
                match compared {
                    Compared::Another => left.push(id),
                    Compared::Same(found) => found.into_iter().for_each(|finding| findings.add(finding)),
                }
            }
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Reports a key that holds something else than it should. Nothing of it is touched. A key that is gone is no finding.
fn matches_kind(key: &str, kind: &str, expected: &str, findings: &mut Findings) -> bool {
    if kind != expected && kind != "none" {
        findings.add(Finding::new(FindingKind::WrongType, key));
    }
    kind == expected
}
