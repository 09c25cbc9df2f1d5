//! The check: compares every record with its metadata and indexes, and every index entry with its record.
//!
//! It takes the keys as a scan gives them and holds no more than one step of them. What a step finds, and repairs, is
//! decided in one go on the server, so that writers at work neither look like a disagreement nor lose anything.

use redis::{FromRedisValue, ToRedisArgs};

use super::index_walk::Pass;
use super::kept::Kept;
use super::repair::{Compared, Comparison};
use super::scan::{Findings, Scan};
use crate::store::redis::keys;
use crate::store::redis::{OUTLIVES_SECONDS, RedisStore};
use crate::store::{Finding, FindingKind, Report, Result};

/// How many records one step looks at: a fraction of a millisecond of the server's time.
const STEP: usize = 25;

/// How often a record that changes its owner while it is looked at is looked at again.
const MAX_LOOKS: usize = 5;

impl RedisStore {
    pub(in crate::store::redis) async fn check_all(&self, repair: bool) -> Result<Report> {
        let mut findings = Findings::default();
        self.check_orphans(repair, &mut findings).await?;
        self.check_keys("task:*", repair, &mut findings).await?;
        self.check_keys("index:*", repair, &mut findings).await?;
        self.go_over_indexes(Pass { repair, owners: true }, &mut findings).await?;
        Ok(findings.report)
    }

    /// Every record, and that each key is of its kind and expires.
    async fn check_keys(&self, pattern: &str, repair: bool, findings: &mut Findings) -> Result<()> {
        let mut cursor = Some(0);
        while let Some(keys) = self.scan(Scan::Keys(pattern), &mut cursor, findings).await? {
            let (mut ids, mut expiring) = (Vec::new(), Vec::new());
            for (key, kind) in keys.iter().zip(self.ask_each::<String>("TYPE", &keys).await?) {
                let Some(expected) = keys::kind(key) else { continue };
                if kind != expected {
                    // Nothing of it is touched. A key that is gone is no finding.
                    if kind != "none" {
                        findings.add(Finding::new(FindingKind::WrongType, key));
                    }
                } else if let Some(id) = keys::id_of_record(key) {
                    ids.push(id);
                } else if expected != "string" {
                    expiring.push(key.as_str());
                }
            }
            for step in ids.chunks(STEP) {
                self.check_records(step, repair, findings).await?;
            }
            self.check_lives(&expiring, repair, findings).await?;
        }
        Ok(())
    }

    /// Asks the same of each of several keys.
    async fn ask_each<T: FromRedisValue>(&self, command: &str, keys: &[impl ToRedisArgs]) -> Result<Vec<T>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for key in keys {
            pipeline.cmd(command).arg(key);
        }
        Ok(self.primary.query_all(&pipeline, self.deadline()).await?)
    }

    /// Keys that must expire, whatever the records say.
    async fn check_lives(&self, keys: &[&str], repair: bool, findings: &mut Findings) -> Result<()> {
        let lives = self.ask_each::<i64>("TTL", keys).await?;
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
