//! A read URL whose server is away, stands still or is behind: listings go to the primary or are late by as much, and a
//! task that is asked for by id always comes from the primary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::redis_server::{Builder, RedisServer};
use task_state_tests::redis_store::redis_url;

use crate::fixture::*;

/// Long enough that a slow machine does not look like one that waited for it.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A primary, its replica, and a host that reads listings from the replica by way of a proxy.
struct Pair {
    primary: Fixture,
    replica: RedisServer,
    to_replica: Proxy,
    store: Arc<RedisStore>,
}

impl Pair {
    async fn new(set: impl FnOnce(Builder) -> Builder) -> Self {
        let primary = Fixture::new().await;
        let replica = set(RedisServer::builder().replica_of(&primary.server)).start().await.unwrap();
        replica.synchronised().await.unwrap();
        let to_replica = Proxy::start(replica.port()).await.unwrap();
        let read_from_replica = |options: &mut RedisOptions| {
            options.read_url = Some(redis_url(&to_replica.url()));
            options.response_timeout = RESPONSE_TIMEOUT;
        };
        let store = primary.host(read_from_replica).await;
        Self { primary, replica, to_replica, store }
    }

    /// The ids of all tasks, walked in pages of one: each is a question of its own.
    async fn walk(&self) -> Vec<String> {
        listed(&self.store, paged(Scope::All, 1)).await
    }

    /// Waits until a walk finds these tasks.
    async fn until_listed(&self, ids: &[&str]) {
        eventually("listing of the tasks", async || self.walk().await == ids).await;
    }

    /// Waits until a listing is read from the replica: it is asked while it keeps up.
    async fn until_asked(&self) {
        let asked = self.to_replica.counts().requests;
        eventually("question to the replica", async || {
            self.walk().await;
            self.to_replica.counts().requests > asked
        })
        .await;
    }

    /// Sends the replica after another primary.
    async fn follow(&self, port: u16) {
        self.replica.run::<()>(&["REPLICAOF", "127.0.0.1", &port.to_string()]).await;
    }
}

#[tokio::test]
async fn listings_are_read_from_the_replica_and_tasks_from_the_primary() {
    let pair = Pair::new(|replica| replica).await;
    let id = save(&pair.store, draft("1")).await;
    pair.until_listed(&["1"]).await;
    let asked = pair.to_replica.counts().requests;
    pair.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&pair.store, &id).await), ["entry"]);
    pair.store.status(&id, &Access::ANY).await.unwrap();
    assert_eq!(pair.to_replica.counts().requests, asked, "the replica was asked for a task");
    pair.until_asked().await;
}

#[tokio::test]
async fn a_replica_that_is_away_leaves_listings_to_the_primary_at_once() {
    let mut pair = Pair::new(|replica| replica).await;
    for id in ["1", "2", "3"] {
        save(&pair.store, draft(id)).await;
    }
    pair.replica.kill();
    let start = Instant::now();
    assert_eq!(pair.walk().await, ["1", "2", "3"]);
    assert!(start.elapsed() < RESPONSE_TIMEOUT, "it took {:?}", start.elapsed());
    pair.to_replica.refuse().await;
    pair.to_replica.cut_all();
    assert_eq!(pair.walk().await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_replica_that_stands_still_is_waited_for_once() {
    let pair = Pair::new(|replica| replica).await;
    let ids = ["1", "2", "3", "4", "5"];
    for id in ids {
        save(&pair.store, draft(id)).await;
    }
    pair.until_listed(&ids).await;
    pair.replica.pause().unwrap();
    let start = Instant::now();
    assert_eq!(pair.walk().await, ids);
    assert!(start.elapsed() < 3 * RESPONSE_TIMEOUT, "it took {:?}", start.elapsed());
    get(&pair.store, &task_id("1")).await;
    pair.replica.resume().unwrap();
    pair.until_asked().await;
}

#[tokio::test]
async fn a_replica_that_has_lost_its_primary_soon_leaves_listings_to_the_primary() {
    let pair = Pair::new(|replica| replica).await;
    let id = save(&pair.store, draft("1")).await;
    pair.until_listed(&["1"]).await;
    pair.follow(1).await;
    save(&pair.store, draft("2")).await;
    pair.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&pair.store, &id).await), ["entry"]);
    pair.until_listed(&["1", "2"]).await;
    pair.follow(pair.primary.server.port()).await;
    pair.until_asked().await;
}

#[tokio::test]
async fn a_replica_that_serves_nothing_stale_leaves_listings_to_the_primary() {
    let pair = Pair::new(|replica| replica.directive("replica-serve-stale-data", "no")).await;
    save(&pair.store, draft("1")).await;
    pair.until_listed(&["1"]).await;
    pair.follow(1).await;
    save(&pair.store, draft("2")).await;
    assert_eq!(pair.walk().await, ["1", "2"]);
}

#[tokio::test]
async fn a_replica_that_stops_serving_in_the_middle_of_a_count_is_not_taken_for_an_empty_one() {
    let pair = Pair::new(|replica| replica.directive("replica-serve-stale-data", "no")).await;
    save(&pair.store, draft("1")).await;
    pair.until_listed(&["1"]).await;
    let reading = pair.to_replica.inject(Trigger::command("GETRANGE"), Fault::StallRequest);
    let stop = async {
        reading.until_hit().await;
        pair.follow(1).await;
        reading.release();
    };
    // A count goes to the primary when the replica is found to be behind: the one that matters is read from the replica.
    let count = async {
        loop {
            let counts = pair.store.count(&Scope::All, &Owners::ANY).await.unwrap();
            assert_eq!(counts.get(&Status::Pending), Some(&1));
            if reading.hits() > 0 {
                return;
            }
        }
    };
    soon("count that was read from the replica", async { tokio::join!(count, stop) }).await;
}

#[tokio::test]
async fn a_server_that_does_not_follow_the_primary_is_read_from_by_nobody() {
    let other = RedisServer::start().await.unwrap();
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let host = fixture.host(|options| options.read_url = Some(redis_url(&other.url()))).await;
    assert_eq!(listed_in(&host, Scope::All).await, ["1"]);
}
