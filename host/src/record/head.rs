//! What a record says of its task but for parameters, entries and results.

use serde_json::value::RawValue;

use super::wire::LOG_FIELD;
use super::{Opening, Priority, Progress, Status, TaskRecord, TimeZone, Timestamp};

/// A task without its parameters, entries and results.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Head {
    /// The task's id.
    pub task_id: String,
    /// The service that it belongs to.
    pub service: String,
    /// The user for whom it is done.
    pub user_id: String,
    /// How it stands.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How far it has come, if its run, or the last one, has said so.
    pub progress: Option<Progress>,
}

impl Head {
    /// The head of a record. How far the task has come is beside it.
    pub fn of(record: &TaskRecord, progress: Option<Progress>) -> Self {
        Self {
            task_id: record.task_id().to_owned(),
            service: record.service().to_owned(),
            user_id: record.user_id().to_owned(),
            status: record.status(),
            priority: record.priority(),
            created_at: record.created_at().clone(),
            updated_at: record.updated_at().clone(),
            progress,
        }
    }

    /// The record that has the same head and nothing else, from the beginning and the end of one in the order of the wire.
    /// None if it is in another order, or its log begins behind the part that is given.
    pub(crate) fn record(beginning: &[u8], end: &[u8], zone: &TimeZone) -> Option<TaskRecord> {
        if !Opening::is_settled(end) {
            return None;
        }
        let mut rest = beginning;
        for name in ["{\"task_id\":", ",\"service\":", ",\"user_id\":", ",\"status\":"] {
            value(&mut rest, name)?;
        }
        let status_end = beginning.len() - rest.len();
        for name in [",\"parameters\":", ",\"active_jobs\":"] {
            value(&mut rest, name)?;
        }
        let jobs_end = beginning.len() - rest.len();
        for name in [",\"created_at\":", ",\"updated_at\":"] {
            value(&mut rest, name)?;
        }
        let stamp_end = beginning.len() - rest.len();
        rest.starts_with(LOG_FIELD.as_bytes()).then_some(())?;
        let priority: &[u8] = if end.ends_with(b"\"high\"}") { b"high" } else { b"low" };
        let parts: [&[u8]; 5] =
            [&beginning[..status_end], &beginning[jobs_end..stamp_end], b",\"priority\":\"", priority, b"\"}"];
        TaskRecord::decode(&parts.concat(), zone).ok()
    }
}

/// Takes a field off the beginning of a text.
fn value(rest: &mut &[u8], name: &str) -> Option<()> {
    let text = rest.strip_prefix(name.as_bytes())?;
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    values.next()?.ok()?;
    *rest = &text[values.byte_offset()..];
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"task_id":"1","service":"s","user_id":"u","status":"running","parameters":{"logs":"],\"logs\":["},"active_jobs":["j"],"created_at":"2025-11-17T10:00:16+09:00","updated_at":"2025-11-17T10:00:17+09:00","logs":["a","b"],"result":{"pod_status":"p","launcher_output":"o"},"priority":"high"}"#;

    #[test]
    fn a_head_is_that_of_the_whole_record() {
        let whole = TaskRecord::decode(TEXT.as_bytes(), &TimeZone::utc()).unwrap();
        let end = &TEXT.as_bytes()[TEXT.len() - 18..];
        let log = TEXT.find("\"a\"").unwrap();
        for most in [log, log + 3, TEXT.len()] {
            let record = Head::record(&TEXT.as_bytes()[..most], end, &TimeZone::utc()).unwrap();
            assert_eq!(Head::of(&record, None), Head::of(&whole, None), "{most}");
            assert!(record.logs().is_empty() && record.parameters() == "{}");
        }
        assert_eq!(Head::of(&whole, None).priority, Priority::High);
    }

    #[test]
    fn a_record_of_which_too_little_is_there_has_no_head() {
        let end = &TEXT.as_bytes()[TEXT.len() - 18..];
        let log = TEXT.find("\"a\"").unwrap();
        for most in 0..log {
            assert!(Head::record(&TEXT.as_bytes()[..most], end, &TimeZone::utc()).is_none(), "{most}");
        }
        assert!(Head::record(TEXT.as_bytes(), b",\"status\":\"failed\"}", &TimeZone::utc()).is_none());
        let other_order = TEXT.replace("\"parameters\"", "\"x\":1,\"parameters\"");
        assert!(Head::record(other_order.as_bytes(), end, &TimeZone::utc()).is_none());
        let no_time = TEXT.replace("\"2025-11-17T10:00:16+09:00\"", "\"never\"");
        assert!(Head::record(no_time.as_bytes(), end, &TimeZone::utc()).is_none());
    }
}
