//! The keys, as the Python package leaves them after each step of a small story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use task_state_host::record::{Clock, Draft, Service, TaskId, TimeZone, Timestamp, UserId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Precondition, TaskStore};
use task_state_tests::redis_server::RedisServer;

use super::options;

/// One key as the vectors describe it.
#[derive(Debug, Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    ttl: i64,
    value: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Step {
    after: String,
    keys: BTreeMap<String, Key>,
}

/// The moment at which the story was recorded.
#[derive(Debug)]
struct Recorded(TimeZone);

impl Clock for Recorded {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2025-11-17T10:00:16.515926+09:00", &self.0).unwrap()
    }

    fn zone(&self) -> &TimeZone {
        &self.0
    }
}

async fn compare(server: &RedisServer, step: &Step) {
    let mut connection = server.connection().await.unwrap();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    keys.retain(|key| !key.starts_with("task-state:"));
    keys.sort();
    assert_eq!(keys, step.keys.keys().cloned().collect::<Vec<_>>(), "{}", step.after);
    for (key, expected) in &step.keys {
        let kind: String = redis::cmd("TYPE").arg(key).query_async(&mut connection).await.unwrap();
        assert_eq!(kind, expected.kind, "{key} after {}", step.after);
        let ttl: i64 = redis::cmd("TTL").arg(key).query_async(&mut connection).await.unwrap();
        let longest = if key.starts_with("index:") { expected.ttl + 60 } else { expected.ttl };
        assert!((expected.ttl - 5..=longest).contains(&ttl), "{key} lives for {ttl} s after {}", step.after);
        let value = match kind.as_str() {
            "string" => {
                let text: String = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
                text.into()
            }
            "hash" => {
                let mut fields: BTreeMap<String, String> =
                    redis::cmd("HGETALL").arg(key).query_async(&mut connection).await.unwrap();
                fields.retain(|name, _| expected.value.get(name).is_some());
                serde_json::to_value(fields).unwrap()
            }
            _ => {
                let mut members: Vec<String> =
                    redis::cmd("SMEMBERS").arg(key).query_async(&mut connection).await.unwrap();
                members.sort();
                members.into()
            }
        };
        assert_eq!(value, expected.value, "{key} after {}", step.after);
    }
}

#[tokio::test]
async fn every_step_leaves_the_keys_of_the_python_package() {
    let steps: Vec<Step> = serde_json::from_str(include_str!("../../vectors/keys.json")).unwrap();
    let server = RedisServer::start().await.unwrap();
    let mut options = options(&server.url());
    options.task_ttl = Duration::from_secs(1_234);
    let clock = Arc::new(Recorded(TimeZone::named("Asia/Seoul").unwrap()));
    let store = Arc::new(RedisStore::connect(options, clock).await.unwrap());

    let mut steps = steps.iter();
    for (id, service, user) in
        [("external-1", "analytics", "alice"), ("external-2", "analytics", "bob"), ("external-3", "sync", "alice")]
    {
        let draft = Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap());
        store.save(draft.with_id(TaskId::new(id).unwrap()), Precondition::None, &Access::ANY).await.unwrap();
        compare(&server, steps.next().unwrap()).await;
    }
    assert_eq!(store.next_task_id().await.unwrap(), "1");
    compare(&server, steps.next().unwrap()).await;
    assert!(store.delete(&TaskId::new("external-2").unwrap(), &Access::ANY).await.unwrap());
    compare(&server, steps.next().unwrap()).await;

    let keeper = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.maintain().await }
    });
    let mut connection = server.connection().await.unwrap();
    let listening = || async {
        let mut connection = server.connection().await.unwrap();
        let channels: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").query_async(&mut connection).await.unwrap();
        !channels.is_empty()
    };
    while !listening().await {
        tokio::task::yield_now().await;
    }
    redis::cmd("PEXPIRE").arg("task:external-3").arg(1).query_async::<()>(&mut connection).await.unwrap();
    let gone = || async {
        let mut connection = server.connection().await.unwrap();
        // The first sweep may be at work on the indexes, too; the metadata goes last.
        let left = ["task:external-3:metadata", "index:service:sync", "index:service:sync:users"];
        redis::cmd("EXISTS").arg(&left).query_async::<i64>(&mut connection).await.unwrap() == 0
    };
    while !gone().await {
        tokio::task::yield_now().await;
    }
    compare(&server, steps.next().unwrap()).await;
    assert!(steps.next().is_none());
    keeper.abort();
}
