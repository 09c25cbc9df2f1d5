//! A reader that reads as the Python package does, on the same parsers of JSON and of times that its own stands on. The
//! suite `fuzz` has the real one read the corpus; this one keeps up with the fuzzer.

use jiter::{JsonErrorType, JsonValue};
use speedate::{Date, DateTime, DateTimeConfig, MicrosecondsPrecisionOverflowBehavior, TimeConfig};
use task_state_host::record::{TaskRecord, TimeZone};

/// A record as the package sees it.
#[derive(Debug)]
struct Record {
    task_id: String,
    service: String,
    user_id: String,
    status: String,
    active_jobs: Vec<String>,
    /// Microseconds since the Unix epoch, of a time that is there.
    created_at: Option<i64>,
    updated_at: Option<i64>,
    logs: Vec<String>,
    pod_status: Option<String>,
    launcher_output: Option<String>,
    priority: String,
}

/// Why the package does not take a record.
#[derive(Debug)]
enum Refusal {
    /// It is no JSON to its parser.
    Json(JsonErrorType),
    /// This field has another type, or a value that it may not have.
    Field(#[expect(dead_code, reason = "shown when the two disagree")] &'static str),
}

/// Panics unless host and package see the same in a record that one of them takes.
pub(crate) fn reads_the_same(data: &[u8]) {
    // To Python it is a text.
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(TaskRecord::decode(data, &TimeZone::utc()).is_err());
        return;
    };
    match (TaskRecord::decode(data, &TimeZone::utc()), read(text)) {
        (Ok(ours), Ok(theirs)) => {
            compare(&ours, &theirs);
            let written = ours.encode();
            let again = read(&written).unwrap_or_else(|why| panic!("{why:?}: {written} of {text}"));
            compare(&ours, &again);
        }
        (Err(_), Err(_)) => {}
        // The host leaves unread what it keeps as text, and does no harm where the package can read nothing at all.
        (Ok(_), Err(Refusal::Json(why))) if is_strict(&why) => {}
        // No JSON, though Python's parser takes it; the package itself writes null in its place.
        (Err(_), Ok(_)) if JsonValue::parse(data, false).is_err() => {}
        (ours, theirs) => panic!("{ours:?} and {theirs:?}: {text}"),
    }
}

/// Whether only some part that the host need not read is meant: a lone surrogate, a number or a depth beyond Python's.
fn is_strict(why: &JsonErrorType) -> bool {
    use JsonErrorType::*;
    matches!(
        why,
        LoneLeadingSurrogateInHexEscape
            | UnexpectedEndOfHexEscape
            | InvalidUnicodeCodePoint
            | NumberOutOfRange
            | RecursionLimitExceeded
    )
}

fn compare(ours: &TaskRecord, theirs: &Record) {
    assert_eq!(
        [ours.task_id(), ours.service(), ours.user_id(), ours.status().as_str(), ours.priority().as_str()],
        [&*theirs.task_id, &*theirs.service, &*theirs.user_id, &*theirs.status, &*theirs.priority]
    );
    assert_eq!((ours.active_jobs(), ours.logs()), (theirs.active_jobs.clone(), theirs.logs.clone()));
    let result = ours.result();
    assert_eq!((&result.pod_status, &result.launcher_output), (&theirs.pod_status, &theirs.launcher_output));
    for (ours, theirs) in [(ours.created_at(), theirs.created_at), (ours.updated_at(), theirs.updated_at)] {
        assert!(theirs.is_none_or(|theirs| theirs == ours.micros()), "{ours} is {theirs:?} to the other");
    }
}

fn read(text: &str) -> Result<Record, Refusal> {
    let value = JsonValue::parse(text.as_bytes(), true).map_err(|error| Refusal::Json(error.error_type))?;
    let record = Object::of(&value, "the record")?;
    let result = record.field("result").map(|value| Object::of(value, "result")).transpose()?;
    let text = |name| {
        result.as_ref().and_then(|result| result.field(name)).map_or(Ok(None), |value| match value {
            JsonValue::Null => Ok(None),
            value => string(name, value).map(Some),
        })
    };
    if let Some(parameters) = record.field("parameters") {
        Object::of(parameters, "parameters")?;
    }
    Ok(Record {
        task_id: record.string("task_id", None)?,
        service: record.string("service", None)?,
        user_id: record.string("user_id", None)?,
        status: record.word(
            "status",
            None,
            &["pending", "dispatching", "running", "completed", "failed", "cancel_requested", "cancelled"],
        )?,
        active_jobs: record.strings("active_jobs")?,
        created_at: record.field("created_at").map(|value| time("created_at", value)).transpose()?,
        updated_at: record.field("updated_at").map(|value| time("updated_at", value)).transpose()?,
        logs: record.strings("logs")?,
        pod_status: text("pod_status")?,
        launcher_output: text("launcher_output")?,
        priority: record.word("priority", Some("low"), &["high", "low"])?,
    })
}

/// A JSON object. Of a field that is given twice the last counts.
struct Object<'a>(&'a [(std::borrow::Cow<'a, str>, JsonValue<'a>)]);

impl<'a> Object<'a> {
    fn of(value: &'a JsonValue<'a>, name: &'static str) -> Result<Self, Refusal> {
        match value {
            JsonValue::Object(fields) => Ok(Self(fields.as_slice())),
            _ => Err(Refusal::Field(name)),
        }
    }

    fn field(&self, name: &str) -> Option<&'a JsonValue<'a>> {
        self.0.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    fn string(&self, name: &'static str, default: Option<&str>) -> Result<String, Refusal> {
        match (self.field(name), default) {
            (Some(value), _) => string(name, value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(Refusal::Field(name)),
        }
    }

    fn word(&self, name: &'static str, default: Option<&str>, words: &[&str]) -> Result<String, Refusal> {
        let word = self.string(name, default)?;
        if words.contains(&word.as_str()) { Ok(word) } else { Err(Refusal::Field(name)) }
    }

    fn strings(&self, name: &'static str) -> Result<Vec<String>, Refusal> {
        match self.field(name) {
            None => Ok(Vec::new()),
            Some(JsonValue::Array(items)) => items.iter().map(|item| string(name, item)).collect(),
            Some(_) => Err(Refusal::Field(name)),
        }
    }
}

fn string(name: &'static str, value: &JsonValue<'_>) -> Result<String, Refusal> {
    match value {
        JsonValue::Str(text) => Ok(text.to_string()),
        _ => Err(Refusal::Field(name)),
    }
}

/// The microseconds since the Unix epoch in a time; one without an offset is in UTC.
fn time(name: &'static str, value: &JsonValue<'_>) -> Result<i64, Refusal> {
    let config = DateTimeConfig {
        time_config: TimeConfig {
            microseconds_precision_overflow_behavior: MicrosecondsPrecisionOverflowBehavior::Truncate,
            unix_timestamp_offset: Some(0),
        },
        ..DateTimeConfig::default()
    };
    let read = match value {
        JsonValue::Int(number) => DateTime::from_timestamp_with_config(*number, 0, &config).ok(),
        JsonValue::Float(number) if number.is_finite() => DateTime::from_float_with_config(*number, &config).ok(),
        JsonValue::Str(text) => DateTime::parse_str_with_config(text, &config).ok().or_else(|| {
            let date = Date::parse_str(text).ok()?;
            DateTime::parse_str_with_config(&format!("{date}T00:00:00"), &config).ok()
        }),
        _ => None,
    };
    // No year of Python's is 0.
    let read = read.filter(|time| time.date.year > 0).ok_or(Refusal::Field(name))?;
    Ok(read.timestamp_tz() * 1_000_000 + i64::from(read.time.microsecond))
}
