//! Records and parameters as texts of others: what is read is written so that it is read the same again.

use serde_json::Value;
use task_state_host::record::{JsonObject, TaskRecord, TimeZone};

/// Reads the text as a record and as parameters.
pub fn fuzz(data: &[u8]) {
    if let Ok(record) = TaskRecord::decode(data, &TimeZone::utc()) {
        is_written_as_it_was_read(&record);
        parameters(record.parameters());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        parameters(text);
    }
}

/// Panics unless the record, written and read again, is the same and is written the same.
pub(super) fn is_written_as_it_was_read(record: &TaskRecord) {
    let text = record.encode();
    let again = TaskRecord::decode(text.as_bytes(), &TimeZone::utc())
        .unwrap_or_else(|why| panic!("what was written cannot be read: {why}: {text}"));
    assert_eq!(again.encode(), text, "a second reading writes something else");
    assert_eq!(seen(&again), seen(record), "a second reading sees something else: {text}");
}

/// All that a record says.
fn seen(record: &TaskRecord) -> impl PartialEq + std::fmt::Debug {
    (
        [record.task_id(), record.service(), record.user_id(), record.parameters()].map(str::to_owned),
        (record.status(), record.priority()),
        [record.created_at().micros(), record.updated_at().micros()],
        [record.active_jobs(), record.logs()],
        record.result(),
    )
}

/// Panics unless what is taken for parameters means what it meant, and is taken as it stands from then on.
fn parameters(text: &str) {
    let Ok(object) = JsonObject::parse("parameters", text) else { return };
    let again = JsonObject::parse("parameters", object.as_str());
    assert_eq!(again.as_ref(), Ok(&object), "a second reading sees something else");
    assert!(object.as_str().len() <= text.len(), "it has grown: {object:?}");
    // Within the depth that serde_json reads by itself.
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(meant) = read(text) {
        assert_eq!(read(object.as_str()), Some(meant), "it means something else");
    }
}
