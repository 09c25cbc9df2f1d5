//! The check: compares every record with its metadata and indexes, and every index entry with its record.
//!
//! It takes the keys as a scan gives them and holds no more than one step of them. What a step finds, and repairs, is
//! decided in one go on the server, so that writers at work neither look like a disagreement nor lose anything.

use super::sweeper::{Findings, Pass};
use std::sync::LazyLock;

use crate::record::{Opening, TaskRecord};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, IndexKind, Owner};
use crate::store::redis::server::{Script, right_typed};
use crate::store::redis::task::{Expected, OPENING_BYTES};
use crate::store::{Finding, FindingKind, Report, Result};

static REPAIR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("repair.lua")));

/// How many records one step looks at: a fraction of a millisecond of the server's time.
const STEP: usize = 25;

/// How often a record that changes its owner while it is looked at is looked at again.
const MAX_LOOKS: usize = 5;

/// What stands under the key of a record.
enum Kept {
    Nothing,
    /// A record: whose it is, and what it must still be when it is looked at again.
    Record {
        owner: Owner,
        expected: String,
    },
    Unreadable(String),
    WrongType,
}

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
            let (next, keys) = self.scan_keys("index:*", cursor, findings).await?;
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
                cmd.arg(key).arg(self.options.task_ttl.as_secs() + 60).arg("NX");
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
            let (mut calls, mut asked) = (Vec::new(), Vec::new());
            for (id, kept) in left.iter().zip(kept) {
                findings.report.records += u64::from(look == 0 && !matches!(kept, Kept::Nothing));
                match kept {
                    Kept::Record { owner, expected } => {
                        asked.push(*id);
                        calls.push(self.mend_call(id, &owner, expected, repair));
                    }
                    Kept::Unreadable(why) => {
                        let place = format!("{}: {why}", keys::record(id));
                        findings.add(Finding::new(FindingKind::Unreadable, place));
                    }
                    // The latter was reported as its key was scanned.
                    Kept::Nothing | Kept::WrongType => {}
                }
            }
            let answers: Vec<Vec<String>> = REPAIR.run_each(&self.primary, &calls, self.deadline()).await?;
            left.clear();
            for ((id, (keys, args)), answer) in asked.into_iter().zip(&calls).zip(&answers) {
                if answer.first().is_some_and(|word| word == "another") {
                    left.push(id);
                } else {
                    disagreements(keys, &args[2], id, answer).for_each(|found| findings.add(found.repaired(repair)));
                }
            }
            if left.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The keys and arguments that the script takes for one record.
    fn mend_call(&self, id: &str, owner: &Owner, expected: String, repair: bool) -> (Vec<String>, Vec<String>) {
        let mut keys = vec![keys::record(id), keys::metadata(id), keys::ALL_TASKS.to_owned()];
        keys.extend(keys::owner_indexes(owner));
        let repair = if repair { "1" } else { "" };
        let (service, user) = (owner.service.clone(), owner.user_id.clone());
        (keys, vec![expected, service, user, id.to_owned(), self.ttl.clone(), repair.to_owned()])
    }

    /// What is kept under the keys of records. Of most, the beginning tells.
    async fn kept(&self, ids: &[&str]) -> Result<Vec<Kept>> {
        let mut kept = Vec::with_capacity(ids.len());
        for (id, text) in ids.iter().zip(self.read_ranges(ids, OPENING_BYTES).await?) {
            kept.push(match text {
                Some(text) => match Opening::read(&text) {
                    None if !text.is_empty() => self.kept_whole(id).await?,
                    opening => opened(&text, opening),
                },
                None => Kept::WrongType,
            });
        }
        Ok(kept)
    }

    async fn kept_whole(&self, id: &str) -> Result<Kept> {
        let Some(Some(text)) = self.read_ranges(&[id], usize::MAX >> 1).await?.pop() else {
            return Ok(Kept::WrongType);
        };
        if text.is_empty() {
            return Ok(Kept::Nothing);
        }
        Ok(match TaskRecord::decode(&text, self.clock.zone()) {
            Ok(record) => Kept::Record {
                owner: Owner::new(record.service(), record.user_id()),
                expected: Expected::same_owner(&text).into_arg(),
            },
            Err(why) => Kept::Unreadable(why.to_string()),
        })
    }

    /// The beginnings of records: empty for those that are gone, None for what is no string.
    async fn read_ranges(&self, ids: &[&str], bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for id in ids {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(0).arg(bytes);
        }
        right_typed(self.primary.query_all(&pipeline, self.deadline()).await?)
    }

    /// Members of an index whose records are gone, or belong to somebody else: each with what its record is, empty for
    /// one that is gone.
    pub(in crate::store::redis) async fn strangers<'a>(
        &self,
        kind: &IndexKind<'_>,
        members: &'a [String],
    ) -> Result<Vec<(&'a str, String)>> {
        let mut strangers = Vec::new();
        for step in members.chunks(STEP) {
            let ids: Vec<&'a str> = step.iter().map(String::as_str).collect();
            for (id, kept) in ids.iter().zip(self.kept(&ids).await?) {
                match kept {
                    Kept::Nothing => strangers.push((*id, String::new())),
                    Kept::Record { owner, expected } if !kind.covers(&owner) => strangers.push((*id, expected)),
                    _ => {}
                }
            }
        }
        Ok(strangers)
    }
}

fn opened(text: &[u8], opening: Option<Opening>) -> Kept {
    match opening {
        Some(opening) => Kept::Record {
            owner: Owner { service: opening.service, user_id: opening.user_id },
            expected: Expected::same_owner(text).into_arg(),
        },
        None => Kept::Nothing,
    }
}

/// Reports a key that holds something else than it should. Nothing of it is touched. A key that is gone is no finding.
fn matches_kind(key: &str, kind: &str, expected: &str, findings: &mut Findings) -> bool {
    if kind != expected && kind != "none" {
        findings.add(Finding::new(FindingKind::WrongType, key));
    }
    kind == expected
}

/// What the script has found of one record.
fn disagreements<'a>(
    keys: &'a [String],
    user: &'a str,
    id: &'a str,
    answer: &'a [String],
) -> impl Iterator<Item = Finding> + 'a {
    answer.chunks_exact(2).filter_map(move |found| {
        let position = found[1].parse::<usize>().ok()?.checked_sub(1)?;
        let key = keys.get(position)?;
        // The users of a service are the fifth key.
        let member = if position == 4 { user } else { id };
        Some(match found[0].as_str() {
            "metadata" => Finding::new(FindingKind::Metadata, key),
            "entry" => Finding::new(FindingKind::MissingEntry, format!("{key} {member}")),
            _ => Finding::new(FindingKind::Expiry, key),
        })
    })
}
