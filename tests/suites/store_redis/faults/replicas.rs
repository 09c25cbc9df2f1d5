//! A read URL whose server is away, stands still or is behind: listings go to the primary or are late by as much, and a
//! task that is asked for by id always comes from the primary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use task_state_host::record::{Change, Status};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Owners, Query, Scope, StoreUrl, TaskStore};
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::redis_server::{Builder, RedisServer};

use super::{Bench, draft, eventually, get, messages, save, soon};

const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A primary, its replica, and a host that reads listings from the replica by way of a proxy.
struct Pair {
    /// The primary: it lives as long as this.
    _primary: Bench,
    replica: RedisServer,
    to_replica: Proxy,
    store: Arc<RedisStore>,
}

impl Pair {
    async fn new(set: impl FnOnce(Builder) -> Builder) -> Self {
        let bench = Bench::new().await;
        let replica = set(RedisServer::builder().replica_of(&bench.server)).start().await.unwrap();
        replica.synchronised().await.unwrap();
        let to_replica = Proxy::start(replica.port()).await.unwrap();
        let store = bench
            .host(|options| {
                let StoreUrl::Redis(url) = StoreUrl::parse(&to_replica.url()).unwrap() else { panic!("a Redis URL") };
                options.read_url = Some(url);
                options.response_timeout = RESPONSE_TIMEOUT;
            })
            .await;
        Self { _primary: bench, replica, to_replica, store }
    }

    /// The ids of all tasks, walked in pages of one: each is a question of its own.
    async fn walk(&self) -> Vec<String> {
        let mut query = Query::new(Scope::All);
        query.limit = 1;
        let mut ids = Vec::new();
        loop {
            let page = self.store.list(&query).await.unwrap();
            ids.extend(page.tasks.iter().map(|task| task.task_id().to_owned()));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return ids,
            }
        }
    }

    async fn tell_replica(&self, words: &[&str]) {
        let mut connection = self.replica.connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async::<()>(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn listings_are_read_from_the_replica_and_tasks_from_the_primary() {
    let pair = Pair::new(|replica| replica).await;
    let id = save(&pair.store, draft("1")).await;
    eventually("replica with the task", async || pair.walk().await == ["1"]).await;
    let asked = pair.to_replica.counts().requests;
    pair.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&pair.store, &id).await), ["entry"]);
    pair.store.status(&id, &Access::ANY).await.unwrap();
    assert_eq!(pair.to_replica.counts().requests, asked, "the replica was asked for a task");
    // A replica is asked while it keeps up.
    eventually("listing by the replica", async || {
        pair.walk().await;
        pair.to_replica.counts().requests > asked
    })
    .await;
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
    let id = save(&pair.store, draft("1")).await;
    for id in ["2", "3", "4", "5"] {
        save(&pair.store, draft(id)).await;
    }
    eventually("replica with the tasks", async || pair.walk().await.len() == 5).await;
    pair.replica.pause().unwrap();
    let start = Instant::now();
    assert_eq!(pair.walk().await, ["1", "2", "3", "4", "5"]);
    assert!(start.elapsed() < 3 * RESPONSE_TIMEOUT, "it took {:?}", start.elapsed());
    get(&pair.store, &id).await;
    pair.replica.resume().unwrap();
    let asked = pair.to_replica.counts().requests;
    eventually("question to the replica, which is back", async || {
        pair.walk().await;
        pair.to_replica.counts().requests > asked
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_has_lost_its_primary_soon_leaves_listings_to_the_primary() {
    let pair = Pair::new(|replica| replica).await;
    let id = save(&pair.store, draft("1")).await;
    eventually("replica with the task", async || pair.walk().await == ["1"]).await;
    pair.tell_replica(&["REPLICAOF", "127.0.0.1", "1"]).await;
    save(&pair.store, draft("2")).await;
    pair.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&pair.store, &id).await), ["entry"]);
    eventually("listing with the second task", async || pair.walk().await == ["1", "2"]).await;
}

#[tokio::test]
async fn a_replica_that_serves_nothing_stale_leaves_listings_to_the_primary() {
    let pair = Pair::new(|replica| replica.directive("replica-serve-stale-data", "no")).await;
    save(&pair.store, draft("1")).await;
    eventually("replica with the task", async || pair.walk().await == ["1"]).await;
    pair.tell_replica(&["REPLICAOF", "127.0.0.1", "1"]).await;
    save(&pair.store, draft("2")).await;
    assert_eq!(pair.walk().await, ["1", "2"]);
}

#[tokio::test]
async fn a_replica_that_stops_serving_in_the_middle_of_a_count_is_not_taken_for_an_empty_one() {
    let pair = Pair::new(|replica| replica.directive("replica-serve-stale-data", "no")).await;
    save(&pair.store, draft("1")).await;
    eventually("replica with the task", async || pair.walk().await == ["1"]).await;
    let reading = pair.to_replica.inject(Trigger::command("GETRANGE"), Fault::StallRequest);
    let stop = async {
        reading.until_hit().await;
        pair.tell_replica(&["REPLICAOF", "127.0.0.1", "1"]).await;
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
