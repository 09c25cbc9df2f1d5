//! The script that changes a record in place, for a host that knows its layout.

use std::sync::LazyLock;
use std::time::Instant;

use super::layout::Layout;
use crate::record::Timestamp;
use crate::store::Result;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::{Answer, Operation, Script};
use crate::store::redis::{OUTLIVES, RedisStore};

static SPLICE: LazyLock<Script> = LazyLock::new(|| Script::once(include_str!("splice.lua")));

/// How many bytes of entries that others have added are read to find the end of the log. Beyond, it is looked for from
/// the end of the record.
const MAX_GROWN_BYTES: usize = 64 << 10;

/// What is put where in a record.
pub(super) struct Splice<'a> {
    pub(super) layout: &'a Layout,
    /// Entries to add, as they stand in a record; may be empty.
    pub(super) entries: &'a str,
    /// The time of the change.
    pub(super) now: &'a Timestamp,
    /// The run that must hold the task.
    pub(super) held_by: Option<&'a str>,
    /// Whether the task is released from its run.
    pub(super) releases: bool,
    /// Whether the task's place in its indexes is made sure of.
    pub(super) index: bool,
    pub(super) parts: Parts<'a>,
}

/// What replaces parts of a record.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// The beginning, through the status.
    pub(super) prefix: Option<&'a str>,
    /// The active jobs, with their brackets; empty to leave them as they are.
    pub(super) jobs: &'a str,
    /// What follows the last entry: what it must be, and what it becomes.
    pub(super) tail: Option<(&'a str, &'a str)>,
}

/// What the script has done.
pub(super) enum Spliced {
    /// What it was asked to. Where the last byte before the tail is now; None if an earlier copy did it.
    Done(Option<usize>),
    /// There is no record.
    Missing,
    /// Another run holds the task, or none.
    Lost,
    /// Nothing: the layout is another.
    Stale,
    /// Nothing: the task has no metadata, and its indexes were not to be made sure of.
    Bare,
}

impl Answer for Spliced {
    fn done(number: Option<usize>) -> Self {
        Self::Done(number)
    }

    fn not_done(why: &str) -> Option<Self> {
        match why {
            "missing" => Some(Self::Missing),
            "lost" => Some(Self::Lost),
            "stale" => Some(Self::Stale),
            "bare" => Some(Self::Bare),
            _ => None,
        }
    }
}

impl RedisStore {
    pub(super) async fn splice(&self, id: &str, splice: Splice<'_>, deadline: Instant) -> Result<Spliced> {
        let Splice { layout, entries, now, held_by, releases, index, parts } = splice;
        let Owner { service, user_id } = &layout.owner;
        let stamp_at = layout.at() + layout.before_stamp.len();
        let numbers = [
            layout.at(),
            stamp_at,
            stamp_at + now.as_str().len() + layout.after_stamp.len() - 1,
            layout.last,
            layout.last + layout.tail.length + MAX_GROWN_BYTES,
            layout.tail.length,
            layout.jobs.start,
        ];
        let [at, stamp_at, head_end, last, search_end, tail_length, jobs_at] = numbers.map(|n| n.to_string());
        let (tail_start, new_tail) = parts.tail.unwrap_or((&layout.tail.start, ""));
        let args = [
            self.ttl.as_str(),
            &self.metadata_ttl,
            held_by.unwrap_or_default(),
            &layout.prefix,
            &at,
            &layout.before_stamp,
            &stamp_at,
            &layout.after_stamp,
            &head_end,
            &last,
            &search_end,
            &tail_length,
            tail_start,
            &layout.tail.end,
            now.as_str(),
            entries,
            if releases { "1" } else { "" },
            parts.prefix.unwrap_or_default(),
            &jobs_at,
            parts.jobs,
            new_tail,
            OUTLIVES,
            service,
            user_id,
            id,
        ];
        let replaces = releases || parts.prefix.is_some() || !parts.jobs.is_empty() || !new_tail.is_empty();
        let args = match (index, replaces) {
            (true, _) => &args[..],
            (false, true) => &args[..args.len() - 4],
            (false, false) => &args[..args.len() - 9],
        };
        let keys = if index { keys::indexes(&layout.owner) } else { Vec::new() };
        let operation = Operation { script: &SPLICE, id, keys: &keys, args, staged: None };
        self.session.carry_out(&self.primary, operation, deadline).await
    }
}
