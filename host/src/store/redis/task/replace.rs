//! Writing a record whole, compared with what it must still be, in one step on the server.

use std::time::Instant;

use crate::record::{Change, StatusChange, TaskId, Unreadable};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::session::{Answer, Operation, REPLACE};
use crate::store::{Error, Result};

/// Documents above this size are staged: a script's arguments are copied several times on the server.
const MAX_ARGUMENT_BYTES: usize = 32 << 10;

/// A record as it was read, with what is remembered beside it.
pub(in crate::store::redis) struct Found {
    pub(in crate::store::redis) text: Vec<u8>,
    /// The owner that the metadata names.
    pub(in crate::store::redis) metadata: Option<Owner>,
    /// The run that holds the task.
    pub(in crate::store::redis) run: Option<String>,
}

/// What a whole record is to replace, and how.
pub(in crate::store::redis) struct Replacement<'a> {
    pub(in crate::store::redis) id: &'a str,
    pub(in crate::store::redis) owner: &'a Owner,
    pub(in crate::store::redis) text: String,
    /// What the record must still be: see `unchanged` in the prelude.
    pub(in crate::store::redis) expected: String,
    /// The run that must hold the task.
    pub(in crate::store::redis) held_by: Option<&'a str>,
    pub(in crate::store::redis) run: RunChange<'a>,
    /// Owners under whom the task may stand in the indexes.
    pub(in crate::store::redis) earlier: Vec<Owner>,
}

/// What becomes of the run that holds a task.
pub(in crate::store::redis) enum RunChange<'a> {
    Keep,
    Release,
    Claim { run: &'a str, hold_millis: u128 },
}

impl RunChange<'_> {
    pub(in crate::store::redis) fn of(change: &Change) -> Self {
        if matches!(change.status, Some(StatusChange::Finish(_))) { Self::Release } else { Self::Keep }
    }
}

impl RedisStore {
    pub(in crate::store::redis) async fn replace(
        &self,
        mut whole: Replacement<'_>,
        deadline: Instant,
    ) -> Result<Answer> {
        loop {
            match self.try_replace(&whole, deadline).await? {
                Answer::No(why) if why == "leftover" && whole.earlier.is_empty() => {
                    whole.earlier.extend(self.metadata_owner(whole.id, deadline).await?);
                }
                answer => return Ok(answer),
            }
        }
    }

    async fn try_replace(&self, whole: &Replacement<'_>, deadline: Instant) -> Result<Answer> {
        const STAGE: usize = 5;
        let mut keys = all_indexes(whole.owner);
        keys.push(keys::record(whole.id));
        let text = whole.text.as_str();
        let (text, staged) = if text.len() > MAX_ARGUMENT_BYTES { ("", Some((STAGE, text))) } else { (text, None) };
        let (run, hold) = match whole.run {
            RunChange::Keep => ("keep", 0),
            RunChange::Release => ("release", 0),
            RunChange::Claim { run, hold_millis } => (run, hold_millis),
        };
        let hold = hold.to_string();
        let mut args = vec![
            &self.ttl,
            whole.owner.service.as_str(),
            whole.owner.user_id.as_str(),
            whole.id,
            whole.held_by.unwrap_or_default(),
            whole.expected.as_str(),
            text,
            run,
            hold.as_str(),
        ];
        for owner in &whole.earlier {
            keys.extend(keys::owner_indexes(owner));
            args.push(&owner.user_id);
        }
        let operation = Operation { script: &REPLACE, id: whole.id, keys: &keys, args: &args, staged };
        self.session.carry_out(&self.primary, operation, deadline).await
    }

    /// What a script's refusal means: an error, or that the record has changed and is to be read again.
    pub(in crate::store::redis) fn retry_or_refuse(&self, why: &str, deadline: Instant) -> Result<()> {
        match why {
            "lost" => Err(Error::NotFound),
            "held" => Err(Error::Held),
            "changed" | "stale" | "missing" if Instant::now() < deadline => Ok(()),
            "changed" | "stale" | "missing" => {
                Err(Error::Unavailable("the task is changed by others faster than it can be read".to_owned()))
            }
            other => Err(Error::Failed(format!("a script gave an answer that is not known: {other}"))),
        }
    }
}

pub(in crate::store::redis) fn all_indexes(owner: &Owner) -> Vec<String> {
    std::iter::once(keys::ALL_TASKS.to_owned()).chain(keys::owner_indexes(owner)).collect()
}

pub(in crate::store::redis) fn sha1(text: &[u8]) -> String {
    sha1_smol::Sha1::from(text).digest().to_string()
}

pub(in crate::store::redis) fn unreadable(id: &TaskId, why: Unreadable) -> Error {
    Error::Unreadable { id: id.as_str().to_owned(), why }
}
