//! The script that writes a whole record in the place of what must still be there.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::layout::Layout;
use super::read::metadata_owners;
use super::write_queue::Cached;
use crate::record::{Opening, Progress, TaskRecord};
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::{Operation, Outcome, Script};
use crate::store::redis::{OUTLIVES, RedisStore};
use crate::store::{Result, RunId, Ticket};

static REPLACE: LazyLock<Script> = LazyLock::new(|| Script::once(include_str!("replace.lua")));

/// Documents above this size are staged: a script's arguments are copied several times on the server.
const MAX_ARGUMENT_BYTES: usize = 32 << 10;

/// A record to be written, and what it is to replace.
pub(super) struct Replacement<'a> {
    pub(super) record: &'a TaskRecord,
    pub(super) expected: Expected,
    /// The run that must hold the task.
    pub(super) held_by: Option<&'a str>,
    pub(super) lease: LeaseChange<'a>,
    pub(super) progress: Option<&'a Progress>,
    /// By which the task was taken from the queue that is claimed, and how many attempts at it there may be.
    pub(super) ticket: Option<(&'a Ticket, u32)>,
    /// Owners under whom the task may stand in the indexes.
    pub(super) earlier: Vec<Owner>,
}

impl<'a> Replacement<'a> {
    /// A new record.
    pub(super) fn of(record: &'a TaskRecord) -> Self {
        Self {
            record,
            expected: Expected::Absent,
            held_by: None,
            lease: LeaseChange::Keep,
            progress: None,
            ticket: None,
            earlier: Vec::new(),
        }
    }
}

/// What a record must still be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::redis) enum Expected {
    /// Missing, or empty.
    Absent,
    /// A text with this SHA-1.
    Sha1(String),
    /// A text that begins like this.
    Begins(String),
}

impl Expected {
    /// Exactly this text.
    pub(super) fn text(text: &[u8]) -> Self {
        Self::Sha1(sha1_smol::Sha1::from(text).digest().to_string())
    }

    /// A record of the same owner: what others add to it meanwhile does not matter.
    pub(in crate::store::redis) fn same_owner(text: &[u8]) -> Self {
        Opening::read(text).map_or_else(|| Self::text(text), |opening| Self::Begins(opening.owner_text))
    }

    /// As the scripts take it.
    pub(in crate::store::redis) fn into_arg(self) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Sha1(hash) => hash,
            Self::Begins(text) => format!("^{text}"),
        }
    }
}

/// What becomes of the lease of a run on the task.
#[derive(Debug, Clone, Copy)]
pub(super) enum LeaseChange<'a> {
    Keep,
    Release,
    /// No run may hold the task.
    Unheld,
    Claim {
        run: &'a RunId,
        life: Duration,
    },
    /// The task is taken from the run that must hold it, if that one's lease has ended.
    End,
}

impl RedisStore {
    /// Writes a record, and takes note of what it left. None if the record is not what it must be; else which attempt at the
    /// task a claim begins.
    pub(super) async fn replace(
        &self,
        mut replacement: Replacement<'_>,
        cached: &mut Cached,
        deadline: Instant,
    ) -> Result<Option<u32>> {
        let record = replacement.record;
        let encoded = record.encoded();
        *cached = Cached::default();
        loop {
            match self.try_replace(&replacement, &encoded.text, deadline).await? {
                Outcome::Done(attempt) => {
                    let layout = Layout::of(record, &encoded, &self.clock.now());
                    *cached = Cached { layout, indexed: Some(Instant::now()) };
                    return match (attempt.and_then(|attempt| u32::try_from(attempt).ok()), replacement.ticket) {
                        (Some(attempt), _) => Ok(Some(attempt)),
                        (None, Some(_)) => self.attempts_begun(record.task_id(), deadline).await.map(Some),
                        (None, None) => Ok(Some(1)),
                    };
                }
                Outcome::Incomplete if replacement.earlier.is_empty() => {
                    let owners = metadata_owners(&self.primary, &[record.task_id()], deadline).await?;
                    replacement.earlier.extend(owners.into_iter().flatten());
                }
                _ => return Ok(None),
            }
        }
    }

    /// How many attempts at a task of the queue have begun.
    async fn attempts_begun(&self, id: &str, deadline: Instant) -> Result<u32> {
        let mut read = redis::cmd("HGET");
        read.arg(keys::metadata(id)).arg("attempt");
        Ok(self.primary.query::<Option<u32>>(&read, deadline).await?.unwrap_or(1))
    }

    async fn try_replace(&self, replacement: &Replacement<'_>, text: &str, deadline: Instant) -> Result<Outcome> {
        let Replacement { record, expected, held_by, lease, progress, ticket, earlier } = replacement;
        let owner = Owner::new(record.service(), record.user_id());
        let mut keys = keys::indexes(&owner);
        let (text, staged) = if text.len() > MAX_ARGUMENT_BYTES { ("", Some(text)) } else { (text, None) };
        let (run, life) = match lease {
            LeaseChange::Keep => ("keep", Duration::ZERO),
            LeaseChange::Release => ("release", Duration::ZERO),
            LeaseChange::Unheld => ("unheld", Duration::ZERO),
            LeaseChange::End => ("end", Duration::ZERO),
            LeaseChange::Claim { run, life } => (run.as_str(), *life),
        };
        let (expected, life) = (expected.clone().into_arg(), life.as_millis().to_string());
        let progress = progress.map(Progress::encode).unwrap_or_default();
        let (place, attempts) = ticket.map_or(("", 1), |(ticket, attempts)| (ticket.token.as_str(), attempts));
        let attempts = attempts.to_string();
        let mut args = vec![
            self.ttl.as_str(),
            OUTLIVES,
            record.service(),
            record.user_id(),
            record.task_id(),
            &expected,
            text,
            held_by.unwrap_or_default(),
            run,
            &life,
            &progress,
            place,
            &attempts,
        ];
        for owner in earlier {
            keys.extend(keys::owner_indexes(owner));
            args.push(&owner.user_id);
        }
        let operation = Operation { script: &REPLACE, id: record.task_id(), keys: &keys, args: &args, staged };
        self.session.carry_out(&self.primary, operation, deadline).await
    }
}
