//! Changes of tasks that are there: by a splice where the record is in the shape that this host writes, else by writing it
//! whole.

use std::sync::LazyLock;
use std::time::Instant;

use super::layout::Layout;
use super::read::{read_around_log, read_task, readable};
use super::replace::{Expected, LeaseChange, Replacement};
use super::write_queue::{Batch, Cached};
use crate::record::{
    Change, Entry, Progress, Status, TaskId, Timestamp, TransitionRule, apply, next_status, quote, wire_entry,
};
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::options::MAX_INDEXED_FOR;
use crate::store::redis::server::{Operation, Outcome, Script};
use crate::store::redis::{OUTLIVES, RedisStore};
use crate::store::{Access, Error, Result};

static SPLICE: LazyLock<Script> =
    LazyLock::new(|| Script::once_with(include_str!("splice.lua"), include_str!("splice_more.lua")));

/// What a change ends, in the script's words: the run that holds the task, or the task without it.
const RELEASE: &str = "release";
const ENDED: &str = "ended";

/// How many bytes of entries that others have added are read to find the end of the log. Beyond, it is looked for from
/// the end of the record.
const MAX_GROWN_BYTES: usize = 64 << 10;

/// Of so many tries in a row, the last one writes the record whole.
const MAX_SPLICES: usize = 4;

/// A change to be written, however many tries it takes.
#[derive(Clone, Copy)]
struct Write<'a> {
    id: &'a TaskId,
    change: &'a Change,
    access: &'a Access,
    deadline: Instant,
}

impl<'a> Write<'a> {
    fn of(id: &'a TaskId, batch: &'a Batch) -> Self {
        Self { id, change: &batch.change, access: &batch.access, deadline: batch.deadline }
    }
}

/// What a splice puts into a record.
#[derive(Default)]
struct Parts<'a> {
    /// Entries to add, as they stand in a record; may be empty.
    entries: &'a str,
    /// What replaces the beginning, through the status.
    prefix: Option<&'a str>,
    /// What replaces the active jobs, with their brackets; empty to leave them as they are.
    jobs: &'a str,
    /// What follows the last entry: what it must be, and what it becomes.
    tail: Option<(&'a str, &'a str)>,
}

impl RedisStore {
    pub(in crate::store::redis) async fn change_in_turn(
        &self,
        id: &TaskId,
        change: Change,
        access: &Access,
    ) -> Result<Status> {
        let deadline = self.deadline();
        let unavailable = |why: &str| Error::Unavailable(why.to_owned());
        let queue = self.queues.of(id.as_str());
        if let Some(mut cached) = queue.free_turn() {
            return self.write_change(Write { id, change: &change, access, deadline }, &mut cached).await;
        }
        let mut outcome = queue.push(change, access.clone(), deadline);
        // Another caller may make the change before it is our turn to make what waits.
        let mut cached = tokio::select! {
            biased;
            made = &mut outcome => return made.unwrap_or_else(|_| Err(unavailable("the write was abandoned half-way"))),
            cached = queue.next_turn(deadline) => cached?,
        };
        loop {
            if let Ok(result) = outcome.try_recv() {
                return result;
            }
            let Some(batch) = queue.next_batch() else { return Err(unavailable("the write was lost")) };
            let result = self.write_change(Write::of(id, &batch), &mut cached).await;
            if !batch.is_shared() || !matches!(result, Err(Error::Failed(_))) {
                batch.answer(&result);
                continue;
            }
            // What is too much for one of them is not to cost the others theirs.
            for alone in batch.split() {
                let result = self.write_change(Write::of(id, &alone), &mut cached).await;
                alone.answer(&result);
            }
        }
    }

    async fn write_change(&self, write: Write<'_>, cached: &mut Cached) -> Result<Status> {
        let mut tries = 0_usize;
        loop {
            tries += 1;
            let written = match cached.layout.take() {
                // What a splice does not settle, such as a time that cannot be counted on, a whole record does.
                _ if tries.is_multiple_of(MAX_SPLICES) => Box::pin(self.rewrite(write, cached)).await?,
                // The log is not only added to.
                _ if write.change.restoration.is_some() => Box::pin(self.rewrite(write, cached)).await?,
                Some(layout) if may_splice(write, &layout, self.options.rule) => {
                    self.splice_known(write, layout, cached).await?
                }
                _ => Box::pin(self.splice_read(write, cached)).await?,
            };
            match written {
                Some(status) => {
                    if let Some(priority) = write.change.priority {
                        self.move_to_priority(write.id, priority).await?;
                    }
                    return Ok(status);
                }
                None => self.once_more(write.deadline)?,
            }
        }
    }

    /// Makes a change of status or log through the layout that is known. None if that is stale.
    async fn splice_known(&self, write: Write<'_>, mut layout: Layout, cached: &mut Cached) -> Result<Option<Status>> {
        let status = next_status(layout.status, write.change.status.as_ref(), self.options.rule)?;
        let prefix = (status != layout.status).then(|| layout.prefix_with(status));
        let now = self.clock.now();
        let entries = wire_entries(&write.change.entries, &now);
        let parts = Parts { entries: &entries, prefix: prefix.as_deref(), ..Parts::default() };
        let Outcome::Done(last) = self.splice(write, status, &layout, &now, parts, cached).await? else {
            return Ok(None);
        };
        if let Some(prefix) = prefix {
            layout.moved(status, prefix);
        }
        layout.last = last.unwrap_or(layout.last);
        cached.layout = Some(layout);
        Ok(Some(status))
    }

    /// Makes a change after a look at the record. None if others have changed meanwhile what the change builds upon.
    async fn splice_read(&self, write: Write<'_>, cached: &mut Cached) -> Result<Option<Status>> {
        let Write { id, change, access, deadline } = write;
        let now = self.clock.now();
        let Some(found) = read_around_log(&self.primary, id, self.clock.zone(), deadline).await? else {
            return self.rewrite(write, cached).await;
        };
        access.check(found.record.service(), found.record.user_id(), found.run.as_deref())?;
        let Some(layout) = Layout::of(&found.record, &found.encoded, &now) else {
            return self.rewrite(write, cached).await;
        };
        let layout = Layout { last: found.last, ..layout };
        let (mut record, before) = (found.record, found.encoded);
        let status = apply(&mut record, change, &now, self.options.rule)?;
        let after = record.encoded();
        let (prefix, jobs) = (&after.text[..after.status_end], &after.text[after.jobs.clone()]);
        let parts = Parts {
            // The record was read without its log.
            entries: &after.text[after.log.clone()],
            prefix: (prefix != layout.prefix).then_some(prefix),
            jobs: if jobs == &before.text[before.jobs.clone()] { "" } else { jobs },
            tail: (before.tail() != after.tail()).then(|| (before.tail(), after.tail())),
        };
        let Outcome::Done(last) = self.splice(write, status, &layout, &now, parts, cached).await? else {
            return Ok(None);
        };
        cached.layout = last.and_then(|last| Some(Layout { last, ..Layout::of(&record, &after, &now)? }));
        Ok(Some(status))
    }

    /// Makes a change by reading the record and writing it whole: that puts it in the shape that this host writes.
    async fn rewrite(&self, write: Write<'_>, cached: &mut Cached) -> Result<Option<Status>> {
        let Write { id, change, access, deadline } = write;
        let found = read_task(&self.primary, id, deadline).await?.ok_or(Error::NotFound)?;
        let mut record = readable(id, &found, access, self.clock.zone())?;
        let status = apply(&mut record, change, &self.clock.now(), self.options.rule)?;
        let replacement = Replacement {
            expected: Expected::text(&found.text),
            held_by: access.run(),
            lease: if change.finishes() { LeaseChange::Release } else { LeaseChange::Keep },
            progress: change.progress.as_ref(),
            ..Replacement::of(&record)
        };
        let written = self.replace(replacement, cached, deadline).await?;
        // Whoever is interrupted here leaves nothing that is run: it is looked for when it is taken from the queue, too.
        if written.is_some() && ending(write, status) == ENDED {
            if access.run().is_none() {
                self.take_out(id).await?;
            }
            self.drop_input(id.as_str()).await?;
        }
        Ok(written.map(|_| status))
    }

    /// Changes a record in place. An outcome of done has where the last byte before the tail is now; none if an earlier copy
    /// did it.
    async fn splice(
        &self,
        write: Write<'_>,
        status: Status,
        layout: &Layout,
        now: &Timestamp,
        parts: Parts<'_>,
        cached: &mut Cached,
    ) -> Result<Outcome> {
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
        let ending = ending(write, status);
        let (tail_start, new_tail) = parts.tail.unwrap_or((&layout.tail.start, ""));
        let progress = write.change.progress.as_ref().map(Progress::encode);
        let args = [
            self.ttl.as_str(),
            &self.metadata_ttl,
            write.access.run().unwrap_or_default(),
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
            parts.entries,
            ending,
            parts.prefix.unwrap_or_default(),
            &jobs_at,
            parts.jobs,
            new_tail,
            OUTLIVES,
            service,
            user_id,
            write.id.as_str(),
            progress.as_deref().unwrap_or_default(),
        ];
        // What comes last is left out where it says nothing.
        let (all, args) = (&args[..], &args[..args.len() - 1]);
        let replaces = !ending.is_empty() || parts.prefix.is_some() || !parts.jobs.is_empty() || !new_tail.is_empty();
        let index = cached.indexed.is_none_or(|at| at.elapsed() >= self.options.indexed_for.min(MAX_INDEXED_FOR));
        let keys = if index { keys::indexes(&layout.owner) } else { Vec::new() };
        let args = match (index, replaces) {
            _ if progress.is_some() => all,
            (true, _) => args,
            (false, _) if ending == RELEASE => args,
            (false, true) => &args[..args.len() - 4],
            (false, false) => &args[..args.len() - 9],
        };
        let operation = Operation { script: &SPLICE, id: write.id.as_str(), keys: &keys, args, staged: None };
        let outcome = self.session.carry_out(&self.primary, operation, write.deadline).await?;
        match outcome {
            Outcome::Done(_) if index => cached.indexed = Some(Instant::now()),
            Outcome::Incomplete => cached.indexed = None,
            _ => {}
        }
        Ok(outcome)
    }
}

/// What a change ends, as the script takes it: the run, or the task alone. What a run holds does not wait in the queue, and
/// the end of one takes the task out of it.
fn ending(Write { change, .. }: Write<'_>, status: Status) -> &'static str {
    match change.status {
        _ if change.finishes() => RELEASE,
        Some(_) if status.is_terminal() => ENDED,
        _ => "",
    }
}

/// Whether a change can be made without a look at the record. What is known of that may be out of date, so a change that
/// it does not allow is not refused for that.
fn may_splice(Write { change, access, .. }: Write<'_>, layout: &Layout, rule: TransitionRule) -> bool {
    change.is_small()
        && access.owners.check(&layout.owner.service, &layout.owner.user_id).is_ok()
        && next_status(layout.status, change.status.as_ref(), rule).is_ok()
}

/// Log entries as they stand in a record, with commas between them.
fn wire_entries(entries: &[Entry], now: &Timestamp) -> String {
    let mut text = String::new();
    for entry in entries {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&quote(&wire_entry(entry, now)));
    }
    text
}
