//! The recorded vectors, and what a round trip keeps.

use serde_json::Value;

use super::*;

fn zone() -> TimeZone {
    TimeZone::named("Asia/Seoul").unwrap()
}

fn vectors(group: &str) -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(include_str!("../../../tests/vectors/records.json")).unwrap();
    let text = |vector: &Value, field: &str| vector[field].as_str().unwrap().to_owned();
    all[group].as_array().unwrap().iter().map(|vector| (text(vector, "name"), text(vector, "wire"))).collect()
}

fn decode(wire: &str) -> Result<TaskRecord, Unreadable> {
    TaskRecord::decode(wire.as_bytes(), &zone())
}

#[test]
fn recorded_records_are_written_byte_for_byte() {
    for (name, wire) in vectors("records") {
        assert_eq!(decode(&wire).unwrap().encode(), wire, "{name}");
    }
}

#[test]
fn recorded_records_can_be_made_from_a_draft() {
    use crate::record::{JsonObject, Service, UserId};
    for (name, wire) in vectors("records") {
        let record = decode(&wire).unwrap();
        let draft = Draft {
            status: record.status(),
            parameters: JsonObject::parse("parameters", record.parameters()).unwrap(),
            active_jobs: record.active_jobs(),
            created_at: Some(record.created_at().clone()),
            logs: record.logs(),
            result: record.result(),
            priority: record.priority(),
            ..Draft::new(Service::new(record.service()).unwrap(), UserId::new(record.user_id()).unwrap())
        };
        assert_eq!(TaskRecord::from_draft(record.task_id(), &draft, record.updated_at()).encode(), wire, "{name}");
    }
}

#[test]
fn accepted_records_are_read_with_their_defaults() {
    for (name, wire) in vectors("accepted") {
        let record = decode(&wire).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((record.task_id(), record.status()), ("1", Status::Pending), "{name}");
        assert_eq!((record.parameters(), record.priority()), ("{}", Priority::Low), "{name}");
        assert_eq!(record.result(), TaskResult::default(), "{name}");
        let again = decode(&record.encode()).unwrap();
        assert_eq!(again.updated_at().as_str(), record.updated_at().as_str(), "{name}");
    }
}

#[test]
fn rejected_records_are_refused() {
    for (name, wire) in vectors("rejected") {
        assert!(decode(&wire).is_err(), "{name}");
        // The same with the times that these examples leave out: the fault that they are named for is enough.
        let times = "\"created_at\":\"2025-11-17T10:00:16+09:00\",\"updated_at\":\"2025-11-17T10:00:16+09:00\"";
        let whole = wire.replacen("\"status\"", &format!("{times},\"status\""), 1);
        assert_ne!(whole, wire, "{name}");
        assert!(decode(&whole).is_err(), "{name}");
    }
}

#[test]
fn the_error_says_which_field_is_wrong() {
    let base = vectors("records")[0].1.clone();
    for (from, to, why) in [
        ("\"service\":\"analytics\",", "", "\"service\" is missing"),
        ("\"parameters\":{}", "\"parameters\":[]", "\"parameters\" is not an object"),
        ("\"active_jobs\":[]", "\"active_jobs\":[1]", "\"active_jobs\" is not an array of strings"),
        ("\"logs\":[]", "\"logs\":[\"\\ud800\"]", "\"logs\" is not an array of strings"),
        ("\"pod_status\":null", "\"pod_status\":7", "\"pod_status\" is not a string or null"),
        ("\"priority\":\"low\"", "\"priority\":\"medium\"", "invalid priority \"medium\""),
        ("\"created_at\":\"2025", "\"created_at\":\"x2025", "created_at: invalid timestamp"),
        ("\"updated_at\":", "\"updated_at\":null,\"x\":", "\"updated_at\" is not a time"),
    ] {
        let wire = base.replacen(from, to, 1);
        assert_ne!(wire, base);
        let error = decode(&wire).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(decode("").is_err());
    assert!(decode("[]").is_err());
    assert!(TaskRecord::decode(b"\xff", &zone()).is_err());
}

#[test]
fn unknown_fields_follow_the_known_ones_in_their_order() {
    let wire = "{\"zeta\":1.0, \"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"running\",\
                \"created_at\":\"2025-11-17T10:00:16+09:00\",\"updated_at\":\"2025-11-17T10:00:16+09:00\",\
                \"result\":{\"x\":[ 1 ],\"pod_status\":\"p\",\"a\":1E5},\"alpha\":{\"k\" : 1},\"zeta\":2.50}";
    assert_eq!(
        decode(wire).unwrap().encode(),
        "{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"running\",\"parameters\":{},\
         \"active_jobs\":[],\"created_at\":\"2025-11-17T10:00:16+09:00\",\"updated_at\":\"2025-11-17T10:00:16+09:00\",\
         \"logs\":[],\"result\":{\"pod_status\":\"p\",\"launcher_output\":null,\"x\":[ 1 ],\"a\":1E5},\
         \"priority\":\"low\",\"zeta\":2.50,\"alpha\":{\"k\" : 1}}"
    );
}

#[test]
fn a_time_that_is_absent_is_the_time_of_reading_and_then_written() {
    let times = ["created_at", "updated_at"].map(|name| format!("\"{name}\":\"2025-11-17T10:00:16.515926+09:00\","));
    let wire = times.iter().fold(vectors("records")[0].1.clone(), |wire, time| wire.replacen(time, "", 1));
    let before = SystemClock::new(zone()).now();
    let record = decode(&wire).unwrap();
    assert!(*record.created_at() >= before && record.updated_at() >= record.created_at());
    let again = decode(&record.encode()).unwrap();
    assert_eq!(
        [again.created_at().as_str(), again.updated_at().as_str()],
        [record.created_at().as_str(), record.updated_at().as_str()]
    );
}

#[test]
fn times_may_be_numbers() {
    let base = vectors("records")[0].1.clone();
    for (number, isoformat) in [
        ("1763341216", "2025-11-17T01:00:16+00:00"),
        ("1763341216.515926", "2025-11-17T01:00:16.515926+00:00"),
        ("1763341216515", "2025-11-17T01:00:16.515000+00:00"),
        ("\"1763341216515.9\"", "2025-11-17T01:00:16.515900+00:00"),
        ("1.763341216E9", "2025-11-17T01:00:16+00:00"),
        ("20000000000", "2603-10-11T11:33:20+00:00"),
        ("20000000001", "1970-08-20T11:33:20.001000+00:00"),
        ("-0.5", "1969-12-31T23:59:59.500000+00:00"),
    ] {
        let wire = base.replace("\"2025-11-17T10:00:16.515926+09:00\"", number);
        let record = decode(&wire).unwrap_or_else(|error| panic!("{number}: {error}"));
        for time in [record.created_at(), record.updated_at()] {
            assert_eq!(time.to_isoformat().as_str(), isoformat, "{number}");
        }
        assert!(record.encode().contains(&format!("\"created_at\":{number},\"updated_at\":\"")), "{}", record.encode());
    }
    for number in ["true", "null", "1e400", "99999999999999999999", "253402300800000", "\"1e9\"", "[]"] {
        assert!(decode(&base.replace("\"2025-11-17T10:00:16.515926+09:00\"", number)).is_err(), "{number}");
    }
}

#[test]
fn a_record_is_respelled_with_the_fields_that_are_known() {
    for (name, wire) in vectors("records") {
        assert_eq!(decode(&wire).unwrap().respelled(), wire, "{name}");
    }
    let wire = r#" {"other":1,"task_id":"a\/b","service":"s\n\"","user_id":"\uc568","status":"running","parameters":{"a": 1.0},
        "active_jobs":["x", "y\u0020z"],"created_at":1763341216,"updated_at":"2025-11-17 10:00:16,5Z","priority":"high",
        "logs":["a" , "b\u0041"],"result":{"extra":[],"launcher_output":"\ud83d\ude00"}} "#;
    let respelled = r#"{"task_id":"a/b","service":"s\n\"","user_id":"앨","status":"running","parameters":{"a": 1.0},"active_jobs":["x","y z"],"created_at":"2025-11-17T01:00:16+00:00","updated_at":"2025-11-17T10:00:16.500000+00:00","logs":["a","bA"],"result":{"pod_status":null,"launcher_output":"😀"},"priority":"high"}"#;
    assert_eq!(decode(wire).unwrap().respelled(), respelled);
    assert_eq!(decode(respelled).unwrap().respelled(), respelled);
}

#[test]
fn of_a_field_given_twice_the_last_counts() {
    let wire = vectors("records")[0].1.replacen("{\"task_id\"", "{\"status\":\"failed\",\"task_id\"", 1);
    assert_eq!(decode(&wire).unwrap().status(), Status::Pending);
}

#[test]
fn a_record_is_read_from_its_ends_however_long_its_log_is() {
    let zone = zone();
    let log = ",\"a]\\\"],\\\"result\\\":{\",\"],\"".repeat(1_000);
    let text = |parameters: &str, between: &str| {
        format!(
            "{{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"running\",\"parameters\":{parameters},\
             \"active_jobs\":[],\"created_at\":\"2025-11-17T10:00:16+09:00\",\
             \"updated_at\":\"2025-11-17T10:00:16.515926+09:00\",\"logs\":[\"x\"{log}]{between},\
             \"result\":{{\"pod_status\":null,\"launcher_output\":null,\"x\":[\"],\\\"result\\\":{{\"]}},\
             \"priority\":\"low\",\"y\":[\"z\"]}}"
        )
    };
    let ends = |text: &str| {
        let bytes = text.as_bytes();
        let end_at = bytes.len() - 400;
        let whole = TaskRecord::decode_around_log(bytes, bytes, 0, &zone).map(|(_, encoded)| encoded);
        let found = TaskRecord::decode_around_log(&bytes[..1_000], &bytes[end_at..], end_at, &zone);
        assert_eq!(whole, found.as_ref().map(|(_, encoded)| encoded.clone()));
        found
    };
    for parameters in ["{}", "{\"a\":\"b\",\"logs\":[\"c\"],\"result\":{}}"] {
        let text = text(parameters, "");
        let (record, encoded) = ends(&text).unwrap();
        assert_eq!((record.parameters(), record.logs().len()), (parameters, 0));
        assert!(text.starts_with(&encoded.text[..encoded.log.start]) && text.ends_with(encoded.tail()));
        assert_eq!(text.len() - encoded.text.len(), "\"x\"".len() + log.len());
        let whole = TaskRecord::decode(text.as_bytes(), &zone).unwrap().encoded();
        assert_eq!((whole.log.start, whole.tail()), (encoded.log.start, encoded.tail()));
    }
    assert!(ends(&text("{}", ",\"other\":[\"x\"]")).is_none());
    assert!(ends(&text("{ }", "").replace("\"logs\":[", "\"logs\": [")).is_none());
}
