//! Changes of tasks that are there: by a splice where the record is in the shape that this host writes, else by writing it
//! whole.

use std::time::Instant;

use super::layout::Layout;
use super::read::{read_around_log, read_task, readable};
use super::replace::{Expected, LeaseChange, Replaced, Replacement};
use super::splice::{Parts, Splice, Spliced};
use super::write_queue::{Cached, Turn};
use crate::record::{Change, Entry, Status, TaskId, Timestamp, TransitionRule, apply, next_status, quote, wire_entry};
use crate::store::redis::RedisStore;
use crate::store::redis::options::MAX_INDEXED_FOR;
use crate::store::{Access, Error, Result};

/// Of so many tries in a row, the last one writes the record whole.
const MAX_SPLICES: usize = 4;

impl RedisStore {
    pub(in crate::store::redis) async fn change_in_turn(
        &self,
        id: &TaskId,
        change: Change,
        access: &Access,
    ) -> Result<Status> {
        let deadline = self.deadline();
        let queue = self.queues.of(id.as_str());
        if let Some(mut cached) = queue.free_turn() {
            return self.write_change(id, &change, access, &mut cached, deadline).await;
        }
        let mut outcome = queue.push(change, access.clone(), deadline);
        let mut cached = match queue.turn(&mut outcome, deadline).await {
            Turn::Written(result) => return result,
            Turn::Leader(cached) => cached,
        };
        loop {
            if let Ok(result) = outcome.try_recv() {
                return result;
            }
            let Some(batch) = queue.next_batch() else {
                return Err(Error::Unavailable("the write was lost".to_owned()));
            };
            let result = self.write_change(id, &batch.change, &batch.access, &mut cached, batch.deadline).await;
            if !batch.is_shared() || !matches!(result, Err(Error::Failed(_))) {
                batch.answer(&result);
                continue;
            }
            // What is too much for one of them is not to cost the others theirs.
            for alone in batch.split() {
                let result = self.write_change(id, &alone.change, &alone.access, &mut cached, alone.deadline).await;
                alone.answer(&result);
            }
        }
    }

    async fn write_change(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        cached: &mut Cached,
        deadline: Instant,
    ) -> Result<Status> {
        let mut tries = 0_usize;
        loop {
            tries += 1;
            let written = match cached.layout.take() {
                // What a splice does not settle, such as a time that cannot be counted on, a whole record does.
                _ if tries.is_multiple_of(MAX_SPLICES) => {
                    Box::pin(self.rewrite(id, change, access, cached, deadline)).await?
                }
                Some(layout) if may_splice(change, &layout, access, self.options.rule) => {
                    self.splice_cached(id, change, access, layout, cached, deadline).await?
                }
                _ => Box::pin(self.write_read(id, change, access, cached, deadline)).await?,
            };
            match written {
                Some(status) => return Ok(status),
                None => self.once_more(deadline)?,
            }
        }
    }

    /// Makes a change of status or log through the layout that is known. None if that is stale.
    async fn splice_cached(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        mut layout: Layout,
        cached: &mut Cached,
        deadline: Instant,
    ) -> Result<Option<Status>> {
        let status = next_status(layout.status, change.status.as_ref(), self.options.rule)?;
        let prefix = match layout.prefix_with(status) {
            _ if status == layout.status => None,
            None => return Ok(None),
            prefix => prefix,
        };
        let now = self.clock.now();
        let index = !cached.is_indexed(self.options.indexed_for.min(MAX_INDEXED_FOR));
        let splice = Splice {
            layout: &layout,
            entries: &wire_entries(&change.entries, &now),
            now: &now,
            held_by: access.run(),
            releases: change.finishes(),
            index,
            parts: Parts { prefix: prefix.as_deref(), ..Parts::default() },
        };
        match self.splice(id.as_str(), splice, deadline).await? {
            Spliced::Done(last) => {
                if let Some(prefix) = prefix {
                    layout.moved(status, prefix);
                }
                layout.last = last.unwrap_or(layout.last);
                cached.written(Some(layout), index);
                Ok(Some(status))
            }
            Spliced::Missing | Spliced::Lost => Err(Error::NotFound),
            Spliced::Bare => {
                *cached = Cached { layout: Some(layout), indexed: None };
                Ok(None)
            }
            Spliced::Stale => Ok(None),
        }
    }

    /// Makes a change after a look at the record. None if others have changed meanwhile what the change builds upon.
    async fn write_read(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        cached: &mut Cached,
        deadline: Instant,
    ) -> Result<Option<Status>> {
        let now = self.clock.now();
        let Some(found) = read_around_log(&self.primary, id, self.clock.zone(), deadline).await? else {
            return self.rewrite(id, change, access, cached, deadline).await;
        };
        access.check(found.record.service(), found.record.user_id(), found.run.as_deref())?;
        let Some(layout) = Layout::of(&found.record, &found.encoded, &now) else {
            return self.rewrite(id, change, access, cached, deadline).await;
        };
        let layout = Layout { last: found.last, ..layout };
        let (mut record, before) = (found.record, found.encoded);
        let status = apply(&mut record, change, &now, self.options.rule)?;
        let after = record.encoded();
        let (prefix, jobs) = (&after.text[..after.status_end], &after.text[after.jobs.clone()]);
        let parts = Parts {
            prefix: (prefix != layout.prefix).then_some(prefix),
            jobs: if jobs == &before.text[before.jobs.clone()] { "" } else { jobs },
            tail: (before.tail() != after.tail()).then(|| (before.tail(), after.tail())),
        };
        let splice = Splice {
            layout: &layout,
            // The record was read without its log.
            entries: &after.text[after.log.clone()],
            now: &now,
            held_by: access.run(),
            releases: change.finishes(),
            index: !cached.is_indexed(self.options.indexed_for.min(MAX_INDEXED_FOR)),
            parts,
        };
        let index = splice.index;
        match self.splice(id.as_str(), splice, deadline).await? {
            Spliced::Done(last) => {
                let layout =
                    Layout::of(&record, &after, &now).zip(last).map(|(layout, last)| Layout { last, ..layout });
                cached.written(layout, index);
                Ok(Some(status))
            }
            Spliced::Missing | Spliced::Lost => Err(Error::NotFound),
            Spliced::Bare => {
                *cached = Cached::default();
                Ok(None)
            }
            Spliced::Stale => Ok(None),
        }
    }

    /// Makes a change by reading the record and writing it whole: that puts it in the shape that this host writes.
    async fn rewrite(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        cached: &mut Cached,
        deadline: Instant,
    ) -> Result<Option<Status>> {
        let found = read_task(&self.primary, id, deadline).await?.ok_or(Error::NotFound)?;
        let (found, mut record) = readable(id, found, access, self.clock.zone())?;
        let status = apply(&mut record, change, &self.clock.now(), self.options.rule)?;
        let replacement = Replacement {
            expected: Expected::text(&found.text),
            held_by: access.run(),
            lease: if change.finishes() { LeaseChange::Release } else { LeaseChange::Keep },
            ..Replacement::of(&record)
        };
        match self.replace(replacement, cached, deadline).await? {
            Replaced::Done => Ok(Some(status)),
            Replaced::Changed => Ok(None),
            Replaced::Lost => Err(Error::NotFound),
            Replaced::Held => Err(Error::Held),
        }
    }
}

/// Whether a change can be made without a look at the record. What is known of that may be out of date, so a change that
/// it does not allow is not refused for that.
fn may_splice(change: &Change, layout: &Layout, access: &Access, rule: TransitionRule) -> bool {
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
