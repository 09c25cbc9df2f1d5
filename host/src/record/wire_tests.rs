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
fn of_a_field_given_twice_the_last_counts() {
    let wire = vectors("records")[0].1.replacen("{\"task_id\"", "{\"status\":\"failed\",\"task_id\"", 1);
    assert_eq!(decode(&wire).unwrap().status(), Status::Pending);
}
