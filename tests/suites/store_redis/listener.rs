//! The listener makes it quick that an expired task leaves nothing behind.

use std::sync::Arc;

use redis::Pipeline;
use task_state_host::store::redis::RedisStore;
use task_state_tests::proxy::{Fault, Trigger};
use task_state_tests::redis_server::RedisServer;

use super::fixture::*;

impl Fixture {
    /// Waits until somebody listens for expired events.
    async fn until_listened(&self, database: u8) {
        let channel = format!("__keyevent@{database}__:expired");
        let listens = async || self.run::<Vec<String>>(&["PUBSUB", "CHANNELS"]).await.contains(&channel);
        eventually("somebody listens", listens).await;
    }

    /// Lets a host maintain the server, and waits until its first sweep is over and it listens.
    pub(crate) async fn maintained_by(&self, host: &Arc<RedisStore>) -> Maintenance {
        let maintenance = Maintenance::start(host);
        self.until_swept().await;
        self.until_listened(0).await;
        maintenance
    }
}

/// A server that its host maintains, which never sweeps again.
async fn maintained() -> (Fixture, Maintenance) {
    let fixture = Fixture::with(no_sweeps).await;
    let maintenance = fixture.maintained_by(&fixture.store).await;
    (fixture, maintenance)
}

#[tokio::test]
async fn the_entries_of_an_expired_task_go_at_once_while_a_host_listens() {
    let (fixture, _host) = maintained().await;
    fixture.save("1").await;
    fixture.expire("1").await;
    fixture.has_left_nothing("1").await;
    assert!(!fixture.exists("task:1:metadata").await);
}

#[tokio::test]
async fn many_tasks_that_expire_together_all_go() {
    let (fixture, _host) = maintained().await;
    let all = |pipeline: &mut Pipeline| {
        for number in 0..2_000 {
            plant(pipeline, &number.to_string(), "analytics", "alice");
            pipeline.cmd("PEXPIRE").arg(format!("task:{number}")).arg(50).ignore();
        }
    };
    fixture.plant_all(all).await;
    eventually("all are gone", async || !fixture.exists("index:tasks").await).await;
    let keys: Vec<String> = fixture.run(&["KEYS", "index:*"]).await;
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn a_task_that_is_saved_again_as_it_expires_keeps_its_entries() {
    let fixture = Fixture::new().await;
    let _host = fixture.maintained_by(&fixture.host(no_sweeps).await).await;
    fixture.save("1").await;
    // The listener knows the owner of the expired task; then its next step is held back.
    let late = fixture.proxy.inject(Trigger::containing("index:user:alice"), Fault::StallRequest);
    fixture.expire("1").await;
    late.until_hit().await;
    fixture.save("1").await;
    late.release();
    late.until_executed().await;
    fixture.keeps_its_entries("1").await;
    assert_eq!(fixture.store.sweep().await.unwrap().findings, []);
    fixture.keeps_its_entries("1").await;
}

#[tokio::test]
async fn an_event_that_comes_twice_or_for_a_task_that_never_was_does_no_harm() {
    let (fixture, _host) = maintained().await;
    fixture.save("live").await;
    fixture.save_for("1", "sync", "bob").await;
    let publish = async |key: &[u8]| {
        fixture.run::<i64>(&[b"PUBLISH".as_slice(), b"__keyevent@0__:expired", key]).await;
    };
    for key in [&b"task:live"[..], b"task:never", b"task:", b"task:\xff\xfe", b"task:id:sequence", b"index:tasks", b""]
    {
        publish(key).await;
        publish(key).await;
    }
    fixture.expire("1").await;
    publish(b"task:1").await;
    fixture.until_left("index:service:sync:users", "bob").await;
    fixture.keeps_its_entries("live").await;
}

#[tokio::test]
async fn an_expired_task_with_a_strange_name_is_cleared_by_the_listener() {
    let (fixture, _host) = maintained().await;
    fixture.plant("a:b", "s:t", "u:v").await;
    fixture.expire("a:b").await;
    eventually("nothing is left", async || fixture.run::<Vec<String>>(&["KEYS", "index:*"]).await.is_empty()).await;
}

#[tokio::test]
async fn a_listener_goes_on_after_keys_that_it_cannot_use() {
    let (fixture, _host) = maintained().await;
    for id in ["1", "2", "3"] {
        fixture.save(id).await;
    }
    fixture.save_for("4", "sync", "bob").await;
    fixture.spoil("task:1:metadata").await;
    fixture.run::<()>(&[&b"HSET"[..], b"task:2:metadata", b"service", b"\xff"]).await;
    fixture.spoil("index:user:alice").await;
    for id in ["1", "2", "3", "4"] {
        fixture.expire(id).await;
    }
    fixture.until_left("index:tasks", "4").await;
    // The third leaves the indexes that can be used.
    for index in ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice"] {
        fixture.until_left(index, "3").await;
    }
    assert!(fixture.contains("index:tasks", "1").await && fixture.contains("index:tasks", "2").await);
    fixture.store.sweep().await.unwrap();
    assert!(!fixture.exists("index:tasks").await);
    assert!(!fixture.exists("index:service:analytics:users").await);
}

#[tokio::test]
async fn a_host_that_lost_its_connection_listens_again_and_sweeps_what_it_missed() {
    let fixture = Fixture::new().await;
    let _host = fixture.maintained_by(&fixture.host(no_sweeps).await).await;
    fixture.save("1").await;
    fixture.proxy.refuse().await;
    fixture.proxy.cut_all();
    eventually("nobody listens", async || fixture.run::<Vec<String>>(&["PUBSUB", "CHANNELS"]).await.is_empty()).await;
    fixture.expire("1").await;
    fixture.keeps_its_entries("1").await;
    fixture.proxy.accept().unwrap();
    fixture.has_left_nothing("1").await;
    fixture.save("2").await;
    fixture.until_listened(0).await;
    fixture.expire("2").await;
    fixture.has_left_nothing("2").await;
}

#[tokio::test]
async fn each_host_keeps_to_its_own_database() {
    let server = RedisServer::start().await.unwrap();
    let url = server.url().replace("/0", "/3");
    let mut fixture = Fixture::on(server).await;
    // The same keys in the other database.
    fixture.save("1").await;
    fixture.store = connect(&url, no_sweeps).await;
    let other = std::mem::replace(&mut fixture.db, fixture.server.connection_to(&url).await.unwrap());
    let _host = Maintenance::start(&fixture.store);
    fixture.until_swept().await;
    fixture.until_listened(3).await;
    fixture.save("1").await;
    fixture.expire("1").await;
    fixture.has_left_nothing("1").await;
    fixture.db = other;
    fixture.keeps_its_entries("1").await;
    assert!(fixture.exists("task:1").await);
}

#[tokio::test]
async fn a_listener_that_is_left_with_an_old_primary_moves_to_the_new_one() {
    let old = RedisServer::start().await.unwrap();
    let new = RedisServer::builder().replica_of(&old).start().await.unwrap();
    new.synchronised().await.unwrap();
    let fixture = Fixture::on(old).await;
    let _host = Maintenance::start(&fixture.host(no_sweeps).await);
    fixture.until_listened(0).await;
    fixture.run::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await;
    let new = Fixture::on(new).await;
    new.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    // The connections stay as they are; only new ones lead to the new primary.
    fixture.proxy.redirect(new.server.port());
    new.until_listened(0).await;
    new.save("1").await;
    new.expire("1").await;
    new.has_left_nothing("1").await;
}
