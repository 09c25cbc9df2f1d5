//! A server that goes away, stands still, forgets, or gives its place to another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::proxy::{Fault, Trigger};
use task_state_tests::redis_server::RedisServer;
use tokio::task::JoinSet;

use crate::fixture::*;
use crate::writes::LARGE;

const WRITERS: usize = 4;

/// Writers that append to one task until they are told to stop.
struct Load {
    store: Arc<RedisStore>,
    writers: JoinSet<Vec<Sent>>,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicUsize>,
}

/// An entry: when it was sent, and whether it was acknowledged.
#[derive(Debug, Clone)]
struct Sent {
    entry: String,
    at: Instant,
    acknowledged: bool,
}

impl Load {
    fn start(store: Arc<RedisStore>) -> Self {
        let (acknowledged, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, acknowledged, stop) = (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&stop));
            writers.spawn(async move {
                let mut sent = Vec::new();
                while stop.load(SeqCst) == 0 {
                    let (entry, at) = (format!("{writer}-{}", sent.len()), Instant::now());
                    let answer = store.change(&task_id("1"), Change::logs([entry.clone()]), &Access::ANY).await;
                    if !matches!(answer, Ok(_) | Err(Error::Unavailable(_))) {
                        panic!("{answer:?}");
                    }
                    acknowledged.fetch_add(usize::from(answer.is_ok()), SeqCst);
                    sent.push(Sent { entry, at, acknowledged: answer.is_ok() });
                }
                sent
            });
        }
        Self { store, writers, acknowledged, stop }
    }

    /// Waits until so many more entries have been acknowledged.
    async fn goes_on(&self, entries: usize) {
        let until = self.acknowledged.load(SeqCst) + entries;
        eventually("progress", async || self.acknowledged.load(SeqCst) >= until).await;
    }

    /// What was sent, and what is there.
    async fn end(self) -> (Vec<Sent>, Vec<String>) {
        self.stop.store(1, SeqCst);
        let sent = soon("end of the writers", self.writers.join_all()).await;
        (sent.concat(), messages(&get(&self.store, &task_id("1")).await))
    }

    /// Ends it. Every entry was acknowledged and is there once.
    async fn end_with_all_there(self) {
        let (sent, messages) = self.end().await;
        let there = assert_once_and_in_order(&messages);
        for sent in &sent {
            assert!(sent.acknowledged, "{} was given up", sent.entry);
            assert!(there.contains(sent.entry.as_str()), "{} was acknowledged and is lost", sent.entry);
        }
        assert_eq!(there.len(), sent.len());
    }
}

/// That nothing is there twice, and in each writer's order. Returns what is there.
fn assert_once_and_in_order(messages: &[String]) -> BTreeSet<&str> {
    let set: BTreeSet<&str> = messages.iter().map(String::as_str).collect();
    assert_eq!(set.len(), messages.len(), "an entry is there twice");
    for writer in 0..WRITERS {
        let prefix = format!("{writer}-");
        let own = messages.iter().filter_map(|message| message.strip_prefix(&prefix));
        let numbers: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "the entries of writer {writer} are out of order");
    }
    set
}

/// Writers at work by way of the proxy, on a host that waits for long.
async fn load(fixture: &Fixture) -> Load {
    let patient = |options: &mut RedisOptions| {
        options.deadline = Duration::from_secs(60);
        options.response_timeout = Duration::from_millis(500);
    };
    let store = fixture.host(patient).await;
    save(&store, draft("1")).await;
    Load::start(store)
}

#[tokio::test]
async fn nothing_is_lost_when_a_durable_server_is_killed_and_restarted() {
    let mut fixture = Fixture::on(RedisServer::builder().durable().start().await.unwrap()).await;
    let load = load(&fixture).await;
    for _ in 0..3 {
        load.goes_on(50).await;
        fixture.server.restart().await.unwrap();
    }
    load.goes_on(50).await;
    load.end_with_all_there().await;
}

#[tokio::test]
async fn nothing_is_lost_when_a_server_stands_still_for_a_while() {
    let fixture = Fixture::new().await;
    let load = load(&fixture).await;
    for _ in 0..3 {
        load.goes_on(50).await;
        let connections = fixture.proxy.counts().connections;
        fixture.server.pause().unwrap();
        // The host has given the connection up and tried others, all of which the server will see when it goes on.
        eventually("new connection", async || fixture.proxy.counts().connections > connections + 1).await;
        fixture.server.resume().unwrap();
    }
    load.goes_on(50).await;
    load.end_with_all_there().await;
}

#[tokio::test]
async fn a_server_that_stands_still_holds_no_call_beyond_its_deadline() {
    let fixture = Fixture::new().await;
    let store = fixture.host(|options| options.deadline = Duration::from_millis(500)).await;
    let id = save(&store, draft("1")).await;
    fixture.server.pause().unwrap();
    // The first call finds a connection, the later ones have to make one.
    for _ in 0..3 {
        let start = Instant::now();
        let answer = store.change(&id, Change::logs(["late"]), &Access::ANY).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        assert!(start.elapsed() < Duration::from_millis(1_500), "it took {:?}", start.elapsed());
    }
    fixture.server.resume().unwrap();
    eventually("server", async || store.change(&id, Change::logs(["in time"]), &Access::ANY).await.is_ok()).await;
    assert_eq!(messages(&get(&store, &id).await).last().unwrap(), "in time");
    assert!(!messages(&get(&store, &id).await).contains(&"late".to_owned()), "a write came after its deadline");
}

#[tokio::test]
async fn nothing_is_lost_when_clients_are_killed_and_scripts_forgotten() {
    let fixture = Fixture::new().await;
    let load = load(&fixture).await;
    for round in 0..20 {
        load.goes_on(10).await;
        let command = if round % 2 == 0 { &["CLIENT", "KILL", "TYPE", "normal"][..] } else { &["SCRIPT", "FLUSH"] };
        fixture.run::<redis::Value>(command).await;
    }
    load.end_with_all_there().await;
}

#[tokio::test]
async fn scripts_may_be_forgotten_between_a_staged_document_and_its_script() {
    let fixture = Fixture::new().await;
    let store = fixture.host(|_| {}).await;
    save(&store, draft("warm")).await;
    let script = fixture.proxy.inject(Trigger::when(writes), Fault::StallRequest);
    let large = logged_draft("1", ["x".repeat(LARGE)]);
    let forget = async {
        script.until_hit().await;
        fixture.run::<()>(&["SCRIPT", "FLUSH"]).await;
        script.release();
    };
    let (saved, ()) = tokio::join!(store.save(large, Precondition::Absent, &Access::ANY), soon("script", forget));
    assert_eq!(messages(&get(&store, &saved.unwrap()).await), ["x".repeat(LARGE)]);
    let staged: Vec<String> = fixture.run(&["KEYS", "task-state:stage:*"]).await;
    assert_eq!(staged, [""; 0], "a staged document was left behind");
}

/// A replica that has all of a server's data.
async fn replica_of(primary: &RedisServer) -> RedisServer {
    let replica = RedisServer::builder().replica_of(primary).start().await.unwrap();
    replica.synchronised().await.unwrap();
    // Only what it has acknowledged once does the primary send on as it comes.
    let mut pipeline = redis::pipe();
    pipeline.cmd("SET").arg("task-state:test").arg(1).ignore().cmd("WAIT").arg(1).arg(0);
    let (received,): (u8,) = pipeline.query_async(&mut primary.connection().await.unwrap()).await.unwrap();
    assert_eq!(received, 1);
    replica
}

async fn field(server: &RedisServer, name: &str) -> String {
    server.info("replication").await.unwrap().remove(name).unwrap_or_default()
}

#[tokio::test]
async fn nothing_is_lost_in_a_planned_failover() {
    let fixture = Fixture::new().await;
    let replica = replica_of(&fixture.server).await;
    let load = load(&fixture).await;
    load.goes_on(50).await;
    fixture.run::<redis::Value>(&["FAILOVER", "TO", "127.0.0.1", &replica.port().to_string()]).await;
    eventually("new primary", async || field(&replica, "role").await == "master").await;
    // Connections to the old primary stay: that it takes no writes is what the host has to notice.
    fixture.proxy.redirect(replica.port());
    load.goes_on(50).await;
    load.end_with_all_there().await;
}

#[tokio::test]
async fn a_primary_that_turns_read_only_in_the_middle_of_work_is_left_for_the_new_one() {
    let fixture = Fixture::new().await;
    let replica = replica_of(&fixture.server).await;
    let load = load(&fixture).await;
    load.goes_on(50).await;
    fixture.run::<redis::Value>(&["CLIENT", "PAUSE", "60000", "WRITE"]).await;
    eventually("replica with everything", async || {
        field(&replica, "slave_repl_offset").await == field(&fixture.server, "master_repl_offset").await
    })
    .await;
    replica.run::<redis::Value>(&["REPLICAOF", "NO", "ONE"]).await;
    fixture.run::<redis::Value>(&["REPLICAOF", "127.0.0.1", &replica.port().to_string()]).await;
    fixture.run::<redis::Value>(&["CLIENT", "UNPAUSE"]).await;
    fixture.proxy.redirect(replica.port());
    load.goes_on(50).await;
    load.end_with_all_there().await;
}

#[tokio::test]
async fn an_unplanned_failover_loses_at_most_what_the_replica_had_not_received_and_doubles_nothing() {
    let mut fixture = Fixture::new().await;
    let replica = replica_of(&fixture.server).await;
    let load = load(&fixture).await;
    load.goes_on(200).await;
    fixture.server.kill();
    eventually("replica alone", async || field(&replica, "master_link_status").await == "down").await;
    let behind = connect(&replica.url(), |_| {}).await;
    let received = messages(&get(&behind, &task_id("1")).await);
    replica.run::<redis::Value>(&["REPLICAOF", "NO", "ONE"]).await;
    let switched = Instant::now();
    fixture.proxy.switch_to(replica.port());
    load.goes_on(50).await;
    let (sent, found) = load.end().await;
    let there = assert_once_and_in_order(&found);
    assert!(found.starts_with(&received), "what the replica had received did not stay");
    for sent in sent.iter().filter(|sent| sent.acknowledged && sent.at > switched) {
        assert!(there.contains(sent.entry.as_str()), "{} was acknowledged by the new primary and is lost", sent.entry);
    }
    assert!(received.len() >= 100, "the replica had received {} entries only", received.len());
}

#[tokio::test]
async fn a_server_that_stands_still_gathers_no_more_calls_than_may_wait() {
    let fixture = Fixture::new().await;
    let impatient = |options: &mut RedisOptions| {
        (options.max_calls, options.deadline) = (2, Duration::from_millis(500));
    };
    let store = fixture.host(impatient).await;
    save(&store, draft("1")).await;
    fixture.server.pause().unwrap();
    let append = async |entry: &str| store.change(&task_id("1"), Change::logs([entry]), &Access::ANY).await;
    let (one, two, three) = tokio::join!(append("one"), append("two"), append("three"));
    fixture.server.resume().unwrap();
    for waited in [one, two] {
        assert!(!waited.unwrap_err().to_string().contains("waiting already"));
    }
    let Err(Error::Unavailable(why)) = three else { panic!("{three:?}") };
    assert!(why.contains("2 calls are waiting already"), "{why}");
    append("four").await.unwrap();
}
