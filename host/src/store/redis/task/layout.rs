//! Where things stand in a record's text, so that a script can change it without reading it whole.

use crate::record::{Status, TaskRecord, Timestamp};

use crate::store::redis::keys::Owner;

/// The longest beginning of a record that the scripts compare, in bytes.
const MAX_PREFIX_BYTES: usize = 1_000;

/// How much of the tail's beginning and end is compared.
const TAIL_START_BYTES: usize = 40;
const TAIL_END_BYTES: usize = 24;

/// Where things stand in a record's text. Appends of others do not change it; any other change by others does, and the
/// scripts notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::redis) struct Layout {
    pub(in crate::store::redis) owner: Owner,
    pub(in crate::store::redis) status: Status,
    /// From the record's first byte through its status.
    pub(in crate::store::redis) prefix: String,
    /// Where `before` begins.
    pub(in crate::store::redis) at: usize,
    /// The text from the end of the active jobs to the time of the last change.
    pub(in crate::store::redis) before: String,
    /// Where the last byte before the tail was seen last. Appends of others move it on.
    pub(in crate::store::redis) last: usize,
    pub(in crate::store::redis) tail: Tail,
}

/// What follows the last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::redis) struct Tail {
    pub(in crate::store::redis) length: usize,
    pub(in crate::store::redis) start: String,
    pub(in crate::store::redis) end: String,
}

impl Layout {
    /// The layout of a record as `text` spells it, if it is the layout that this host writes, with the time of the last
    /// change in the same width and offset as `now`.
    pub(in crate::store::redis) fn of(record: &TaskRecord, text: &[u8], now: &Timestamp) -> Option<Self> {
        let (head, tail) = (record.encode_head(), record.encode_tail());
        let logs = record.raw_logs();
        let same = text.len() == head.len() + logs.len() + tail.len()
            && text.starts_with(head.as_bytes())
            && text[head.len()..].starts_with(logs.as_bytes())
            && text.ends_with(tail.as_bytes());
        let (updated, now) = (record.updated_at().as_str(), now.as_str());
        let comparable = updated.len() == now.len() && updated.is_ascii() && updated.get(26..) == now.get(26..);
        if !same || !comparable || updated.as_bytes().get(19) != Some(&b'.') {
            return None;
        }
        let prefix_end = head.find(",\"parameters\":")?;
        let end = head.len().checked_sub("\",\"logs\":[".len() + updated.len())?;
        let created = record.created_at().as_str().len();
        let at = end.checked_sub("],\"created_at\":\"\",\"updated_at\":\"".len() + created)?;
        let before = head.get(at..end)?;
        if prefix_end > MAX_PREFIX_BYTES || !before.starts_with("],\"created_at\":\"") {
            return None;
        }
        Some(Self {
            owner: Owner::new(record.service(), record.user_id()),
            status: record.status(),
            prefix: head[..prefix_end].to_owned(),
            at,
            before: before.to_owned(),
            last: text.len() - tail.len() - 1,
            tail: Tail::of(&tail),
        })
    }

    /// The record's beginning with another status.
    pub(in crate::store::redis) fn prefix_with(&self, status: Status) -> Option<String> {
        let kept = self.prefix.strip_suffix(&format!("\"{}\"", self.status))?;
        Some(format!("{kept}\"{status}\""))
    }

    /// The layout after a move to another status.
    pub(in crate::store::redis) fn moved(&mut self, status: Status, prefix: String) {
        self.at = self.at + prefix.len() - self.prefix.len();
        self.last = self.last + prefix.len() - self.prefix.len();
        self.prefix = prefix;
        self.status = status;
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

/// Whose the record is and how it stands, from a text that holds at least the record's beginning in the order of the wire.
/// None for one in another order: then it has to be read whole.
pub(in crate::store::redis) struct Opening {
    pub(in crate::store::redis) owner: Owner,
    pub(in crate::store::redis) status: Status,
    /// The text through the user id.
    pub(in crate::store::redis) owner_text: String,
}

impl Opening {
    pub(in crate::store::redis) fn read(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        string_field(&mut rest, b"{\"task_id\":")?;
        let service = string_field(&mut rest, b",\"service\":")?;
        let user_id = string_field(&mut rest, b",\"user_id\":")?;
        let owner_text = std::str::from_utf8(&text[..text.len() - rest.len()]).ok()?.to_owned();
        let status = string_field(&mut rest, b",\"status\":")?.parse().ok()?;
        rest.starts_with(b",\"parameters\":").then_some(())?;
        Some(Self { owner: Owner { service, user_id }, status, owner_text })
    }
}

/// Takes a field with a string value off the beginning of a text.
fn string_field(rest: &mut &[u8], name: &[u8]) -> Option<String> {
    let value = rest.strip_prefix(name)?;
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
    let text = values.next()?.ok()?;
    *rest = &value[values.byte_offset()..];
    Some(text)
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
        Layout::of(&record, wire.as_bytes(), &Timestamp::parse(NOW, &zone).unwrap())
    }

    #[test]
    fn a_layout_says_where_the_regions_of_a_record_are() {
        let layout = layout(WIRE).unwrap();
        assert!(WIRE.starts_with(&layout.prefix) && layout.prefix.ends_with("\"status\":\"running\""));
        assert!(WIRE[layout.at..].starts_with(&layout.before));
        assert!(WIRE[layout.at + layout.before.len()..].starts_with("2025-11-17T10:00:16.515926+09:00\",\"logs\":["));
        let tail = &WIRE[WIRE.len() - layout.tail.length..];
        assert!(WIRE[..=layout.last].ends_with("\"logs\":[\"a\""));
        assert!(tail.starts_with(&layout.tail.start) && tail.ends_with(&layout.tail.end));
        assert!(tail.starts_with("],\"result\":"));
    }

    #[test]
    fn a_move_shifts_what_follows_the_status() {
        let mut layout = layout(WIRE).unwrap();
        let moved = WIRE.replace("\"running\"", "\"completed\"");
        let prefix = layout.prefix_with(Status::Completed).unwrap();
        layout.moved(Status::Completed, prefix);
        assert_eq!(Some(layout), super::tests::layout(&moved));
    }

    #[test]
    fn a_record_in_another_shape_has_no_layout() {
        for other in [
            WIRE.replace("\"logs\":[\"a\"]", "\"logs\": [\"a\"]"),
            WIRE.replace(".515926+09:00\",\"logs\"", "+09:00\",\"logs\""),
            WIRE.replace("16.515926+09:00", "16.515926+00:00"),
            WIRE.replace("\"status\":\"running\",", "").replace("\"priority\"", "\"status\":\"running\",\"priority\""),
        ] {
            assert_ne!(other, WIRE);
            assert_eq!(layout(&other), None, "{other}");
        }
    }

    #[test]
    fn the_opening_needs_no_more_than_the_beginning() {
        let opening = Opening::read(&WIRE.as_bytes()[..100]).unwrap();
        assert_eq!(opening.owner, Owner::new("s\"", "앨리스"));
        assert_eq!(opening.status, Status::Running);
        assert!(WIRE.starts_with(&opening.owner_text) && opening.owner_text.ends_with("\"앨리스\""));
        assert!(Opening::read(&WIRE.as_bytes()[..60]).is_none());
        assert!(Opening::read(b"{ \"task_id\":\"1\"}").is_none());
    }
}
