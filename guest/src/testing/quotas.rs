//! How much a plugin may hand over: the quotas of a host that sets none itself.

use crate::{Error, Result, TaskDraft, TaskResult};

const ENTRY: Quota = Quota { bytes: 256 << 10, spelled: "256 KiB", what: "one log entry" };
const ENTRIES: Quota = Quota { bytes: 64 << 20, spelled: "64 MiB", what: "all log entries of a run" };
const RESULT: Quota = Quota { bytes: 1 << 20, spelled: "1 MiB", what: "one field of a result" };
const RECORD: Quota = Quota { bytes: 1 << 20, spelled: "1 MiB", what: "a task" };
const JOBS: Quota = Quota { what: "the list of jobs", ..RECORD };
const NOTE: Quota = Quota { bytes: 1 << 10, spelled: "1 KiB", what: "the note of a progress" };

/// Log entries in one call.
const CALL_ENTRIES: usize = 10_000;

/// What a log entry takes in the store besides its message.
const STAMP_BYTES: usize = 36;

/// What a text takes in a list besides its own bytes.
const QUOTES_BYTES: usize = 3;

struct Quota {
    bytes: usize,
    spelled: &'static str,
    what: &'static str,
}

impl Quota {
    fn admit(&self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let Self { spelled, what, .. } = self;
        Err(Error::QuotaExceeded(format!("{bytes} bytes are more than the quota of {spelled} for {what}")))
    }
}

/// What a run has used of the quotas.
#[derive(Debug, Default)]
pub(super) struct Usage {
    entries_bytes: usize,
}

impl Usage {
    /// Counts log entries that are to be stamped.
    pub(super) fn admit_messages<'a>(&mut self, messages: impl ExactSizeIterator<Item = &'a str>) -> Result<()> {
        self.admit_entries(messages, STAMP_BYTES)
    }

    fn admit_entries<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>, beside: usize) -> Result<()> {
        let entries = texts.len();
        if entries > CALL_ENTRIES {
            let why = format!("{entries} log entries are more than the quota of {CALL_ENTRIES} for one call");
            return Err(Error::QuotaExceeded(why));
        }
        let mut total = self.entries_bytes;
        for text in texts {
            ENTRY.admit(text.len())?;
            total += text.len() + beside;
        }
        ENTRIES.admit(total)?;
        self.entries_bytes = total;
        Ok(())
    }

    /// Counts a task that is saved.
    pub(super) fn admit_draft(&mut self, draft: &TaskDraft) -> Result<()> {
        admit_result(&draft.result)?;
        let texts = [&draft.service, &draft.user_id, &draft.parameters].into_iter();
        let options = [&draft.task_id, &draft.result.pod_status, &draft.result.launcher_output].into_iter().flatten();
        let lists = draft.active_jobs.iter().chain(&draft.logs).map(|text| listed_bytes(text));
        RECORD.admit(texts.chain(options).map(String::len).chain(lists).sum())?;
        self.admit_entries(draft.logs.iter().map(String::as_str), QUOTES_BYTES)
    }
}

pub(super) fn admit_result(result: &TaskResult) -> Result<()> {
    let fields = [&result.pod_status, &result.launcher_output].into_iter().flatten();
    fields.map(String::len).try_for_each(|bytes| RESULT.admit(bytes))
}

pub(super) fn admit_jobs(jobs: &[String]) -> Result<()> {
    JOBS.admit(jobs.iter().map(|text| listed_bytes(text)).sum())
}

fn listed_bytes(text: &str) -> usize {
    text.len() + QUOTES_BYTES
}

pub(super) fn admit_note(note: Option<&str>) -> Result<()> {
    NOTE.admit(note.map_or(0, str::len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_entries_of_a_run_are_counted_together_and_refused_ones_are_not() {
        let mut usage = Usage::default();
        let entry = "x".repeat((256 << 10) - STAMP_BYTES);
        for _ in 0..256 {
            usage.admit_messages([entry.as_str()].into_iter()).unwrap();
        }
        let error = usage.admit_messages([""].into_iter()).unwrap_err();
        let why = "67108900 bytes are more than the quota of 64 MiB for all log entries of a run";
        assert_eq!(error, Error::QuotaExceeded(why.to_owned()));
        usage.admit_messages([].into_iter()).unwrap();
    }

    #[test]
    fn one_call_has_at_most_ten_thousand_entries() {
        let mut usage = Usage::default();
        usage.admit_messages(vec![""; 10_000].into_iter()).unwrap();
        let error = usage.admit_messages(vec![""; 10_001].into_iter()).unwrap_err();
        let why = "10001 log entries are more than the quota of 10000 for one call";
        assert_eq!(error, Error::QuotaExceeded(why.to_owned()));
    }
}
