//! The Python package's reader: it reads what reaches the store by any path, and what it reads we read as it does.
//!
//! `cargo xtask test` names the Python with pydantic; `TASK_STATE_PEER` may name a checkout of the package itself.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde::Deserialize;
use task_state_host::record::{
    Change, Draft, InvalidValue, JsonObject, Service, SystemClock, TaskId, TaskRecord, TimeZone, Timestamp, UserId,
};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Claim, Precondition, RunId, TaskStore};
use task_state_tests::redis_server::RedisServer;

/// What the package makes of a record.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Reading {
    #[expect(dead_code, reason = "shown when a test fails")]
    Refused {
        error: String,
    },
    Read {
        status: String,
        created_at: i64,
        portable: bool,
        logs: Vec<String>,
    },
}

/// What the package makes of records, or nothing where there is no Python; then it is said aloud.
fn read(texts: &[String]) -> Option<Vec<Reading>> {
    let Some(python) = std::env::var_os("TASK_STATE_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "TASK_STATE_PYTHON names no Python: run `cargo xtask test`");
        let skipped = "SKIPPED: nothing is read by Python, for TASK_STATE_PYTHON names none: run `cargo xtask test`";
        let mut stderr = std::io::stderr();
        writeln!(stderr, "{skipped}").unwrap();
        return None;
    };
    let mut input = tempfile::tempfile().unwrap();
    for text in texts {
        writeln!(input, "{}", serde_json::to_string(text).unwrap()).unwrap();
    }
    std::io::Seek::rewind(&mut input).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/store_redis/reader.py");
    let output = Command::new(python).arg(program).stdin(Stdio::from(input)).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    let answers: Vec<Reading> = answers.collect::<Result<_, _>>().unwrap();
    assert_eq!(answers.len(), texts.len());
    Some(answers)
}

fn any(rng: &mut Rng, choices: &[&str]) -> String {
    choices[rng.usize(..choices.len())].to_owned()
}

/// A time: usual parts in usual places, and odd ones among them.
fn time(rng: &mut Rng) -> String {
    let odd = rng.u8(..3);
    let mut part = |usual: &[&str], odds: &[&str]| {
        if rng.u8(..6) < odd { any(rng, odds) } else { any(rng, usual) }
    };
    [
        part(
            &["2025-11-17", "2024-02-29", "0001-01-01", "9999-12-31", "1905-01-01"],
            &[
                "2025-02-29",
                "0000-01-01",
                "10000-01-01",
                "20251117",
                "2025-W47-1",
                "-001-01-01",
                "25-11-17",
                "٢٠٢٥-11-17",
                "",
                "1763341216",
            ],
        ),
        part(&["T", "t", " ", "_"], &["", "  ", "Z", "/"]),
        part(
            &["00:00:00", "23:59:59", "10:00", "08:59:59"],
            &["24:00:00", "23:60:00", "10:00:60", "10", "1:00:00", "100016", ""],
        ),
        part(&["", ".5", ",25", ".999999", ".9999999", ".0000001234567890123456789"], &[".", ",", "..5", ".-5", ".٥"]),
        part(
            &["Z", "z", "+09:00", "-09:00", "+0000", "\u{2212}23:59", "+23:59", "-00:00", ""],
            &["+24:00", "-25:59", "+09:60", "+09:00:30", "+09", "+9:00", "+", "UTC", "[Asia/Seoul]", "Z ", "\n", "\0"],
        ),
    ]
    .concat()
}

/// The text of a number, as JSON or a caller's string may have it.
fn number(rng: &mut Rng) -> String {
    let digits = |rng: &mut Rng| {
        let lengths = [1, 3, 9, 10, 13, 16, 19, 20, 308, 310, 3_999, 4_001, 4_300, 4_301, 5_000];
        let known = if rng.u8(..4) == 0 { lengths.len() } else { 6 };
        let length = lengths[rng.usize(..known)];
        let digits: String = (0..length).map(|_| rng.digit(10)).collect();
        format!("{}{digits}", rng.u8(1..=9))
    };
    let mut text = any(rng, &["", "", "-", "-", "+"]) + &if rng.u8(..8) == 0 { "0".to_owned() } else { digits(rng) };
    if rng.bool() {
        text += &format!(".{}", digits(rng));
    }
    if rng.u8(..4) == 0 {
        text += &any(rng, &["e", "E"]);
        text += &any(rng, &["0", "-5", "+5", "9", "-310", "310", "-3999", "-4999", "-99999999999999999999", ""]);
    }
    text
}

/// JSON that may be too deep, or have numbers and strings that no other reader takes.
fn json(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..if depth == 0 { 3 } else { 5 }) {
        0 => number(rng),
        1 => any(
            rng,
            &["null", "true", "NaN", "-Infinity", "1e400", "0e999", "-0", "-0.0", "01", "1.", ".5", "{}", "[]"],
        ),
        2 => any(
            rng,
            &[
                r#""\ud800""#,
                r#""\udc00\ud800""#,
                r#""\ud83d\ude00""#,
                r#""\u0000""#,
                "\"\u{7f}\u{ffff}\u{10ffff}\"",
                "\"\u{1}\"",
                r#""\x""#,
                r#""\/\b\u00e9""#,
                "\"\u{feff}\u{2028}\"",
            ],
        ),
        3 => {
            let levels = [1, 2, 100, 120, 127, 128, 250][rng.usize(..7)];
            format!("{}{}{}", "[".repeat(levels), json(rng, depth - 1), "]".repeat(levels))
        }
        _ => format!("{{\"a\":{},\"a\":{},\"\\u0000\": {}}}", json(rng, 0), json(rng, depth - 1), json(rng, 0)),
    }
}

/// A text that may be a name, an entry or the name of a job.
fn text(rng: &mut Rng) -> String {
    let any_character = |rng: &mut Rng| char::from_u32(rng.u32(..0x11_0000)).unwrap_or('\u{fffd}');
    let odd = [
        "a", "\0", "\u{ffff}", "\u{feff}", "\u{2028}", "\"", "\\ud800", ",", "\r\n", "\u{1f}", "\u{85}", "앨", "{", ":",
    ];
    (0..rng.usize(1..5)).map(|_| if rng.bool() { any(rng, &odd) } else { any_character(rng).to_string() }).collect()
}

/// A draft of whatever a caller may give: what the types refuse is left as it was.
fn draft(rng: &mut Rng, id: usize) -> Draft {
    let or = |given: Result<String, InvalidValue>| given.unwrap_or_else(|_| format!("n{id}"));
    let mut name = || or(TaskId::new(text(rng)).map(String::from));
    let (id, service, user) = (name() + &id.to_string(), name(), name());
    let mut draft = Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap());
    draft = draft.with_id(TaskId::new(id).unwrap());
    draft.parameters = JsonObject::parse("parameters", &format!("{{\"p\":{}}}", json(rng, 2))).unwrap_or_default();
    let time = time(rng);
    let zone = TimeZone::named("Asia/Seoul").unwrap();
    draft.created_at = Timestamp::parse_with_offset(&time).or_else(|_| Timestamp::parse(&time, &zone)).ok();
    draft.logs = vec![text(rng)];
    draft.active_jobs = vec![text(rng)];
    draft.result.pod_status = Some(text(rng));
    draft
}

/// Does what a guest or an embedder may do with a task, and says whether the task is there.
async fn write(store: &RedisStore, rng: &mut Rng, draft: Draft) -> bool {
    let id = draft.task_id.clone().unwrap();
    let written = if rng.u8(..4) == 0 {
        let run = RunId::unique();
        let mut claim = Claim::new(draft.service, draft.user_id, run, Duration::from_secs(60));
        (claim.task_id, claim.parameters) = (draft.task_id, Some(draft.parameters));
        store.claim(claim).await.is_ok()
    } else {
        store.save(draft, Precondition::None, &Access::ANY).await.is_ok()
    };
    if written {
        let mut change = Change::logs([text(rng)]);
        change.result.launcher_output = Some(text(rng));
        change.active_jobs = rng.bool().then(|| vec![text(rng)]);
        store.change(&id, change, &Access::ANY).await.unwrap();
        store.change(&id, Change::logs([text(rng)]), &Access::ANY).await.unwrap();
    }
    written
}

#[tokio::test]
async fn the_python_package_reads_whatever_reaches_the_store() {
    let server = RedisServer::start().await.unwrap();
    let clock = SystemClock::new(TimeZone::named("Asia/Seoul").unwrap());
    let store =
        RedisStore::connect(task_state_tests::redis_store::options(&server.url()), Arc::new(clock)).await.unwrap();
    let mut redis = server.connection().await.unwrap();
    let mut rng = Rng::with_seed(1);
    let mut texts = Vec::new();
    for number in 0..600 {
        let draft = draft(&mut rng, number);
        let key = format!("task:{}", draft.task_id.as_ref().unwrap());
        if write(&store, &mut rng, draft).await {
            texts.push(redis::cmd("GET").arg(key).query_async(&mut redis).await.unwrap());
        }
    }
    assert!(texts.len() > 300, "most drafts can be saved: {}", texts.len());
    for (text, reading) in texts.iter().zip(read(&texts).unwrap_or_default()) {
        let Reading::Read { portable: true, logs, created_at, .. } = reading else { panic!("{reading:?}: {text}") };
        let record = TaskRecord::decode(text.as_bytes(), &TimeZone::utc()).unwrap();
        assert_eq!((logs, created_at), (record.logs(), record.created_at().micros()), "{text}");
    }
}

#[tokio::test]
async fn a_change_writes_down_the_times_that_a_record_lacks_and_keeps_a_number() {
    let server = RedisServer::start().await.unwrap();
    let clock = SystemClock::new(TimeZone::utc());
    let store =
        RedisStore::connect(task_state_tests::redis_store::options(&server.url()), Arc::new(clock)).await.unwrap();
    let mut redis = server.connection().await.unwrap();
    for (times, kept) in [
        ("", "\"created_at\":\"2"),
        (",\"created_at\":1763341216.5", "\"created_at\":1763341216.5,"),
        (",\"created_at\":0,\"updated_at\":1763341216.5,\"status\":\"running\"", "\"created_at\":0,"),
        (",\"created_at\":\"1763341216\",\"updated_at\":\"1763341216.5\"", "\"created_at\":\"1763341216\","),
    ] {
        redis::cmd("SET").arg("task:1").arg(format!("{OPEN}{times}}}")).query_async::<()>(&mut redis).await.unwrap();
        let id = TaskId::new("1").unwrap();
        let before = store.get(&id, &Access::ANY).await.unwrap();
        for number in 1..=3 {
            store.change(&id, Change::logs([format!("entry {number}")]), &Access::ANY).await.unwrap();
        }
        let text: String = redis::cmd("GET").arg("task:1").query_async(&mut redis).await.unwrap();
        let after = TaskRecord::decode(text.as_bytes(), &TimeZone::utc()).unwrap();
        assert_eq!((after.logs().len(), after.status()), (3, before.status()), "{text}");
        assert!(text.contains(kept) && after.updated_at() > before.updated_at(), "{text}");
        assert!(text.contains(&format!("\"updated_at\":\"{}\"", after.updated_at())) && text.len() < 500, "{text}");
    }
}

const OPEN: &str = r#"{"task_id":"1","service":"s","user_id":"u","status":"pending""#;

/// What other writers may put behind the first fields of a record.
const REST: [&str; 42] = [
    "}",
    " , \"x\" : 1 } \r\n\t",
    "} x",
    "}}",
    "}\0",
    "}\u{c}",
    "",
    ",}",
    r#","status":"failed"}"#,
    r#","status":1,"status":"running"}"#,
    r#","status":"running","status":1}"#,
    r#","\u0073tatus":"failed"}"#,
    r#","status":"PENDING"}"#,
    r#","status":null}"#,
    r#","user_id":7}"#,
    r#","user_id":""}"#,
    r#","logs":null}"#,
    r#","logs":{}}"#,
    r#","logs":"a"}"#,
    r#","logs":["a",1]}"#,
    r#","logs":["\ud800"]}"#,
    r#","logs":["a"],"logs":["b"]}"#,
    r#","active_jobs":null}"#,
    r#","active_jobs":[["a"]]}"#,
    r#","parameters":null}"#,
    r#","parameters":[]}"#,
    r#","parameters":[["a",1]]}"#,
    r#","parameters":{"a":1,"a":1e400}}"#,
    r#","result":null}"#,
    r#","result":"{}"}"#,
    r#","result":{"x":1}}"#,
    r#","result":{"pod_status":1}}"#,
    r#","result":{"pod_status":1,"pod_status":null}}"#,
    r#","priority":null}"#,
    r#","priority":"HIGH"}"#,
    r#","priority":"high","priority":"low"}"#,
    r#","created_at":null}"#,
    r#","created_at":true}"#,
    r#","created_at":[1]}"#,
    r#","created_at":"x","created_at":0}"#,
    r#","x":[1,]}"#,
    r#","x":01}"#,
];

#[test]
fn a_record_is_read_as_the_python_package_reads_it() {
    let mut rng = Rng::with_seed(2);
    let mut texts: Vec<String> = REST.iter().map(|rest| format!("{OPEN}{rest}")).collect();
    texts.push(format!("\u{feff}{OPEN}}}"));
    for _ in 0..1_500 {
        let unix = (rng.f64() - 0.5) * [1.0, 1e3, 4e9, 5e10, 4e12, 6e14][rng.usize(..6)];
        let time = match rng.u8(..6) {
            0 => number(&mut rng),
            1 => format!("{:.*}", rng.usize(..8), unix),
            2 => serde_json::to_string(&number(&mut rng)).unwrap(),
            3 => format!("\"{:.*}\"", rng.usize(..8), unix),
            _ => serde_json::to_string(&time(&mut rng)).unwrap(),
        };
        texts.push(format!("{OPEN},\"created_at\":{time}}}"));
    }
    // Of numbers with thousands of digits the package takes not even those that it could hold.
    texts.retain(|text| text.len() < 4_000);
    for (text, reading) in texts.iter().zip(read(&texts).unwrap_or_default()) {
        match (TaskRecord::decode(text.as_bytes(), &TimeZone::utc()), reading) {
            (Ok(record), Reading::Read { status, created_at, logs, .. }) => {
                assert_eq!((record.status().as_str(), record.logs()), (status.as_str(), logs), "{text}");
                let ours = record.created_at().micros();
                assert!(ours == created_at || !text.contains("created_at"), "{ours} and {created_at}: {text}");
            }
            (Err(_), Reading::Refused { .. }) => {}
            (ours, theirs) => panic!("{ours:?} and {theirs:?}: {text}"),
        }
    }
}
