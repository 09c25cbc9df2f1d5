//! Python itself on what the fuzzer has found: its `int()` on the ids, the Python package's reader on the records.
//!
//! `cargo xtask test` names the Python with pydantic.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::de::IgnoredAny;
use serde_json::Value;
use task_state_host::record::{TaskRecord, TimeZone, compare_ids};

/// Sorts the ids of each line as a listing is documented to.
const SORT: &str = r#"
import json, sys

def place(id):
    try:
        return (0, int(id), id)
    except ValueError:
        return (1, 0, id)

for line in sys.stdin:
    print(json.dumps(sorted(json.loads(line), key=place)))
"#;

/// What a Python program answers to some lines of JSON, a line each, or nothing where there is no Python; then it is said
/// aloud.
fn ask(program: &[&str], questions: &[Value]) -> Option<Vec<Value>> {
    let Some(python) = std::env::var_os("TASK_STATE_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "TASK_STATE_PYTHON names no Python: run `cargo xtask test`");
        eprintln!("SKIPPED: TASK_STATE_PYTHON names no Python: run `cargo xtask test`");
        return None;
    };
    let mut input = tempfile::tempfile().unwrap();
    questions.iter().for_each(|question| writeln!(input, "{question}").unwrap());
    std::io::Seek::rewind(&mut input).unwrap();
    let output =
        Command::new(python).args(program).stdin(Stdio::from(input)).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    let answers: Vec<Value> = answers.collect::<Result<_, _>>().unwrap();
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}

/// The inputs of a corpus that are texts.
fn texts(target: &str) -> Vec<String> {
    super::corpus(target).into_iter().filter_map(|(_, input)| String::from_utf8(input).ok()).collect()
}

#[test]
fn ids_that_the_fuzzer_has_found_are_ordered_as_python_orders_them() {
    let lists = texts("ids").into_iter().map(|text| text.split('\n').map(str::to_owned).collect());
    let lists: Vec<Vec<String>> = lists.collect();
    let questions: Vec<Value> = lists.iter().map(|ids| ids.as_slice().into()).collect();
    for (mut ids, sorted) in lists.into_iter().zip(ask(&["-c", SORT], &questions).unwrap_or_default()) {
        ids.sort_by(|a, b| compare_ids(a, b));
        assert_eq!(Value::from(ids), sorted);
    }
}

#[test]
fn records_that_the_fuzzer_has_found_are_read_as_the_python_package_reads_them() {
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/store_redis/reader.py");
    let texts = texts("record");
    let questions: Vec<Value> = texts.iter().map(|text| text.as_str().into()).collect();
    for (text, answer) in texts.iter().zip(ask(&[reader.to_str().unwrap()], &questions).unwrap_or_default()) {
        match (TaskRecord::decode(text.as_bytes(), &TimeZone::utc()), answer.get("error")) {
            (Ok(record), None) => {
                assert_eq!(answer["status"], record.status().as_str(), "{text}");
                assert_eq!(answer["logs"], Value::from(record.logs()), "{text}");
                // One that is absent is the time of reading.
                let is_there = text.contains("created_at");
                assert!(!is_there || answer["created_at"] == record.created_at().micros(), "{answer}: {text}");
            }
            (Err(_), Some(_)) => {}
            // Python takes NaN and Infinity for JSON. The package writes null in their place.
            (Err(_), None) if serde_json::from_str::<IgnoredAny>(text).is_err() => {}
            // Of what is kept as text, more is kept than Python could read.
            (Ok(_), Some(error)) if error.as_str().is_some_and(|error| error.contains("Invalid JSON")) => {}
            (ours, theirs) => panic!("{ours:?} and {theirs:?}: {text}"),
        }
    }
}
