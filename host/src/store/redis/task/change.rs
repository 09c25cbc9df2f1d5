//! Changes of tasks that are there: through the layout where it is known and allows for them, else by writing the record
//! whole.

use std::time::Instant;

use crate::record::{
    Change, Entry, ResultChange, Status, TaskId, TaskRecord, Timestamp, TransitionRule, apply, next_status, quote,
    wire_entry,
};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::Owner;
use crate::store::redis::options::MAX_INDEXED_FOR;
use crate::store::redis::server::session::{Answer, Operation, SPLICE};
use crate::store::redis::task::layout::Layout;
use crate::store::redis::task::read::readable;
use crate::store::redis::task::replace::{Replacement, RunChange, all_indexes, sha1};
use crate::store::redis::task::write_queue::{Cached, Turn};
use crate::store::{Access, Error, Result};

/// How often a known layout may turn out to be stale before the record is rewritten whole.
const MAX_STALE: usize = 3;

/// What stands between the time of the last change and the first entry. The scripts know it too.
const AFTER_STAMP: &str = "\",\"logs\":[";

/// How many bytes of entries that others have added are read to find the end of the log. Beyond, it is looked for from
/// the end of the record.
const MAX_GROWN_BYTES: usize = 64 << 10;

impl RedisStore {
    pub(in crate::store::redis) async fn change_in_turn(
        &self,
        id: &TaskId,
        change: Change,
        access: &Access,
    ) -> Result<Status> {
        let deadline = self.deadline();
        let task = self.turns.task(id.as_str());
        if let Some(mut known) = task.free_turn() {
            return self.write_change(id, &change, access, &mut known, deadline).await;
        }
        let mut outcome = task.queue(change, access.clone());
        let mut known = match task.turn(&mut outcome, deadline).await {
            Turn::Written(result) => return result,
            Turn::Leader(known) => known,
        };
        loop {
            if let Ok(result) = outcome.try_recv() {
                return result;
            }
            let Some(batch) = task.next_batch() else {
                return Err(Error::Unavailable("the write was lost".to_owned()));
            };
            let result = self.write_change(id, &batch.change, &batch.access, &mut known, deadline).await;
            if !batch.is_shared() || !matches!(result, Err(Error::Failed(_))) {
                batch.answer(&result);
                continue;
            }
            // What is too much for one of them is not to cost the others theirs.
            for alone in batch.split() {
                let result = self.write_change(id, &alone.change, &alone.access, &mut known, deadline).await;
                alone.answer(&result);
            }
        }
    }

    async fn write_change(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        known: &mut Cached,
        deadline: Instant,
    ) -> Result<Status> {
        for _ in 0..MAX_STALE {
            if let Some(layout) = known.layout.take()
                && let Some(plan) = Plan::new(change, layout, access, self.options.rule)
            {
                match self.change_in_place(id, change, access, plan, known, deadline).await? {
                    Some(status) => return Ok(status),
                    None => continue,
                }
            }
            // A first look is enough to know the layout; only a change that it does not allow for rewrites the record.
            if is_small(change)
                && let Some(layout) = Box::pin(self.layout_of(id, access, deadline)).await?
                && Plan::allows(change, &layout, access, self.options.rule)
            {
                known.layout = Some(layout);
                continue;
            }
            break;
        }
        Box::pin(self.rewrite(id, change, access, known, deadline)).await
    }

    /// Makes a change by reading the record and writing it whole.
    async fn rewrite(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        known: &mut Cached,
        deadline: Instant,
    ) -> Result<Status> {
        loop {
            let found = self.read(id, deadline).await?.ok_or(Error::NotFound)?;
            let (found, mut record) = readable(id, found, access, self.clock.zone())?;
            let now = self.clock.now();
            let status = apply(&mut record, change, &now, self.options.rule)?;
            let owner = Owner::new(record.service(), record.user_id());
            let text = record.encode();
            let layout = Layout::of(&record, text.as_bytes(), &now);
            let whole = Replacement {
                id: id.as_str(),
                owner: &owner,
                text,
                expected: sha1(&found.text),
                held_by: access.run.as_ref().map(|run| run.as_str()),
                run: RunChange::of(change),
                earlier: Vec::new(),
            };
            match self.replace(whole, deadline).await? {
                Answer::Done(_) => {
                    *known = Cached { layout, indexed: Some(Instant::now()) };
                    return Ok(status);
                }
                Answer::No(why) => self.retry_or_refuse(&why, deadline)?,
            }
        }
    }

    /// The layout of a record, if it is one that this host writes. Costs the host nothing by the length of the log.
    async fn layout_of(&self, id: &TaskId, access: &Access, deadline: Instant) -> Result<Option<Layout>> {
        let Some((found, last)) = self.peek(id, deadline).await? else { return Ok(None) };
        let Ok(record) = TaskRecord::decode(&found.text, self.clock.zone()) else { return Ok(None) };
        access.check(record.service(), record.user_id(), found.run.as_deref())?;
        Ok(Layout::of(&record, &found.text, &self.clock.now()).map(|layout| Layout { last, ..layout }))
    }

    /// Makes a change through the layout. None if it is stale, or the task has lost its metadata.
    async fn change_in_place(
        &self,
        id: &TaskId,
        change: &Change,
        access: &Access,
        plan: Plan,
        known: &mut Cached,
        deadline: Instant,
    ) -> Result<Option<Status>> {
        let Plan { mut layout, status, prefix } = plan;
        let now = self.clock.now();
        let stamp = now.as_str();
        let granted_for = self.options.indexed_for.min(MAX_INDEXED_FOR);
        let index = known.indexed.is_none_or(|at| at.elapsed() >= granted_for);
        let keys = if index { all_indexes(&layout.owner) } else { Vec::new() };
        let answer = {
            let stamp_at = layout.at + layout.before.len();
            let numbers = [
                layout.at,
                stamp_at,
                stamp_at + stamp.len() + AFTER_STAMP.len() - 1,
                layout.last,
                layout.last + layout.tail.length + MAX_GROWN_BYTES,
                layout.tail.length,
            ];
            let [at, stamp_at, head_end, last, end, tail_length] = numbers.map(|number| number.to_string());
            let entries = wire_entries(&change.entries, &now);
            let args = [
                self.ttl.as_str(),
                access.run.as_ref().map(|run| run.as_str()).unwrap_or_default(),
                if matches!(RunChange::of(change), RunChange::Release) { "1" } else { "0" },
                &layout.prefix,
                &at,
                &layout.before,
                &stamp_at,
                &head_end,
                &last,
                &end,
                &tail_length,
                &layout.tail.start,
                &layout.tail.end,
                stamp,
                &entries,
                prefix.as_deref().unwrap_or_default(),
                &self.metadata_ttl,
                &layout.owner.service,
                &layout.owner.user_id,
                id.as_str(),
            ];
            let args = if index { &args[..] } else { &args[..args.len() - 3] };
            let operation = Operation { script: &SPLICE, id: id.as_str(), keys: &keys, args, staged: None };
            self.session.carry_out(&self.primary, operation, deadline).await?
        };
        match answer {
            Answer::Done(last) => {
                if let Some(prefix) = prefix {
                    layout.moved(status, prefix);
                }
                layout.last = last.unwrap_or(layout.last);
                known.layout = Some(layout);
                if index {
                    known.indexed = Some(Instant::now());
                }
                Ok(Some(status))
            }
            Answer::No(why) if why == "lost" => Err(Error::NotFound),
            Answer::No(why) if why == "bare" => {
                *known = Cached { layout: Some(layout), indexed: None };
                Ok(None)
            }
            Answer::No(_) => Ok(None),
        }
    }
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

/// A change that a layout allows for: log entries and a status.
struct Plan {
    layout: Layout,
    /// The status after the change.
    status: Status,
    /// The record's beginning, if the status is another.
    prefix: Option<String>,
}

impl Plan {
    /// None if the change needs the record, or is refused by what is known of it: that may be out of date.
    fn new(change: &Change, layout: Layout, access: &Access, rule: TransitionRule) -> Option<Self> {
        if !Self::allows(change, &layout, access, rule) {
            return None;
        }
        let status = next_status(layout.status, change.status, rule).ok()?;
        let prefix = if status == layout.status { None } else { Some(layout.prefix_with(status)?) };
        Some(Self { layout, status, prefix })
    }

    fn allows(change: &Change, layout: &Layout, access: &Access, rule: TransitionRule) -> bool {
        is_small(change)
            && access.owners.check(&layout.owner.service, &layout.owner.user_id).is_ok()
            && next_status(layout.status, change.status, rule).is_ok()
    }
}

/// Whether a change sets nothing but the status and log entries.
fn is_small(change: &Change) -> bool {
    change.active_jobs.is_none() && change.result == ResultChange::default()
}
