//! Where things stand in a record's text, so that a script can change it without reading it whole.

use std::ops::Range;

use crate::record::{Encoded, Status, TaskRecord, Timestamp};
use crate::store::redis::keys::Owner;

/// The longest beginning of a record that the scripts compare, in bytes.
const MAX_PREFIX_BYTES: usize = 1_000;

/// How much of the tail's beginning and end is compared.
const TAIL_START_BYTES: usize = 40;
const TAIL_END_BYTES: usize = 24;

/// Where things stand in a record's text. Appends of others do not change it; any other change by others does, and the
/// scripts notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) owner: Owner,
    pub(super) status: Status,
    /// From the record's first byte through its status.
    pub(super) prefix: String,
    /// The active jobs, with their brackets.
    pub(super) jobs: Range<usize>,
    /// The text from the closing bracket of the active jobs to the time of the last change.
    pub(super) before_stamp: String,
    /// The text from there to the first log entry.
    pub(super) after_stamp: String,
    /// Where the last byte before the tail was seen last. Appends of others move it on.
    pub(super) last: usize,
    pub(super) tail: Tail,
}

/// What follows the last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) length: usize,
    pub(super) start: String,
    pub(super) end: String,
}

impl Layout {
    /// The layout of a record, unless it has the time of the last change in another width or offset than `now`.
    pub(super) fn of(record: &TaskRecord, encoded: &Encoded, now: &Timestamp) -> Option<Self> {
        let text = encoded.text.as_str();
        let (updated, now) = (text.get(encoded.stamp.clone())?, now.as_str());
        let comparable = updated == record.updated_at().as_str()
            && updated.len() == now.len()
            && updated.is_ascii()
            && updated.get(26..) == now.get(26..)
            && updated.as_bytes().get(19) == Some(&b'.');
        let before_stamp = text.get(encoded.jobs.end - 1..encoded.stamp.start)?;
        if !comparable || encoded.status_end > MAX_PREFIX_BYTES {
            return None;
        }
        Some(Self {
            owner: Owner::new(record.service(), record.user_id()),
            status: record.status(),
            prefix: text[..encoded.status_end].to_owned(),
            jobs: encoded.jobs.clone(),
            before_stamp: before_stamp.to_owned(),
            after_stamp: text[encoded.stamp.end..encoded.log.start].to_owned(),
            last: encoded.log.end - 1,
            tail: Tail::of(encoded.tail()),
        })
    }

    /// Where `before_stamp` begins.
    pub(super) fn at(&self) -> usize {
        self.jobs.end - 1
    }

    /// The record's beginning with another status.
    pub(super) fn prefix_with(&self, status: Status) -> String {
        let kept = self.prefix.len() - self.status.as_str().len() - "\"\"".len();
        format!("{}\"{status}\"", &self.prefix[..kept])
    }

    /// The layout after a move to another status.
    pub(super) fn moved(&mut self, status: Status, prefix: String) {
        let moved = |at: usize| at + prefix.len() - self.prefix.len();
        (self.jobs, self.last) = (moved(self.jobs.start)..moved(self.jobs.end), moved(self.last));
        (self.prefix, self.status) = (prefix, status);
    }
}

impl Tail {
    fn of(tail: &str) -> Self {
        Self {
            length: tail.len(),
            start: tail[..tail.floor_char_boundary(TAIL_START_BYTES)].to_owned(),
            end: tail[tail.ceil_char_boundary(tail.len().saturating_sub(TAIL_END_BYTES))..].to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimeZone;

    const NOW: &str = "2025-11-17T10:00:17.000001+09:00";
    const WIRE: &str = "{\"task_id\":\"1\",\"service\":\"s\\\"\",\"user_id\":\"앨리스\",\"status\":\"running\",\
        \"parameters\":{\"updated_at\":\"x\"},\"active_jobs\":[\"j\"],\"created_at\":\"2025-11-17T10:00:16+09:00\",\
        \"updated_at\":\"2025-11-17T10:00:16.515926+09:00\",\"logs\":[\"a\"],\
        \"result\":{\"pod_status\":null,\"launcher_output\":\"é\"},\"priority\":\"low\"}";

    fn layout(wire: &str) -> Option<Layout> {
        let zone = TimeZone::named("Asia/Seoul").unwrap();
        let record = TaskRecord::decode(wire.as_bytes(), &zone).unwrap();
        Layout::of(&record, &record.encoded(), &Timestamp::parse(NOW, &zone).unwrap())
    }

    #[test]
    fn a_layout_says_where_the_regions_of_a_record_are() {
        let layout = layout(WIRE).unwrap();
        assert!(WIRE.starts_with(&layout.prefix) && layout.prefix.ends_with("\"status\":\"running\""));
        assert!(WIRE[layout.at()..].starts_with(&layout.before_stamp));
        assert!(
            WIRE[layout.at() + layout.before_stamp.len()..]
                .starts_with("2025-11-17T10:00:16.515926+09:00\",\"logs\":[")
        );
        let tail = &WIRE[WIRE.len() - layout.tail.length..];
        assert!(WIRE[..=layout.last].ends_with("\"logs\":[\"a\""));
        assert!(tail.starts_with(&layout.tail.start) && tail.ends_with(&layout.tail.end));
        assert!(tail.starts_with("],\"result\":"));
    }

    #[test]
    fn a_move_shifts_what_follows_the_status() {
        let mut layout = layout(WIRE).unwrap();
        let moved = WIRE.replace("\"running\"", "\"completed\"");
        let prefix = layout.prefix_with(Status::Completed);
        layout.moved(Status::Completed, prefix);
        assert_eq!(Some(layout), super::tests::layout(&moved));
    }

    #[test]
    fn a_time_in_another_width_or_offset_leaves_no_layout() {
        for other in [
            WIRE.replace(".515926+09:00\",\"logs\"", "+09:00\",\"logs\""),
            WIRE.replace("16.515926+09:00", "16.515926+00:00"),
        ] {
            assert_ne!(other, WIRE);
            assert_eq!(layout(&other), None, "{other}");
        }
    }
}
