//! Changes to records that others wrote: each sets what it says, and the text of all else stays as it was.

use std::collections::BTreeMap;
use std::fmt;

use arbitrary::{Result, Unstructured};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use task_state_host::record::{
    Change, Entry, OutputChange, Status, StatusChange, TaskRecord, TimeZone, Timestamp, TransitionRule, apply,
};

use super::generate::{array, fields_in, json, object, string, text, time};
use super::record::is_written_as_it_was_read;

/// From this instant on there is not always a later time that can be spelled: a day before the end of the year 9999.
const LAST_DAY: i64 = 253_402_300_799_999_999 - 86_400_000_000;

/// Makes up a record and some changes, and makes them one after the other.
pub fn fuzz(data: &[u8]) {
    // Bytes that are too few for a whole sequence end it.
    let _ = changes(&mut Unstructured::new(data));
}

fn changes(bytes: &mut Unstructured<'_>) -> Result<()> {
    let text = record(bytes)?;
    let Ok(mut record) = TaskRecord::decode(text.as_bytes(), &TimeZone::utc()) else { return Ok(()) };
    // Reading gives the words and the time of the last change their usual spelling.
    let spelled = ["status", "priority", "updated_at"];
    Fields::read(&text).keep_all_in(&Fields::read(&record.encode()), &spelled);
    let rule = if bytes.ratio(1, 4)? { TransitionRule::Any } else { TransitionRule::Forward };
    for _ in 0..bytes.int_in_range(1..=6)? {
        let change = change(bytes)?;
        let Ok(now) = Timestamp::parse(&time(bytes)?, &TimeZone::utc()) else { continue };
        let now = now.to_isoformat();
        make(&mut record, &change, &now, rule);
    }
    is_written_as_it_was_read(&record);
    Ok(())
}

/// Makes one change, and panics unless it is made as it is documented.
fn make(record: &mut TaskRecord, change: &Change, now: &Timestamp, rule: TransitionRule) {
    let (old, old_text) = (record.clone(), record.encode());
    let expected = expected_status(old.status(), change.status.as_ref(), rule);
    match (apply(record, change, now, rule), expected) {
        (Ok(status), Some(expected)) => assert_eq!((status, record.status()), (expected, expected), "{change:?}"),
        (Err(refusal), None) => {
            assert_eq!(refusal.from, old.status());
            assert_eq!(record.encode(), old_text, "a refused change has changed something: {change:?}");
            return;
        }
        (made, expected) => panic!("{made:?} in the place of {expected:?}: {change:?} of {old_text}"),
    }
    assert!(record.updated_at() >= now || now.micros() > LAST_DAY, "{} after {now}", record.updated_at());
    assert!(
        record.updated_at() > old.updated_at() || old.updated_at().micros() > LAST_DAY,
        "{} after {}",
        record.updated_at(),
        old.updated_at()
    );
    sets(record, &old, change, now);
    keeps(&Fields::read(&record.encode()), &Fields::read(&old_text), &old, change);
}

/// The status that the documentation promises; none for a move that it forbids.
fn expected_status(from: Status, change: Option<&StatusChange>, rule: TransitionRule) -> Option<Status> {
    use Status::*;
    match change {
        None => Some(from),
        Some(StatusChange::To(to)) => {
            let allowed: &[Status] = match from {
                Pending => &[Dispatching, Running, Completed, Failed, CancelRequested, Cancelled],
                Dispatching => &[Running, Completed, Failed, CancelRequested, Cancelled],
                Running => &[Completed, Failed, CancelRequested, Cancelled],
                CancelRequested => &[Completed, Failed, Cancelled],
                Completed | Failed | Cancelled => &[],
            };
            (rule == TransitionRule::Any || from == *to || allowed.contains(to)).then_some(*to)
        }
        Some(StatusChange::Finish { status }) => Some(match (from, *status) {
            (Completed | Failed | Cancelled, _) => from,
            (CancelRequested, Completed) => Cancelled,
            (_, status) => status,
        }),
        Some(other) => panic!("a way to move that is not known here: {other:?}"),
    }
}

/// Panics unless all that the change sets is there.
fn sets(record: &TaskRecord, old: &TaskRecord, change: &Change, now: &Timestamp) {
    let stamp = |entry: &Entry| match &entry.at {
        None => now.to_string(),
        // A comma would end the time too early.
        Some(at) if at.as_str().contains(',') => at.to_isoformat().to_string(),
        Some(at) => at.to_string(),
    };
    let new = change.entries.iter().map(|entry| format!("{},{}", stamp(entry), entry.message));
    let logs: Vec<String> = old.logs().into_iter().chain(new).collect();
    assert_eq!(record.logs(), logs);
    let mut result = old.result();
    for (field, set) in [
        (&mut result.pod_status, &change.result.pod_status),
        (&mut result.launcher_output, &change.result.launcher_output),
    ] {
        if set.is_some() {
            field.clone_from(set);
        }
    }
    if let Some(output) = &change.output
        && output.replaces.contains(&result.launcher_output)
    {
        result.launcher_output = Some(output.text.clone());
    }
    assert_eq!(record.result(), result);
    assert_eq!(record.active_jobs(), change.active_jobs.clone().unwrap_or_else(|| old.active_jobs()));
}

/// Panics unless the text of all that the change does not set is as it was.
fn keeps(after: &Fields, before: &Fields, old: &TaskRecord, change: &Change) {
    let mut set = vec!["status", "updated_at"];
    set.extend((!change.entries.is_empty()).then_some("logs"));
    set.extend(change.active_jobs.is_some().then_some("active_jobs"));
    set.extend(change.result.pod_status.is_some().then_some("pod_status"));
    let current = change.result.launcher_output.clone().or_else(|| old.result().launcher_output);
    let takes_place = change.output.as_ref().is_some_and(|output| output.replaces.contains(&current));
    set.extend((change.result.launcher_output.is_some() || takes_place).then_some("launcher_output"));
    before.keep_all_in(after, &set);
    assert!(after.logs.starts_with(&before.logs), "{:?} do not begin with {:?}", after.logs, before.logs);
    assert_eq!(after.names, before.names, "the order of the fields");
}

/// The raw texts of a record's fields, read apart from the host.
struct Fields {
    record: BTreeMap<String, String>,
    result: BTreeMap<String, String>,
    logs: Vec<String>,
    /// The names of the record's fields and of those of its result, in their order.
    names: Vec<String>,
}

impl Fields {
    fn read(text: &str) -> Self {
        let Object(fields) = serde_json::from_str(text).unwrap();
        let record: BTreeMap<String, String> = fields.iter().cloned().collect();
        let Object(inner) = serde_json::from_str(record.get("result").map_or("{}", String::as_str)).unwrap();
        let logs: Vec<&RawValue> = serde_json::from_str(record.get("logs").map_or("[]", String::as_str)).unwrap();
        let logs = logs.iter().map(|entry| entry.get().to_owned()).collect();
        let names = fields.iter().chain(&inner).map(|(name, _)| name.clone()).collect();
        Self { result: inner.into_iter().collect(), logs, names, record }
    }

    /// Panics unless all fields but those that were set have the same text in another record.
    fn keep_all_in(&self, other: &Self, set: &[&str]) {
        // Of these the parts are compared.
        let in_parts = ["logs", "result"];
        for (name, text) in self.record.iter().filter(|(name, _)| !in_parts.contains(&name.as_str())) {
            assert!(set.contains(&name.as_str()) || other.record.get(name) == Some(text), "{name}: {:?}", other.record);
        }
        for (name, text) in &self.result {
            assert!(set.contains(&name.as_str()) || other.result.get(name) == Some(text), "{name}: {:?}", other.result);
        }
        assert!(set.contains(&"logs") || self.logs == other.logs, "logs: {:?}", other.logs);
    }
}

/// The fields of a JSON object with their raw texts, in their order.
struct Object(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    fields.push((name, value.get().to_owned()));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A record as another program may have written it: its fields in any order and spelling, with others among them.
fn record(bytes: &mut Unstructured<'_>) -> Result<String> {
    let quoted = |text: &str| format!("\"{text}\"");
    let mut fields = Vec::new();
    for name in ["task_id", "service", "user_id"] {
        fields.push((quoted(name), string(bytes)?));
    }
    let status = bytes.choose(&Status::ALL)?.as_str();
    fields.push((quoted("status"), quoted(status)));
    for name in ["parameters", "active_jobs", "created_at", "updated_at", "logs", "result", "priority"] {
        if bytes.ratio(1, 8)? {
            continue;
        }
        let value = match name {
            "parameters" => object(bytes, 2)?,
            "active_jobs" | "logs" => array(bytes, string)?,
            "result" => result(bytes)?,
            "priority" => quoted(bytes.choose(&["low", "high"])?),
            _ => match time(bytes)? {
                number if bytes.ratio(1, 2)? && number.parse::<f64>().is_ok() => number,
                text => quoted(&text),
            },
        };
        fields.push((quoted(name), value));
    }
    for _ in 0..bytes.int_in_range(0..=3)? {
        // Any name: that of a field, given once more, among them.
        let name = if bytes.ratio(1, 4)? { bytes.choose(&fields)?.0.clone() } else { string(bytes)? };
        fields.push((name, json(bytes, 2)?));
    }
    for at in (1..fields.len()).rev() {
        fields.swap(at, bytes.int_in_range(0..=at)?);
    }
    fields_in(bytes, &fields)
}

fn result(bytes: &mut Unstructured<'_>) -> Result<String> {
    let mut fields = Vec::new();
    for name in ["\"pod_status\"", "\"launcher_output\""] {
        let value = match bytes.int_in_range(0..=2)? {
            0 => continue,
            1 => "null".to_owned(),
            _ => string(bytes)?,
        };
        fields.push((name.to_owned(), value));
    }
    if bytes.ratio(1, 2)? {
        fields.insert(bytes.int_in_range(0..=fields.len())?, (string(bytes)?, json(bytes, 1)?));
    }
    fields_in(bytes, &fields)
}

fn change(bytes: &mut Unstructured<'_>) -> Result<Change> {
    let mut change = Change::default();
    let status = *bytes.choose(&Status::ALL)?;
    change.status = match bytes.int_in_range(0..=3)? {
        0 => None,
        1 => Some(StatusChange::Finish { status }),
        _ => Some(StatusChange::To(status)),
    };
    for _ in 0..bytes.int_in_range(0..=2)? {
        let at = if bytes.ratio(1, 3)? { Timestamp::parse(&time(bytes)?, &TimeZone::utc()).ok() } else { None };
        change.entries.push(Entry { at, message: text(bytes)? });
    }
    let some = |bytes: &mut Unstructured<'_>| bytes.ratio(1, 3)?.then(|| text(bytes)).transpose();
    (change.result.pod_status, change.result.launcher_output) = (some(bytes)?, some(bytes)?);
    if bytes.ratio(1, 3)? {
        let replaces = vec![some(bytes)?, some(bytes)?];
        change.output = Some(OutputChange { replaces, text: text(bytes)? });
    }
    if bytes.ratio(1, 3)? {
        change.active_jobs = Some(vec![text(bytes)?, text(bytes)?]);
    }
    Ok(change)
}
