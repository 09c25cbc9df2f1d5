//! The keys, as the Python package leaves them after each step of a small story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use task_state_host::record::Clock;
use task_state_host::store::redis::RedisStore;

use super::fixture::*;

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

async fn compare(fixture: &Fixture, step: &Step) {
    let mut keys: Vec<String> = fixture.run(&["KEYS", "*"]).await;
    keys.retain(|key| !key.starts_with("task-state:"));
    keys.sort();
    assert_eq!(keys, step.keys.keys().cloned().collect::<Vec<_>>(), "{}", step.after);
    for (key, expected) in &step.keys {
        let kind: String = fixture.run(&["TYPE", key]).await;
        assert_eq!(kind, expected.kind, "{key} after {}", step.after);
        let ttl = fixture.ttl(key).await;
        let longest = if key.starts_with("index:") { expected.ttl + 60 } else { expected.ttl };
        assert!((expected.ttl - 5..=longest).contains(&ttl), "{key} lives for {ttl} s after {}", step.after);
        let value = match kind.as_str() {
            "string" => fixture.run::<String>(&["GET", key]).await.into(),
            "hash" => {
                let mut fields: BTreeMap<String, String> = fixture.run(&["HGETALL", key]).await;
                fields.retain(|name, _| expected.value.get(name).is_some());
                serde_json::to_value(fields).unwrap()
            }
            _ => {
                let mut members: Vec<String> = fixture.run(&["SMEMBERS", key]).await;
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
    let fixture = Fixture::new().await;
    let mut options = options(&fixture.server.url());
    options.task_ttl = Duration::from_secs(1_234);
    let clock = Arc::new(Recorded(TimeZone::named("Asia/Seoul").unwrap()));
    let store = Arc::new(RedisStore::connect(options, clock).await.unwrap());

    let mut steps = steps.iter();
    for (id, service, user) in
        [("external-1", "analytics", "alice"), ("external-2", "analytics", "bob"), ("external-3", "sync", "alice")]
    {
        save(&store, owned_draft(id, service, user)).await;
        compare(&fixture, steps.next().unwrap()).await;
    }
    assert_eq!(store.next_task_id().await.unwrap(), "1");
    compare(&fixture, steps.next().unwrap()).await;
    assert!(store.delete(&task_id("external-2"), &Access::ANY).await.unwrap());
    compare(&fixture, steps.next().unwrap()).await;

    let _host = fixture.maintained_by(&store).await;
    fixture.expire("external-3").await;
    // The first sweep may be at work on the indexes, too; the metadata goes last.
    for key in ["task:external-3:metadata", "index:service:sync", "index:service:sync:users"] {
        eventually("what it left is gone", async || !fixture.exists(key).await).await;
    }
    compare(&fixture, steps.next().unwrap()).await;
    assert!(steps.next().is_none());
}
