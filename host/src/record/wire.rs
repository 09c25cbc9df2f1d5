//! The record's text: how it is read, and how it is written again.
//!
//! A record is held as the raw text of its fields, in the order of the wire, with the few typed values beside it that
//! a host needs. Writing it again therefore leaves alone what nobody has set: spellings of numbers and times, the order
//! of keys, escapes, and fields that this version does not know.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Clock, Draft, Priority, Status, SystemClock, TimeZone, Timestamp};

/// A record in the datastore that cannot be read; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// What the workload left behind. A field that is absent in a record has never been set; one that is absent in a
/// [`Change`](super::Change) is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TaskResult {
    /// A snapshot of the workload's pod, as text.
    pub pod_status: Option<String>,
    /// Standard output and standard error of the workload, as one text.
    pub launcher_output: Option<String>,
}

impl TaskResult {
    /// The result in the text of a record; an empty one if there is none that can be read.
    pub(crate) fn of(record: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Record {
            result: Option<Texts>,
        }
        #[derive(serde::Deserialize)]
        struct Texts {
            pod_status: Option<String>,
            launcher_output: Option<String>,
        }
        let read: Option<Record> = serde_json::from_slice(record).ok();
        let texts = read.and_then(|record| record.result);
        texts.map_or_else(Self::default, |Texts { pod_status, launcher_output }| Self { pod_status, launcher_output })
    }
}

/// A task as the store holds it.
#[derive(Debug, Clone)]
pub struct TaskRecord {
    task_id: String,
    service: String,
    user_id: String,
    status: Status,
    priority: Priority,
    created_at: Timestamp,
    updated_at: Timestamp,
    raw: Raw,
}

/// The texts from which a record is put together, each as it stands on the wire.
#[derive(Debug, Clone)]
struct Raw {
    task_id: String,
    service: String,
    user_id: String,
    parameters: String,
    active_jobs: String,
    created_at: String,
    updated_at: String,
    /// The entries as JSON strings with commas between them, without the brackets around.
    logs: String,
    pod_status: String,
    launcher_output: String,
    /// Fields of `result` that we do not know, each as `,"name":value`.
    result_rest: String,
    /// Fields of the record that we do not know, each as `,"name":value`.
    rest: String,
}

impl TaskRecord {
    /// Reads a record, as leniently as the Python package: a time without an offset is taken to be in `zone`, a time that
    /// is absent to be now.
    ///
    /// # Errors
    /// [`Unreadable`] if the text is not a JSON object with the fields that a record needs, or one of them has a value of
    /// another type.
    pub fn decode(text: &[u8], zone: &TimeZone) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(text).map_err(Unreadable::new)?;
        let mut fields: Fields = serde_json::from_str(text).map_err(Unreadable::new)?;
        let mut required =
            |name: &str| fields.take(name).ok_or_else(|| Unreadable(format!("the field \"{name}\" is missing")));
        let task_id = required("task_id")?;
        let service = required("service")?;
        let user_id = required("user_id")?;
        let status = required("status")?;
        let mut time = |name: &str| match fields.take(name) {
            Some(raw) => time(name, raw, zone).map(|at| (raw.to_owned(), at)),
            None => {
                let now = SystemClock::new(zone.clone()).now();
                Ok((quote(now.as_str()), now))
            }
        };
        let (raw_created_at, created_at) = time("created_at")?;
        let (_, updated_at) = time("updated_at")?;
        let mut optional = |name: &str, default| fields.take(name).unwrap_or(default);
        let parameters = optional("parameters", "{}");
        let active_jobs = optional("active_jobs", "[]");
        let logs = optional("logs", "[]");
        let result = optional("result", "{}");
        let priority = optional("priority", "\"low\"");

        if !parameters.starts_with('{') {
            return Err(mistyped("parameters", "an object"));
        }
        strings("active_jobs", active_jobs)?;
        let logs = strings("logs", logs)?;
        if !result.starts_with('{') {
            return Err(mistyped("result", "an object"));
        }
        let mut result: Fields = serde_json::from_str(result).map_err(Unreadable::new)?;
        Ok(Self {
            task_id: string("task_id", task_id)?.into_owned(),
            service: string("service", service)?.into_owned(),
            user_id: string("user_id", user_id)?.into_owned(),
            status: string("status", status)?.parse().map_err(Unreadable::new)?,
            priority: string("priority", priority)?.parse().map_err(Unreadable::new)?,
            raw: Raw {
                task_id: task_id.to_owned(),
                service: service.to_owned(),
                user_id: user_id.to_owned(),
                parameters: parameters.to_owned(),
                active_jobs: active_jobs.to_owned(),
                created_at: raw_created_at,
                // The next change replaces it in any case: a number has its usual width from here on.
                updated_at: quote(updated_at.as_str()),
                logs: logs.join(","),
                pod_status: result.take_text("pod_status")?.to_owned(),
                launcher_output: result.take_text("launcher_output")?.to_owned(),
                result_rest: result.rest(),
                rest: fields.rest(),
            },
            created_at,
            updated_at,
        })
    }

    /// The record as a save writes it.
    pub(crate) fn from_draft(task_id: &str, draft: &Draft, now: &Timestamp) -> Self {
        let created_at = draft.created_at.as_ref().map_or_else(|| now.clone(), Timestamp::to_isoformat);
        let entries: Vec<String> = draft.logs.iter().map(|entry| quote(entry)).collect();
        let result = |text: &Option<String>| text.as_ref().map_or_else(|| "null".to_owned(), |text| quote(text));
        Self {
            task_id: task_id.to_owned(),
            service: draft.service.as_str().to_owned(),
            user_id: draft.user_id.as_str().to_owned(),
            status: draft.status,
            priority: draft.priority,
            raw: Raw {
                task_id: quote(task_id),
                service: quote(draft.service.as_str()),
                user_id: quote(draft.user_id.as_str()),
                parameters: draft.parameters.as_str().to_owned(),
                active_jobs: quote_all(&draft.active_jobs),
                created_at: quote(created_at.as_str()),
                updated_at: quote(now.as_str()),
                logs: entries.join(","),
                pod_status: result(&draft.result.pod_status),
                launcher_output: result(&draft.result.launcher_output),
                result_rest: String::new(),
                rest: String::new(),
            },
            created_at,
            updated_at: now.clone(),
        }
    }

    /// The record on the wire.
    pub fn encode(&self) -> String {
        self.encoded().text
    }

    /// The record on the wire, and where its parts are.
    pub(crate) fn encoded(&self) -> Encoded {
        let raw = &self.raw;
        let mut text = String::with_capacity(self.encoded_length());
        let mut put = |parts: &[&str]| {
            parts.iter().for_each(|part| text.push_str(part));
            text.len()
        };
        put(&["{\"task_id\":", &raw.task_id, ",\"service\":", &raw.service, ",\"user_id\":", &raw.user_id]);
        let status_end = put(&[",\"status\":\"", self.status.as_str(), "\""]);
        let jobs_start = put(&[",\"parameters\":", &raw.parameters, ",\"active_jobs\":"]);
        let jobs_end = put(&[&raw.active_jobs]);
        let stamp_start = put(&[",\"created_at\":", &raw.created_at, ",\"updated_at\":"]) + 1;
        let stamp_end = put(&[&raw.updated_at]) - 1;
        let log_start = put(&[LOG_FIELD]);
        let log_end = put(&[&raw.logs]);
        put(&["],\"result\":{\"pod_status\":", &raw.pod_status, ",\"launcher_output\":", &raw.launcher_output]);
        put(&[&raw.result_rest, "},\"priority\":\"", self.priority.as_str(), "\"", &raw.rest, "}"]);
        Encoded { text, status_end, jobs: jobs_start..jobs_end, stamp: stamp_start..stamp_end, log: log_start..log_end }
    }

    /// How many bytes the record has on the wire, or a few more.
    pub(crate) fn encoded_length(&self) -> usize {
        let raw = &self.raw;
        let identity = raw.task_id.len() + raw.service.len() + raw.user_id.len();
        let result = raw.pod_status.len() + raw.launcher_output.len() + raw.result_rest.len();
        let lists = raw.parameters.len() + raw.active_jobs.len() + raw.logs.len();
        identity + result + lists + raw.created_at.len() + raw.updated_at.len() + raw.rest.len() + FIELD_NAME_BYTES
    }

    /// The record with the fields that the Python package knows and no others, in the order of the wire and in one
    /// spelling, as its frontend shows a task: times as `isoformat()` spells them, strings with no more escapes than JSON
    /// asks for. The parameters stay as they are.
    pub fn respelled(&self) -> String {
        let raw = &self.raw;
        let [created_at, updated_at] = [&self.created_at, &self.updated_at].map(Timestamp::to_isoformat);
        let jobs = if raw.active_jobs == "[]" { "[]".to_owned() } else { quote_all(&self.active_jobs()) };
        let mut text = String::with_capacity(self.encoded_length());
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| text.push_str(part));
        put(&["{\"task_id\":", &plain(&raw.task_id), ",\"service\":", &plain(&raw.service)]);
        put(&[",\"user_id\":", &plain(&raw.user_id), ",\"status\":\"", self.status.as_str()]);
        put(&["\",\"parameters\":", &raw.parameters, ",\"active_jobs\":", &jobs]);
        put(&[",\"created_at\":\"", created_at.as_str(), "\",\"updated_at\":\"", updated_at.as_str(), "\",\"logs\":"]);
        match is_plain(&raw.logs) {
            true => put(&["[", &raw.logs, "]"]),
            false => put(&[&quote_all(&self.logs())]),
        }
        put(&[",\"result\":{\"pod_status\":", &plain(&raw.pod_status)]);
        put(&[",\"launcher_output\":", &plain(&raw.launcher_output)]);
        put(&["},\"priority\":\"", self.priority.as_str(), "\"}"]);
        text
    }

    /// Reads a record, but for its log entries, from how its text begins and ends. None unless it is spelled as
    /// [`encode`](Self::encode) spells it, and both parts reach to the log. `end_at` is where the end begins in the whole.
    pub(crate) fn decode_around_log(
        start: &[u8],
        end: &[u8],
        end_at: usize,
        zone: &TimeZone,
    ) -> Option<(Self, Encoded)> {
        // The parameters may hold what looks like the beginning of the log: then the rest does not make a record.
        let begins = |at: &usize| start[*at..].starts_with(LOG_OPENING.as_bytes());
        (0..start.len()).filter(begins).take(MAX_LOG_OPENINGS).find_map(|at| {
            let head = &start[..at + LOG_OPENING.len()];
            // Of a short record, the end reaches back to what comes before the log.
            let log = end.get((head.len() - 1).saturating_sub(end_at)..)?;
            let text = [head, &log[log_end(log)?..]].concat();
            let record = Self::decode(&text, zone).ok()?;
            let encoded = record.encoded();
            let is_log = encoded.log == (head.len()..head.len());
            (is_log && encoded.text.as_bytes() == text).then_some((record, encoded))
        })
    }

    /// Puts other entries, an array of JSON strings, in the place of the record's own.
    ///
    /// # Errors
    /// [`Unreadable`] if they are something else.
    pub(crate) fn replace_raw_logs(&mut self, logs: &str) -> Result<(), Unreadable> {
        self.raw.logs = strings("logs", logs)?.join(",");
        Ok(())
    }

    /// Leaves out the entries.
    pub(crate) fn clear_logs(&mut self) {
        self.raw.logs.clear();
    }

    /// The task's id.
    pub fn task_id(&self) -> &str {
        &self.task_id
    }

    /// The service that the task belongs to.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The user for whom it is done.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Where it is in its life.
    pub fn status(&self) -> Status {
        self.status
    }

    /// How urgent it is.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// When it was registered.
    pub fn created_at(&self) -> &Timestamp {
        &self.created_at
    }

    /// When it was last changed.
    pub fn updated_at(&self) -> &Timestamp {
        &self.updated_at
    }

    /// The parameters: the text of a JSON object.
    pub fn parameters(&self) -> &str {
        &self.raw.parameters
    }

    /// Identifiers that external schedulers gave to the task's jobs.
    pub fn active_jobs(&self) -> Vec<String> {
        read_strings(&self.raw.active_jobs)
    }

    /// Entries of the form `<timestamp>,<message>`, oldest first.
    pub fn logs(&self) -> Vec<String> {
        read_strings(&format!("[{}]", self.raw.logs))
    }

    /// What the workload left behind.
    pub fn result(&self) -> TaskResult {
        let read = |raw: &str| serde_json::from_str(raw).unwrap_or_default();
        TaskResult { pod_status: read(&self.raw.pod_status), launcher_output: read(&self.raw.launcher_output) }
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    pub(crate) fn set_updated_at(&mut self, at: Timestamp) {
        self.raw.updated_at = quote(at.as_str());
        self.updated_at = at;
    }

    pub(super) fn set_active_jobs(&mut self, jobs: &[String]) {
        self.raw.active_jobs = quote_all(jobs);
    }

    pub(super) fn set_priority(&mut self, priority: Priority) {
        self.priority = priority;
    }

    pub(super) fn set_pod_status(&mut self, text: &str) {
        self.raw.pod_status = quote(text);
    }

    pub(super) fn set_launcher_output(&mut self, text: &str) {
        self.raw.launcher_output = quote(text);
    }

    pub(super) fn set_logs(&mut self, entries: &[String]) {
        let entries: Vec<String> = entries.iter().map(|entry| quote(entry)).collect();
        self.raw.logs = entries.join(",");
    }

    pub(super) fn push_log(&mut self, entry: &str) {
        if !self.raw.logs.is_empty() {
            self.raw.logs.push(',');
        }
        self.raw.logs.push_str(&quote(entry));
    }
}

/// The text of a record, and where its parts are, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) text: String,
    /// Where the part ends that begins the record and goes through its status.
    pub(crate) status_end: usize,
    /// The active jobs, with their brackets.
    pub(crate) jobs: Range<usize>,
    /// The time of the last change, without quotes.
    pub(crate) stamp: Range<usize>,
    /// The log entries, without brackets.
    pub(crate) log: Range<usize>,
}

impl Encoded {
    /// What follows the last log entry.
    pub(crate) fn tail(&self) -> &str {
        &self.text[self.log.end..]
    }
}

/// What stands between the time of the last change and the log, with the quote that ends the time.
const LOG_OPENING: &str = "\",\"logs\":[";

/// The same, without the quote.
pub(super) const LOG_FIELD: &str = ",\"logs\":[";

/// Bytes of the names of all fields and what stands between them, at most.
const FIELD_NAME_BYTES: usize = 256;

/// How many fields a record has.
const FIELDS: usize = 11;

/// How many beginnings of a log are tried before a record is read whole.
const MAX_LOG_OPENINGS: usize = 8;

/// Where the log ends in the last part of a record's text. No string of the log can look like its end: a quote inside a
/// string has a backslash before it.
fn log_end(end: &[u8]) -> Option<usize> {
    (1..end.len()).find_map(|at| {
        let name = end[at..].strip_prefix(b"],\"")?;
        let length = name.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')?;
        let closes_strings = matches!(end[at - 1], b'"' | b'[') && name[length..].starts_with(b"\":");
        // An array of somebody else's may stand between the log and the result.
        closes_strings.then(|| (&name[..length] == b"result").then_some(at))
    })?
}

/// A text as a JSON string in its plain spelling: nothing escaped but `"`, `\` and control characters below 0x20.
pub(crate) fn quote(text: &str) -> String {
    // Writing a string into memory cannot fail.
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

fn quote_all(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".to_owned())
}

/// Whether the strings in a piece of JSON are all in their plain spelling for certain.
fn is_plain(raw: &str) -> bool {
    !raw.contains('\\')
}

/// The same string, or null, in its plain spelling.
fn plain(raw: &str) -> Cow<'_, str> {
    match is_plain(raw) {
        true => Cow::Borrowed(raw),
        // Checked when the record was read.
        false => Cow::Owned(serde_json::from_str(raw).map_or_else(|_| raw.to_owned(), |Text(text)| quote(&text))),
    }
}

fn mistyped(name: &str, expected: &str) -> Unreadable {
    Unreadable(format!("the field \"{name}\" is not {expected}"))
}

fn string<'a>(name: &str, raw: &'a str) -> Result<Cow<'a, str>, Unreadable> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| is_plain(inner)) {
        Some(inner) => Ok(Cow::Borrowed(inner)),
        None => serde_json::from_str(raw).map(|Text(text)| text).map_err(|_| mistyped(name, "a string")),
    }
}

/// A time: a string, or a number of seconds or milliseconds.
fn time(name: &str, raw: &str, zone: &TimeZone) -> Result<Timestamp, Unreadable> {
    let read = match raw.as_bytes() {
        [b'"', ..] => Timestamp::parse(&string(name, raw)?, zone),
        [b'-' | b'0'..=b'9', ..] => Timestamp::from_unix(raw),
        _ => return Err(mistyped(name, "a time")),
    };
    read.map_err(|error| Unreadable(format!("{name}: {error}")))
}

/// The raw texts of an array of strings.
fn strings<'a>(name: &str, raw: &'a str) -> Result<Vec<&'a str>, Unreadable> {
    let mistyped = || mistyped(name, "an array of strings");
    if raw == "[]" {
        return Ok(Vec::new());
    }
    let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| mistyped())?;
    // Of a string only its escapes can be wrong by now.
    let readable =
        |raw: &&str| raw.starts_with('"') && (!raw.contains('\\') || serde_json::from_str::<String>(raw).is_ok());
    let raws = items.into_iter().map(RawValue::get);
    raws.map(|raw| Some(raw).filter(readable).ok_or_else(mistyped)).collect()
}

fn read_strings(raw: &str) -> Vec<String> {
    // Checked when the record was read.
    serde_json::from_str(raw).unwrap_or_default()
}

/// A string of JSON. It is copied only if there is an escape in it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields of a JSON object in the order in which they came, each with its raw text. Of one that is given twice the
/// last counts.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a task record, which is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(FIELDS);
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    match fields.iter_mut().find(|(earlier, _)| *earlier == name) {
                        Some(earlier) => earlier.1 = value.get(),
                        None => fields.push((name, value.get())),
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

impl<'a> Fields<'a> {
    /// Takes out the raw text of a field.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes out the raw text of a field that may be a string or null.
    fn take_text(&mut self, name: &str) -> Result<&'a str, Unreadable> {
        let raw = self.take(name).unwrap_or("null");
        if raw != "null" {
            string(name, raw).map_err(|_| mistyped(name, "a string or null"))?;
        }
        Ok(raw)
    }

    /// What was not taken out, each field as `,"name":value`.
    fn rest(&self) -> String {
        self.0.iter().map(|(name, value)| format!(",{}:{value}", quote(name))).collect()
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
