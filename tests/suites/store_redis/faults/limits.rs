//! A server that is full, that holds no longer strings, or that does not let its user do everything: what is refused is
//! refused with a reason, and nothing is half-written.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use task_state_host::record::{Change, ResultChange, Service, Status, UserId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Claim, Error, Precondition, RunId, TaskStore};
use task_state_tests::redis_server::RedisServer;

use super::{Bench, clock, connect, draft, eventually, get, messages, save, task_id};
use crate::options;

const PASSWORD: &str = "s3cretpassw0rd";

/// Every command that a script uses.
const SCRIPTED: [&str; 22] = [
    "del",
    "eval",
    "evalsha",
    "exists",
    "expire",
    "get",
    "getrange",
    "hdel",
    "hget",
    "hmget",
    "hset",
    "pexpire",
    "rename",
    "sadd",
    "set",
    "setrange",
    "sismember",
    "srem",
    "strlen",
    "time",
    "ttl",
    "type",
];

async fn set_option(bench: &Bench, name: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query_async::<()>(&mut bench.redis.clone()).await.unwrap();
}

/// Appends until an entry is refused. Returns what was acknowledged, and how the refusal reads.
async fn append_until_refused(store: &RedisStore, bytes: usize) -> (Vec<String>, String) {
    let mut acknowledged = Vec::new();
    for number in 0..10_000 {
        let entry = format!("{number} {}", "x".repeat(bytes));
        match store.change(&task_id("1"), Change::logs([entry.clone()]), &Access::ANY).await {
            Ok(_) => acknowledged.push(entry),
            Err(Error::Failed(why)) => return (acknowledged, why),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nothing was refused");
}

async fn assert_whole(bench: &Bench, acknowledged: &[String]) {
    let text: String = redis::cmd("GET").arg("task:1").query_async(&mut bench.redis.clone()).await.unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let found = record["logs"].as_array().unwrap().iter();
    assert!(found.map(|entry| entry.as_str().unwrap().split_once(',').unwrap().1).eq(acknowledged));
}

#[tokio::test]
async fn a_full_server_refuses_an_append_and_the_record_stays_whole() {
    let bench = Bench::with(RedisServer::builder().max_memory(6 << 20).start().await.unwrap()).await;
    let store = bench.host(|_| {}).await;
    let id = save(&store, draft("1")).await;
    let (mut acknowledged, why) = append_until_refused(&store, 5_000).await;
    assert!(why.contains("OOM") && why.contains("maxmemory"), "{why}");
    assert!(acknowledged.len() > 10);
    assert_whole(&bench, &acknowledged).await;

    let before = bench.dump().await;
    let mut large = draft("2");
    large.logs = vec![format!("t,{}", "x".repeat(100_000))];
    let refused: [Result<(), Error>; 4] = [
        store.change(&id, Change::status(Status::Running), &Access::ANY).await.map(|_| ()),
        store.save(draft("2"), Precondition::None, &Access::ANY).await.map(|_| ()),
        store.save(large.clone(), Precondition::None, &Access::ANY).await.map(|_| ()),
        store.save(large.with_id(task_id("1")), Precondition::None, &Access::ANY).await.map(|_| ()),
    ];
    for refused in refused {
        assert!(matches!(&refused, Err(Error::Failed(why)) if why.contains("OOM")), "{refused:?}");
    }
    assert_eq!(bench.dump().await, before);

    set_option(&bench, "maxmemory", "0").await;
    store.change(&id, Change::logs(["again"]), &Access::ANY).await.unwrap();
    acknowledged.push("again".to_owned());
    assert_whole(&bench, &acknowledged).await;
    set_option(&bench, "maxmemory", "1000000").await;
    assert!(store.delete(&id, &Access::ANY).await.unwrap(), "a full server cannot be emptied");
    assert_eq!(bench.dump().await.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn a_record_as_long_as_a_string_may_be_takes_no_more_entries_and_stays_whole() {
    let bench = Bench::with(RedisServer::builder().max_value(1 << 20).start().await.unwrap()).await;
    let store = bench.host(|_| {}).await;
    let id = save(&store, draft("1")).await;
    let (mut acknowledged, why) = append_until_refused(&store, 20_000).await;
    assert!(why.contains("proto-max-bulk-len"), "{why}");
    assert!(acknowledged.len() > 40);
    assert_whole(&bench, &acknowledged).await;
    // A short one still has its place.
    store.change(&id, Change::logs(["short"]), &Access::ANY).await.unwrap();
    acknowledged.push("short".to_owned());
    assert_whole(&bench, &acknowledged).await;

    let before = bench.dump().await;
    let mut large = draft("2");
    large.logs = vec![format!("t,{}", "x".repeat(2 << 20))];
    let saved = store.save(large, Precondition::None, &Access::ANY).await;
    assert!(saved.is_err(), "{saved:?}");
    assert_eq!(bench.dump().await, before);
    set_option(&bench, "proto-max-bulk-len", "10000000").await;
    store.change(&id, Change::logs(["y".repeat(20_000)]), &Access::ANY).await.unwrap();
    acknowledged.push("y".repeat(20_000));
    assert_whole(&bench, &acknowledged).await;
}

#[tokio::test]
async fn an_entry_that_has_no_place_costs_those_that_go_with_it_nothing() {
    let bench = Bench::with(RedisServer::builder().max_value(1 << 20).start().await.unwrap()).await;
    let store = bench.host(|_| {}).await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["x".repeat(900_000)]), &Access::ANY).await.unwrap();
    // The first is under way; the others go together in the next write.
    let large = "y".repeat(200_000);
    let append = |message: &str| store.change(&id, Change::logs([message]), &Access::ANY);
    let answers = tokio::join!(append("first"), append("second"), append(&large), append("third"));
    assert!(matches!(answers, (Ok(_), Ok(_), Err(Error::Failed(_)), Ok(_))), "{answers:?}");
    assert_eq!(messages(&get(&store, &id).await)[1..], ["first", "second", "third"]);
}

/// Every write on a task that is there, and one that is not: which of them, and what it came to.
async fn every_write(store: &RedisStore, id: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let (there, new) = (task_id(id), format!("{id}-new"));
    let pod = ResultChange { pod_status: Some("p".to_owned()), ..ResultChange::default() };
    let claim = |id: &str| {
        let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
        let mut claim = Claim::new(service, user, RunId::unique(), Duration::from_secs(60));
        claim.task_id = Some(task_id(id));
        claim
    };
    let mut large = draft(id);
    large.logs = vec![format!("t,{}", "x".repeat(100_000))];
    vec![
        ("append", store.change(&there, Change::logs(["entry"]), &Access::ANY).await.map(|_| ())),
        ("claim", store.claim(claim(id)).await.map(|_| ())),
        ("result", store.change(&there, Change::result(pod), &Access::ANY).await.map(|_| ())),
        ("finish", store.change(&there, Change::finish(Status::Completed), &Access::ANY).await.map(|_| ())),
        ("save", store.save(draft(id), Precondition::None, &Access::ANY).await.map(|_| ())),
        ("save of a large one", store.save(large, Precondition::None, &Access::ANY).await.map(|_| ())),
        ("save of a new one", store.save(draft(&new), Precondition::Absent, &Access::ANY).await.map(|_| ())),
        ("claim of a new one", store.claim(claim(&format!("{new}er"))).await.map(|_| ())),
        ("delete", store.delete(&there, &Access::ANY).await.map(|_| ())),
    ]
}

#[tokio::test]
async fn a_user_who_lacks_a_command_is_told_which_and_leaves_nothing_half_written() {
    let users = SCRIPTED.iter().fold(RedisServer::builder(), |server, command| {
        server.user(&format!("no_{command}"), &format!("on >{PASSWORD} ~* &* +@all -{command}"))
    });
    let bench = Bench::with(users.start().await.unwrap()).await;
    let behind = bench.other_host().await;
    for command in SCRIPTED {
        save(&behind, draft(command)).await;
        let before = bench.dump().await;
        let url = bench.server.url_as(&format!("no_{command}"), PASSWORD);
        let answers = match RedisStore::connect(options(&url), clock()).await {
            Err(error) => vec![("connect", Err(error))],
            Ok(store) => every_write(&store, command).await,
        };
        for (write, answer) in answers {
            match answer {
                Err(Error::Failed(why)) => {
                    assert!(why.to_lowercase().contains(command), "{write} without {command}: {why}");
                    assert!(!why.contains(PASSWORD), "{why}");
                }
                other => panic!("{write} without {command}: {other:?}"),
            }
        }
        assert_eq!(bench.dump().await, before, "something was written without {command}");
    }
}

#[tokio::test]
async fn a_permission_that_is_given_later_is_noticed() {
    let bench = Bench::with(
        RedisServer::builder().user("host", &format!("on >{PASSWORD} ~* &* +@all -hset")).start().await.unwrap(),
    )
    .await;
    let store = connect(&bench.server.url_as("host", PASSWORD), |_| {}).await;
    let saved = store.save(draft("1"), Precondition::None, &Access::ANY).await;
    assert!(matches!(&saved, Err(Error::Failed(why)) if why.contains("HSET")), "{saved:?}");
    let mut allow = redis::cmd("ACL");
    allow.arg(&["SETUSER", "host", "+hset"]).query_async::<()>(&mut bench.redis.clone()).await.unwrap();
    save(&store, draft("1")).await;
}

#[tokio::test]
async fn a_user_who_may_only_read_can_read() {
    let rules = format!("on >{PASSWORD} ~* +@read +@connection +time");
    let bench = Bench::with(RedisServer::builder().user("reader", &rules).start().await.unwrap()).await;
    let behind = bench.other_host().await;
    let id = save(&behind, draft("1")).await;
    let store = connect(&bench.server.url_as("reader", PASSWORD), |_| {}).await;
    assert_eq!(get(&store, &id).await.task_id(), "1");
    let appended = store.change(&id, Change::logs(["entry"]), &Access::ANY).await;
    assert!(matches!(&appended, Err(Error::Failed(why)) if why.contains("eval")), "{appended:?}");
}

#[tokio::test]
async fn a_user_who_may_not_configure_the_server_still_has_expired_tasks_swept() {
    let rules = format!("on >{PASSWORD} ~* &* +@all -config");
    let bench = Bench::with(RedisServer::builder().user("host", &rules).start().await.unwrap()).await;
    let store = connect(&bench.server.url_as("host", PASSWORD), |options| {
        options.task_ttl = Duration::from_secs(1);
        options.sweep_interval = Duration::from_millis(200);
    })
    .await;
    let keeper = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.maintain().await }
    });
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["entry"]);
    let exists = async || {
        let mut exists = redis::cmd("EXISTS");
        exists.arg("index:tasks").query_async::<bool>(&mut bench.redis.clone()).await.unwrap()
    };
    eventually("sweep", async || !exists().await).await;
    keeper.abort();
}

#[tokio::test]
async fn a_stranger_is_refused_and_no_password_is_told() {
    let server = RedisServer::builder()
        .password("other")
        .user("host", &format!("on >{PASSWORD} ~* +@all"))
        .start()
        .await
        .unwrap();
    let wrong = format!("{PASSWORD}x");
    for url in [server.url_as("host", &wrong), server.url_as("nobody", &wrong)] {
        match RedisStore::connect(options(&url), clock()).await {
            Err(Error::Failed(why)) => assert!(!why.contains(PASSWORD), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let anonymous = format!("redis://127.0.0.1:{}/0", server.port());
    let refused = RedisStore::connect(options(&anonymous), clock()).await;
    assert!(matches!(refused, Err(Error::Failed(_))), "{refused:?}");
    connect(&server.url_as("host", PASSWORD), |_| {}).await;
}
