//! What comes back into a record that another writer has replaced by an older one.
//!
//! The Python package reads a record, changes it and writes it back whole, with no guard: what it read before a write of ours
//! and sets after it erases ours. Who was told that something is there can have it put back.

use std::collections::HashMap;

use super::{Status, TaskRecord, Timestamp};

/// What a run was told is in the record of its task, and what is to be there again if it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restoration {
    /// When the task was registered. A record with another time is another task under the same id, which is left alone.
    pub created_at: Timestamp,
    /// Entries as they stand in a log, in their order. Those that the log does not hold come back, each behind the one
    /// before it, or before the one after it; if neither is there, at the end.
    pub entries: Vec<String>,
    /// How the task has ended, if it has: the status that it is to be in, whatever the rule of transitions says.
    pub end: Option<Status>,
}

impl Restoration {
    /// What a record registered at a time is to hold.
    pub fn new(created_at: Timestamp, entries: Vec<String>, end: Option<Status>) -> Self {
        Self { created_at, entries, end }
    }

    /// Whether the record lacks anything of it.
    pub fn is_needed(&self, record: &TaskRecord) -> bool {
        self.status_in(record) != record.status()
            || self.is_of(record) && with_missing(&record.logs(), &self.entries).is_some()
    }

    /// The status that the record is to be in.
    pub(super) fn status_in(&self, record: &TaskRecord) -> Status {
        self.end.filter(|_| self.is_of(record)).unwrap_or(record.status())
    }

    /// Puts back what the record lacks of it.
    pub(super) fn restore(&self, record: &mut TaskRecord) {
        record.set_status(self.status_in(record));
        if self.is_of(record)
            && let Some(logs) = with_missing(&record.logs(), &self.entries)
        {
            record.set_logs(&logs);
        }
    }

    fn is_of(&self, record: &TaskRecord) -> bool {
        *record.created_at() == self.created_at
    }
}

/// A log with those of some entries that it lacks. None if it lacks none.
fn with_missing(log: &[String], entries: &[String]) -> Option<Vec<String>> {
    // Two entries may have the same text: each is there as often as it is in the log.
    let mut unclaimed = HashMap::<&str, usize>::new();
    log.iter().for_each(|entry| *unclaimed.entry(entry).or_default() += 1);
    let is_there: Vec<bool> = entries.iter().map(|entry| claim(&mut unclaimed, entry)).collect();
    if is_there.iter().all(|there| *there) {
        return None;
    }
    let first = is_there.iter().position(|there| *there).unwrap_or(entries.len());
    let (leading, rest) = entries.split_at(first);
    // What is missing behind each entry that is there, by the text of that entry, in the order of the log.
    let mut behind = HashMap::<&str, Vec<&[String]>>::new();
    let mut from = 0;
    while let Some(anchor) = rest.get(from) {
        let missing = is_there[first + from + 1..].iter().take_while(|there| !**there).count();
        behind.entry(anchor).or_default().push(&rest[from + 1..from + 1 + missing]);
        from += 1 + missing;
    }
    let mut merged = Vec::with_capacity(log.len() + entries.len());
    let mut leading = Some(leading).filter(|leading| !leading.is_empty());
    behind.values_mut().for_each(|missing| missing.reverse());
    for entry in log {
        let missing = behind.get_mut(entry.as_str()).and_then(Vec::pop);
        if missing.is_some() {
            merged.extend(leading.take().into_iter().flatten().cloned());
        }
        merged.push(entry.clone());
        merged.extend(missing.into_iter().flatten().cloned());
    }
    merged.extend(leading.into_iter().flatten().cloned());
    Some(merged)
}

fn claim<'a>(unclaimed: &mut HashMap<&'a str, usize>, entry: &'a str) -> bool {
    match unclaimed.get_mut(entry) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimeZone;

    fn entries(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn entries_that_are_gone_come_back_once_and_in_their_order_and_others_stay() {
        for (log, told, merged) in [
            ("", "", None),
            ("ab", "ab", None),
            ("xayb", "ab", None),
            // Written in another order than they were told in.
            ("ba", "ab", None),
            ("aab", "ab", None),
            ("", "ab", Some("ab")),
            ("xy", "ab", Some("xyab")),
            ("ax", "abc", Some("abcx")),
            ("axd", "abcd", Some("abcxd")),
            ("xc", "abc", Some("xabc")),
            ("xay", "abc", Some("xabcy")),
            ("ba", "abc", Some("bca")),
            // The same text twice.
            ("a", "aa", Some("aa")),
            ("aab", "aabb", Some("aabb")),
            ("axa", "abab", Some("abxab")),
            ("ab", "aab", Some("aab")),
        ] {
            let found = with_missing(&entries(log), &entries(told)).map(|merged| merged.concat());
            assert_eq!(found.as_deref(), merged, "{told} into {log}");
            if let Some(merged) = merged {
                assert_eq!(with_missing(&entries(merged), &entries(told)), None, "{told} into {merged}");
            }
        }
    }

    #[test]
    fn a_record_registered_at_another_time_is_left_alone() {
        let record = |created: &str, status: Status| {
            let wire = format!(
                "{{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"{status}\",\
                 \"created_at\":\"{created}\",\"updated_at\":\"2025-11-17T10:00:16Z\",\"logs\":[\"x\"]}}"
            );
            TaskRecord::decode(wire.as_bytes(), &TimeZone::utc()).unwrap()
        };
        let mut ours = record("2025-11-17T10:00:16Z", Status::Running);
        let end = Some(Status::Completed);
        let restoration = Restoration::new(ours.created_at().clone(), entries("ab"), end);
        let mut theirs = record("2025-11-17T10:00:17Z", Status::Running);
        assert!(restoration.is_needed(&ours) && !restoration.is_needed(&theirs));
        let before = theirs.encode();
        restoration.restore(&mut theirs);
        assert_eq!(theirs.encode(), before);
        restoration.restore(&mut ours);
        assert_eq!((ours.status(), ours.logs().concat().as_str()), (Status::Completed, "xab"));
        assert!(!restoration.is_needed(&ours));
    }
}
