//! A server that is full, that holds no longer strings, or that does not let its user do everything: what is refused is
//! refused with a reason, and nothing is half-written.

use std::sync::Arc;

use serde_json::Value;
use task_state_host::store::redis::RedisStore;
use task_state_tests::redis_server::{Builder, RedisServer};

use crate::fixture::*;
use crate::writes::{LARGE, Write};

const PASSWORD: &str = "s3cretpassw0rd";

/// Every command that a script uses.
const SCRIPTED: &str = "del eval evalsha exists expire get getrange hdel hget hmget hset pexpire rename sadd set setrange \
                        sismember srem strlen time ttl type";

/// A server that is built in some way, with a task that a host appends to by way of the proxy.
async fn with_task(build: impl FnOnce(Builder) -> Builder) -> (Fixture, Arc<RedisStore>, TaskId) {
    let fixture = Fixture::on(build(RedisServer::builder()).start().await.unwrap()).await;
    let store = fixture.host(|_| {}).await;
    let id = save(&store, draft("1")).await;
    (fixture, store, id)
}

/// Appends until an entry is refused. Returns what was acknowledged, and how the refusal reads.
async fn append_until_refused(store: &Arc<RedisStore>, bytes: usize) -> (Vec<String>, String) {
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

async fn assert_whole(fixture: &Fixture, acknowledged: &[String]) {
    let text: String = fixture.run(&["GET", "task:1"]).await;
    let record: Value = serde_json::from_str(&text).unwrap();
    let found = record["logs"].as_array().unwrap().iter();
    assert!(found.map(|entry| message(entry.as_str().unwrap())).eq(acknowledged));
}

#[tokio::test]
async fn a_full_server_refuses_an_append_and_the_record_stays_whole() {
    let (fixture, store, id) = with_task(|server| server.max_memory(6 << 20)).await;
    let (mut acknowledged, why) = append_until_refused(&store, 5_000).await;
    assert!(why.contains("OOM") && why.contains("maxmemory"), "{why}");
    assert!(acknowledged.len() > 10);
    assert_whole(&fixture, &acknowledged).await;

    let before = fixture.dump().await;
    let large = logged_draft("2", ["x".repeat(LARGE)]);
    let refused: [Result<(), Error>; 4] = [
        store.change(&id, Change::status(Status::Running), &Access::ANY).await.map(|_| ()),
        store.save(draft("2"), Precondition::None, &Access::ANY).await.map(|_| ()),
        store.save(large.clone(), Precondition::None, &Access::ANY).await.map(|_| ()),
        store.save(large.with_id(task_id("1")), Precondition::None, &Access::ANY).await.map(|_| ()),
    ];
    for refused in refused {
        assert!(matches!(&refused, Err(Error::Failed(why)) if why.contains("OOM")), "{refused:?}");
    }
    assert_eq!(fixture.dump().await, before);

    fixture.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    store.change(&id, Change::logs(["again"]), &Access::ANY).await.unwrap();
    acknowledged.push("again".to_owned());
    assert_whole(&fixture, &acknowledged).await;
    fixture.run::<()>(&["CONFIG", "SET", "maxmemory", "1000000"]).await;
    assert!(store.delete(&id, &Access::ANY).await.unwrap(), "a full server cannot be emptied");
    assert_eq!(fixture.dump().await.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn a_record_as_long_as_a_string_may_be_takes_no_more_entries_and_stays_whole() {
    let (fixture, store, id) = with_task(|server| server.max_value(1 << 20)).await;
    let (mut acknowledged, why) = append_until_refused(&store, 20_000).await;
    assert!(why.contains("proto-max-bulk-len"), "{why}");
    assert!(acknowledged.len() > 40);
    assert_whole(&fixture, &acknowledged).await;
    // A short one still has its place.
    store.change(&id, Change::logs(["short"]), &Access::ANY).await.unwrap();
    acknowledged.push("short".to_owned());
    assert_whole(&fixture, &acknowledged).await;

    let before = fixture.dump().await;
    let saved = store.save(logged_draft("2", ["x".repeat(2 << 20)]), Precondition::None, &Access::ANY).await;
    assert!(saved.is_err(), "{saved:?}");
    assert_eq!(fixture.dump().await, before);
    fixture.run::<()>(&["CONFIG", "SET", "proto-max-bulk-len", "10000000"]).await;
    store.change(&id, Change::logs(["y".repeat(20_000)]), &Access::ANY).await.unwrap();
    acknowledged.push("y".repeat(20_000));
    assert_whole(&fixture, &acknowledged).await;
}

#[tokio::test]
async fn an_entry_that_has_no_place_costs_those_that_go_with_it_nothing() {
    let (_fixture, store, id) = with_task(|server| server.max_value(1 << 20)).await;
    store.change(&id, Change::logs(["x".repeat(900_000)]), &Access::ANY).await.unwrap();
    // The first is under way; the others go together in the next write.
    let large = "y".repeat(200_000);
    let append = |message: &str| store.change(&id, Change::logs([message]), &Access::ANY);
    let answers = tokio::join!(append("first"), append("second"), append(&large), append("third"));
    assert!(matches!(answers, (Ok(_), Ok(_), Err(Error::Failed(_)), Ok(_))), "{answers:?}");
    assert_eq!(messages(&get(&store, &id).await)[1..], ["first", "second", "third"]);
}

#[tokio::test]
async fn a_user_who_lacks_a_command_is_told_which_and_leaves_nothing_half_written() {
    let users = SCRIPTED.split(' ').fold(RedisServer::builder(), |server, command| {
        server.user(&format!("no_{command}"), &format!("on >{PASSWORD} ~* &* +@all -{command}"))
    });
    let fixture = Fixture::on(users.start().await.unwrap()).await;
    for command in SCRIPTED.split(' ') {
        fixture.save(command).await;
        let before = fixture.dump().await;
        let url = fixture.server.url_as(&format!("no_{command}"), PASSWORD);
        let store = RedisStore::connect(options(&url), clock()).await.map(Arc::new);
        for write in Write::ALL {
            let id = if write.needs_a_task() { command } else { "new" };
            let answer = match &store {
                Ok(store) => write.carry_out(store, id).await,
                Err(Error::Failed(why)) => Err(Error::Failed(why.clone())),
                Err(error) => panic!("connect without {command}: {error}"),
            };
            let Err(Error::Failed(why)) = answer else { panic!("{write:?} without {command}: {answer:?}") };
            assert!(why.to_lowercase().contains(command), "{write:?} without {command}: {why}");
            assert!(!why.contains(PASSWORD), "{why}");
        }
        assert_eq!(fixture.dump().await, before, "something was written without {command}");
    }
}

#[tokio::test]
async fn a_permission_that_is_given_later_is_noticed() {
    let rules = format!("on >{PASSWORD} ~* &* +@all -hset");
    let fixture = Fixture::on(RedisServer::builder().user("host", &rules).start().await.unwrap()).await;
    let store = connect(&fixture.server.url_as("host", PASSWORD), |_| {}).await;
    let saved = store.save(draft("1"), Precondition::None, &Access::ANY).await;
    assert!(matches!(&saved, Err(Error::Failed(why)) if why.contains("HSET")), "{saved:?}");
    fixture.run::<()>(&["ACL", "SETUSER", "host", "+hset"]).await;
    save(&store, draft("1")).await;
}

#[tokio::test]
async fn a_user_who_may_only_read_can_read() {
    let rules = format!("on >{PASSWORD} ~* +@read +@connection +time");
    let fixture = Fixture::on(RedisServer::builder().user("reader", &rules).start().await.unwrap()).await;
    let id = fixture.save("1").await;
    let store = connect(&fixture.server.url_as("reader", PASSWORD), |_| {}).await;
    assert_eq!(get(&store, &id).await.task_id(), "1");
    let appended = store.change(&id, Change::logs(["entry"]), &Access::ANY).await;
    assert!(matches!(&appended, Err(Error::Failed(why)) if why.contains("eval")), "{appended:?}");
}

#[tokio::test]
async fn a_stranger_is_refused_and_no_password_is_told() {
    let rules = format!("on >{PASSWORD} ~* +@all");
    let server = RedisServer::builder().password("other").user("host", &rules).start().await.unwrap();
    let wrong = format!("{PASSWORD}x");
    let anonymous = format!("redis://127.0.0.1:{}/0", server.port());
    for url in [server.url_as("host", &wrong), server.url_as("nobody", &wrong), anonymous] {
        let refused = RedisStore::connect(options(&url), clock()).await;
        assert!(matches!(&refused, Err(Error::Failed(why)) if !why.contains(PASSWORD)), "{refused:?}");
    }
    connect(&server.url_as("host", PASSWORD), |_| {}).await;
}
