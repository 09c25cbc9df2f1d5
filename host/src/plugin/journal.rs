//! What a run was told is in the log of its task, kept for as long as somebody may have to put it back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::record::{Entry, Restoration, Status, TaskRecord, Timestamp, wire_entry};

/// The bytes of entries that all journals of one budget keep: 256 MiB.
const MAX_BYTES: usize = 256 << 20;

/// What an entry takes besides its text.
const ENTRY_BYTES: usize = size_of::<String>() + 16;

/// How much some journals keep together.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

/// The entries that a run has written and that were acknowledged, in their order.
#[derive(Debug)]
pub(crate) struct Journal {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the task was registered; unknown before it is claimed, and after its run has saved it anew.
    created_at: Option<Timestamp>,
    entries: Vec<String>,
    bytes: usize,
    /// How many entries there were, those that are no longer kept included.
    count: u64,
    /// There was no room for all.
    is_full: bool,
}

impl Journal {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, state: Mutex::default() }
    }

    /// The run has claimed a task that was registered at this time.
    pub(super) fn begin(&self, created_at: &Timestamp) {
        lock(&self.state).created_at = Some(created_at.clone());
    }

    /// The store has these entries.
    pub(super) fn add(&self, entries: &[Entry]) {
        let state = &mut *lock(&self.state);
        for entry in entries {
            let Some(at) = &entry.at else { continue };
            state.count += 1;
            if state.is_full {
                continue;
            }
            let text = wire_entry(entry, at);
            let bytes = text.len() + ENTRY_BYTES;
            state.bytes += bytes;
            state.entries.push(text);
            if self.budget.0.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_BYTES {
                state.is_full = true;
                self.clear(state);
                tracing::warn!("a run has logged too much for its entries to be put back, should a writer erase them");
            }
        }
    }

    /// The run has replaced its task, and with it the log.
    pub(super) fn begin_anew(&self) {
        let state = &mut *lock(&self.state);
        (state.created_at, state.count) = (None, state.count + 1);
        self.clear(state);
    }

    /// A number that is greater once the run has written more.
    pub(crate) fn count(&self) -> u64 {
        lock(&self.state).count
    }

    /// What a record of the task lacks, which has ended in a status or has not. None if it lacks nothing.
    pub(crate) fn lacking(&self, record: &TaskRecord, end: Option<Status>) -> Option<Restoration> {
        let state = &mut *lock(&self.state);
        let created_at = state.created_at.get_or_insert_with(|| record.created_at().clone()).clone();
        let restoration = Restoration::new(created_at, std::mem::take(&mut state.entries), end);
        let lacking = restoration.is_needed(record).then(|| restoration.clone());
        state.entries = restoration.entries;
        lacking
    }

    fn clear(&self, state: &mut State) {
        self.budget.0.fetch_sub(state.bytes, Ordering::Relaxed);
        (state.entries, state.bytes) = (Vec::new(), 0);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let state = &mut *lock(&self.state);
        self.budget.0.fetch_sub(state.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimeZone;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text, &TimeZone::utc()).unwrap()
    }

    fn entry(message: &str) -> Entry {
        Entry { at: Some(time("2025-11-17T10:00:16+00:00")), message: message.to_owned() }
    }

    fn record(created: &Timestamp, logs: &[&str]) -> TaskRecord {
        let wire = format!(
            "{{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"running\",\
             \"created_at\":\"{created}\",\"updated_at\":\"{created}\",\"logs\":{logs:?}}}"
        );
        TaskRecord::decode(wire.as_bytes(), &TimeZone::utc()).unwrap()
    }

    #[test]
    fn what_a_run_has_written_is_kept_until_it_saves_its_task_anew() {
        let journal = Journal::new(Arc::default());
        let (registered, saved) = (time("2025-11-17T10:00:00Z"), time("2025-11-17T10:00:17Z"));
        journal.begin(&registered);
        journal.add(&[entry("one"), entry("two")]);
        let logged = ["2025-11-17T10:00:16+00:00,one", "2025-11-17T10:00:16+00:00,two"];
        let kept = Restoration::new(registered.clone(), logged.map(str::to_owned).to_vec(), None);
        assert_eq!(journal.lacking(&record(&registered, &[]), None), Some(kept));
        assert_eq!(journal.lacking(&record(&registered, &logged), None), None);
        assert_eq!(journal.lacking(&record(&saved, &[]), None), None, "another task under the same id");
        journal.begin_anew();
        assert_eq!(journal.lacking(&record(&saved, &[]), None), None);
        let end = Some(Status::Completed);
        assert_eq!(journal.lacking(&record(&saved, &[]), end), Some(Restoration::new(saved.clone(), Vec::new(), end)));
        assert_eq!(journal.count(), 3);
    }

    #[test]
    fn journals_share_a_budget_and_give_it_back() {
        let budget = Arc::new(Budget::default());
        let long = entry(&"x".repeat(MAX_BYTES / 2));
        let (first, second) = (Journal::new(budget.clone()), Journal::new(budget.clone()));
        first.add(std::slice::from_ref(&long));
        second.add(&[entry("short"), long.clone(), entry("after")]);
        assert_eq!(lock(&first.state).entries.len(), 1);
        assert!(lock(&second.state).entries.is_empty() && second.count() == 3);
        drop((first, second));
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
