//! What a change sets, and that it sets nothing else.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::record::{TimeZone, quote};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::utc()).unwrap()
}

fn record(status: Status) -> TaskRecord {
    let wire = format!(
        "{{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"{status}\",\
         \"created_at\":\"2025-11-17T10:00:16Z\",\"updated_at\":\"2025-11-17T10:00:16Z\"}}"
    );
    TaskRecord::decode(wire.as_bytes(), &TimeZone::utc()).unwrap()
}

const NOW: &str = "2025-11-17T10:00:17.000001+00:00";

#[test]
fn a_change_makes_every_part_of_itself() {
    let mut task = record(Status::Pending);
    let mut change = Change::status(Status::Running).log("first").log_at(time("2020-01-01T00:00:00+00:00"), "a,b");
    change.result.pod_status = Some("up".to_owned());
    change.active_jobs = Some(vec!["j1".to_owned()]);
    assert_eq!(apply(&mut task, &change, &time(NOW), TransitionRule::Forward), Ok(Status::Running));
    assert_eq!(task.logs(), [format!("{NOW},first"), "2020-01-01T00:00:00+00:00,a,b".to_owned()]);
    assert_eq!(task.result().pod_status.as_deref(), Some("up"));
    assert_eq!(task.result().launcher_output, None);
    assert_eq!(task.active_jobs(), ["j1"]);
    assert_eq!(task.updated_at().as_str(), NOW);
}

#[test]
fn a_refused_change_leaves_the_record_as_it_was() {
    let mut task = record(Status::Completed);
    let before = task.encode();
    let refusal = apply(&mut task, &Change::status(Status::Running).log("x"), &time(NOW), TransitionRule::Forward);
    assert_eq!(refusal, Err(InvalidTransition { from: Status::Completed, to: Status::Running }));
    assert_eq!(task.encode(), before);
    assert_eq!(
        apply(&mut task, &Change::status(Status::Running), &time(NOW), TransitionRule::Any),
        Ok(Status::Running)
    );
}

#[test]
fn the_end_of_a_run_respects_what_is_there() {
    use Status::*;
    for (from, to, after) in [
        (Running, Completed, Completed),
        (Pending, Completed, Completed),
        (CancelRequested, Completed, Cancelled),
        (CancelRequested, Failed, Failed),
        (Completed, Failed, Completed),
        (Cancelled, Completed, Cancelled),
        (Failed, Cancelled, Failed),
    ] {
        let status = apply(&mut record(from), &Change::finish(to), &time(NOW), TransitionRule::Forward);
        assert_eq!(status, Ok(after), "{from} finishing as {to}");
    }
}

#[test]
fn the_output_of_a_run_takes_the_place_of_none_but_its_own() {
    let mut task = record(Status::Running);
    let mut print = |replaces: &[Option<&str>], text: &str| {
        let replaces = replaces.iter().map(|text| text.map(str::to_owned)).collect();
        let change = Change::default().output(OutputChange { replaces, text: text.to_owned() });
        apply(&mut task, &change, &time(NOW), TransitionRule::Forward).unwrap();
        task.result().launcher_output
    };
    assert_eq!(print(&[], "x").as_deref(), None);
    assert_eq!(print(&[None], "first").as_deref(), Some("first"));
    assert_eq!(print(&[None], "x").as_deref(), Some("first"));
    assert_eq!(print(&[None, Some("first")], "second").as_deref(), Some("second"));
    assert_eq!(print(&[Some("first")], "x").as_deref(), Some("second"));
}

#[test]
fn updated_at_grows_even_when_the_clock_stands_still() {
    let mut task = record(Status::Running);
    let mut before = task.updated_at().clone();
    for _ in 0..3 {
        apply(&mut task, &Change::logs(["x"]), &time("2001-01-01T00:00:00.5Z"), TransitionRule::Forward).unwrap();
        assert!(task.updated_at() > &before);
        before = task.updated_at().clone();
    }
}

/// JSON values with spellings that a parser to numbers and maps would not keep.
fn raw_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,40})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,25}([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| quote(&text)),
        Just("\"\\u00e9\\/\"".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {} ]", items.join(" , "))),
            raw_object(inner),
        ]
    })
}

fn raw_object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec(("[a-z]{1,3}", value), 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
        format!("{{ {} }}", fields.join(" , "))
    })
}

fn raw_strings() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![any::<String>().prop_map(|text| quote(&text)), Just("\"\\u00e9\"".into())], 0..4)
}

fn any_change() -> impl Strategy<Value = Change> {
    let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
    let text = || prop::option::of(any::<String>());
    let jobs = prop::option::of(prop::collection::vec(any::<String>(), 0..3));
    (status, prop::collection::vec(any::<String>(), 0..3), text(), text(), jobs).prop_map(
        |(status, messages, pod_status, launcher_output, active_jobs)| Change {
            status: status.map(StatusChange::To),
            result: TaskResult { pod_status, launcher_output },
            active_jobs,
            ..Change::logs(messages)
        },
    )
}

/// The raw text of one field, in a record that was written.
fn raw_field(wire: &str, path: &[&str]) -> String {
    path.iter().fold(wire.to_owned(), |object, name| {
        let fields: std::collections::HashMap<String, Box<RawValue>> = serde_json::from_str(&object).unwrap();
        fields[*name].get().to_owned()
    })
}

proptest! {
    #[test]
    fn a_change_keeps_the_text_of_every_field_that_it_does_not_set(
        parameters in raw_object(raw_json()),
        extra in raw_json(),
        result_extra in raw_json(),
        jobs in raw_strings(),
        logs in raw_strings(),
        created_at in prop::sample::select(vec!["2025-11-17T01:00:16Z", "2025-11-17 01:00:16.5+09:00", "2025-11-17T01:00:16"]),
        change in any_change(),
    ) {
        let list = |items: &[String]| format!("[ {} ]", items.join(" ,"));
        let wire = format!(
            "{{ \"extra\":{extra}, \"logs\":{}, \"task_id\":\"\\u0031\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"pending\",\
             \"parameters\":{parameters},\"active_jobs\":{},\"created_at\":\"{created_at}\",\
             \"updated_at\":\"2025-11-17T10:00:16Z\",\"result\":{{\"odd\":{result_extra},\"pod_status\":\"\\u00e9\"}},\
             \"priority\":\"high\"}}",
            list(&logs),
            list(&jobs),
        );
        let mut task = TaskRecord::decode(wire.as_bytes(), &TimeZone::utc()).unwrap();
        apply(&mut task, &change, &time(NOW), TransitionRule::Any).unwrap();
        let written = task.encode();
        let kept = |path: &[&str]| assert_eq!(raw_field(&written, path), raw_field(&wire, path));
        for name in ["task_id", "service", "user_id", "parameters", "created_at", "priority", "extra"] {
            kept(&[name]);
        }
        kept(&["result", "odd"]);
        if change.result.pod_status.is_none() {
            kept(&["result", "pod_status"]);
        }
        if change.active_jobs.is_none() {
            kept(&["active_jobs"]);
        }
        let entries: Vec<Box<RawValue>> = serde_json::from_str(&raw_field(&written, &["logs"])).unwrap();
        prop_assert_eq!(entries.len(), logs.len() + change.entries.len());
        for (entry, text) in entries.iter().zip(&logs) {
            prop_assert_eq!(entry.get(), text);
        }
        // What was written is read as it was meant, and written the same again.
        let again = TaskRecord::decode(written.as_bytes(), &TimeZone::utc()).unwrap();
        prop_assert_eq!(again.encode(), written);
        for (entry, message) in again.logs()[logs.len()..].iter().zip(&change.entries) {
            prop_assert_eq!(entry, &format!("{NOW},{}", message.message));
        }
    }
}
