//! What a run was told is in the log of its task, kept for as long as somebody may have to put it back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::record::{Entry, Restoration, Status, TaskRecord, Timestamp, wire_entry};

/// The bytes of entries that all journals of one budget keep: 256 MiB.
const MAX_BYTES: usize = 256 << 20;

/// What an entry takes besides its text.
const ENTRY_BYTES: usize = size_of::<String>() + 16;

/// The part of a budget that one journal may take: one in so many. Who logs more than that loses his own, and nobody else's.
const PART: usize = 16;

/// How much some journals keep together, and each of them.
#[derive(Debug)]
pub(crate) struct Budget {
    most: usize,
    taken: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(MAX_BYTES)
    }
}

impl Budget {
    fn of(most: usize) -> Self {
        Self { most, taken: AtomicUsize::new(0) }
    }

    /// Takes some bytes for a journal that has so many with them. False if that is too much, for it or for all.
    fn take(&self, bytes: usize, of_journal: usize) -> bool {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        of_journal <= self.most / PART && taken <= self.most
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

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
            if !self.budget.take(bytes, state.bytes) {
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
        self.budget.give_back(state.bytes);
        (state.entries, state.bytes) = (Vec::new(), 0);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let state = &mut *lock(&self.state);
        self.budget.give_back(state.bytes);
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

    /// An entry that takes so many bytes of a budget.
    fn entry_of(bytes: usize) -> Entry {
        let beside = wire_entry(&entry(""), entry("").at.as_ref().unwrap()).len() + ENTRY_BYTES;
        entry(&"x".repeat(bytes - beside))
    }

    fn kept(journal: &Journal) -> usize {
        lock(&journal.state).entries.len()
    }

    #[test]
    fn a_run_that_logs_too_much_loses_its_own_journal_and_nobody_elses() {
        let budget = Arc::new(Budget::of(PART * 1_000));
        let (chatty, quiet): (Vec<_>, Vec<_>) =
            (0..PART).map(|_| (Journal::new(budget.clone()), Journal::new(budget.clone()))).unzip();
        for (chatty, quiet) in chatty.iter().zip(&quiet) {
            (0..11).for_each(|_| chatty.add(&[entry_of(100)]));
            quiet.add(&[entry_of(1_000)]);
        }
        assert!(chatty.iter().all(|journal| kept(journal) == 0 && journal.count() == 11));
        assert!(quiet.iter().all(|journal| kept(journal) == 1));
    }

    #[test]
    fn journals_share_a_budget_and_give_it_back() {
        let budget = Arc::new(Budget::of(PART * 1_000));
        let journals: Vec<_> = (0..PART).map(|_| Journal::new(budget.clone())).collect();
        for journal in &journals {
            journal.add(&[entry_of(600), entry_of(400)]);
        }
        let late = Journal::new(budget.clone());
        late.add(&[entry_of(100), entry_of(100)]);
        assert!(journals.iter().all(|journal| kept(journal) == 2));
        assert!(kept(&late) == 0 && late.count() == 2);
        drop((journals, late));
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
    }
}
