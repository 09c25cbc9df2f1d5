//! How much a guest may hand over. A call that asks for more is refused, and the guest goes on.

use std::time::{Duration, Instant};

use super::bindings::dms::task_state::repository::TaskDraft;
use super::bindings::dms::task_state::types::{Error, TaskResult};
use crate::record::Change;
use crate::units::in_units;

/// How much a guest may hand over. A call with more answers `quota-exceeded`, naming the quota, and writes nothing; one
/// that comes too early waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quotas {
    /// Bytes of one log entry. 256 KiB unless set.
    pub entry_bytes: usize,
    /// Bytes of all log entries as they are stored, with the time of each, whatever tasks they are for. 64 MiB unless set.
    pub entries_bytes: usize,
    /// Log entries in one call: the store writes them in one step, in which nobody else writes. 10,000 unless set.
    pub call_entries: usize,
    /// Bytes of one field of a result. 1 MiB unless set.
    pub result_bytes: usize,
    /// Bytes of a task that is saved, and of the list of its jobs. 1 MiB unless set.
    pub record_bytes: usize,
    /// Calls of `dms:task-state` in one second, at least one: the guest waits for the next second. 100,000 unless set.
    pub calls_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            entry_bytes: 256 << 10,
            entries_bytes: 64 << 20,
            call_entries: 10_000,
            result_bytes: 1 << 20,
            record_bytes: 1 << 20,
            calls_per_second: 100_000,
        }
    }
}

/// What a log entry takes in the store besides its message: its time, a comma and what surrounds a text.
const STAMP_BYTES: usize = 36;

/// The most bytes of what is said of a progress: a few words. The interface promises it.
const MAX_NOTE_BYTES: usize = 1 << 10;

/// What a text takes in a list besides its own bytes.
const QUOTES_BYTES: usize = 3;

/// What a guest has used of its quotas.
#[derive(Debug)]
pub(super) struct Usage {
    quotas: Quotas,
    entries_bytes: usize,
    /// The calls that are left of this second, and when it began.
    calls_left: u32,
    second: Instant,
}

impl Usage {
    pub(super) fn of(quotas: Quotas) -> Self {
        Self { calls_left: quotas.calls_per_second, quotas, entries_bytes: 0, second: Instant::now() }
    }

    /// Counts one call, and says until when it has to wait.
    pub(super) fn count_call(&mut self) -> Option<Instant> {
        if let Some(left) = self.calls_left.checked_sub(1) {
            self.calls_left = left;
            return None;
        }
        let end = self.second + Duration::from_secs(1);
        let now = Instant::now();
        self.second = end.max(now);
        self.calls_left = self.quotas.calls_per_second.saturating_sub(1);
        (end > now).then_some(end)
    }

    pub(super) fn admit_change(&mut self, change: &Change) -> Result<(), Error> {
        let result = [&change.result.pod_status, &change.result.launcher_output];
        result.into_iter().try_for_each(|field| self.admit_result(field.as_deref()))?;
        let jobs = change.active_jobs.iter().flatten().map(listed_bytes).sum();
        within(jobs, self.quotas.record_bytes, "the list of jobs")?;
        self.admit_entries(change.entries.iter().map(|entry| entry.message.as_str()), STAMP_BYTES)
    }

    pub(super) fn admit_draft(&mut self, draft: &TaskDraft) -> Result<(), Error> {
        let TaskResult { pod_status, launcher_output } = &draft.result;
        let fields = [pod_status.as_deref(), launcher_output.as_deref()];
        fields.into_iter().try_for_each(|field| self.admit_result(field))?;
        let lists = draft.active_jobs.iter().chain(&draft.logs).map(listed_bytes).sum::<usize>();
        let texts = fields.into_iter().flatten().map(str::len).sum::<usize>();
        let identity = draft.service.len() + draft.user_id.len() + draft.task_id.as_ref().map_or(0, String::len);
        within(lists + texts + identity + draft.parameters.len(), self.quotas.record_bytes, "a task")?;
        self.admit_entries(draft.logs.iter().map(String::as_str), QUOTES_BYTES)
    }

    pub(super) fn admit_entry(&mut self, message: &str) -> Result<(), Error> {
        self.admit_entries([message].into_iter(), STAMP_BYTES)
    }

    /// Admits entries that each take so many bytes more than their texts.
    fn admit_entries<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>, beside: usize) -> Result<(), Error> {
        let (entries, most) = (texts.len(), self.quotas.call_entries);
        if entries > most {
            let why = format!("{entries} log entries are more than the quota of {most} for one call");
            return Err(Error::QuotaExceeded(why));
        }
        let mut total = self.entries_bytes;
        for text in texts {
            within(text.len(), self.quotas.entry_bytes, "one log entry")?;
            total = total.saturating_add(text.len() + beside);
        }
        within(total, self.quotas.entries_bytes, "all log entries of a run")?;
        self.entries_bytes = total;
        Ok(())
    }

    pub(super) fn admit_note(&self, note: Option<&str>) -> Result<(), Error> {
        within(note.map_or(0, str::len), MAX_NOTE_BYTES, "the note of a progress")
    }

    fn admit_result(&self, field: Option<&str>) -> Result<(), Error> {
        within(field.map_or(0, str::len), self.quotas.result_bytes, "one field of a result")
    }
}

fn listed_bytes(text: impl AsRef<str>) -> usize {
    text.as_ref().len() + QUOTES_BYTES
}

fn within(bytes: usize, most: usize, what: &str) -> Result<(), Error> {
    if bytes <= most {
        return Ok(());
    }
    Err(Error::QuotaExceeded(format!("{bytes} bytes are more than the quota of {} for {what}", in_units(most))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(set: impl FnOnce(&mut Quotas)) -> Usage {
        let mut quotas = Quotas::default();
        set(&mut quotas);
        Usage::of(quotas)
    }

    fn refused(answer: Result<(), Error>) -> String {
        match answer {
            Err(Error::QuotaExceeded(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_quota_is_kept_to_the_byte_and_named_with_the_value() {
        let mut usage = usage(|quotas| (quotas.entry_bytes, quotas.entries_bytes) = (4, 10 + 4 * STAMP_BYTES));
        usage.admit_entry("1234").unwrap();
        assert_eq!(refused(usage.admit_entry("12345")), "5 bytes are more than the quota of 4 bytes for one log entry");
        usage.admit_change(&Change::logs(["1234", "12"])).unwrap();
        let why = refused(usage.admit_entry("1"));
        assert_eq!(why, "155 bytes are more than the quota of 154 bytes for all log entries of a run");
        usage.admit_entry("").unwrap();
        assert!(usage.admit_entry("").is_err(), "an empty entry takes room, too");
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let mut usage = usage(|quotas| (quotas.entries_bytes, quotas.call_entries) = (10 + STAMP_BYTES, 2));
        assert!(usage.admit_change(&Change::logs(["123456", "123456"])).is_err());
        let why = refused(usage.admit_change(&Change::logs(["", "", ""])));
        assert_eq!(why, "3 log entries are more than the quota of 2 for one call");
        usage.admit_entry("1234567890").unwrap();
    }

    #[test]
    fn results_and_jobs_have_quotas_of_their_own() {
        let mut usage = usage(|quotas| (quotas.result_bytes, quotas.record_bytes) = (3, 11));
        let result =
            |text: &str| crate::record::TaskResult { pod_status: None, launcher_output: Some(text.to_owned()) };
        usage.admit_change(&Change::result(result("123"))).unwrap();
        assert!(refused(usage.admit_change(&Change::result(result("1234")))).contains("one field of a result"));
        usage.admit_change(&Change::active_jobs(vec!["123".to_owned(), "45".to_owned()])).unwrap();
        let jobs = Change::active_jobs(vec!["123".to_owned(), "456".to_owned()]);
        assert!(refused(usage.admit_change(&jobs)).contains("the list of jobs"));
    }

    #[test]
    fn calls_beyond_those_of_a_second_wait_for_the_next() {
        let mut usage = usage(|quotas| quotas.calls_per_second = 2);
        let began = usage.second;
        assert_eq!([usage.count_call(), usage.count_call()], [None, None]);
        assert_eq!(usage.count_call(), Some(began + Duration::from_secs(1)));
        assert_eq!([usage.count_call(), usage.count_call()], [None, Some(began + Duration::from_secs(2))]);
    }
}
