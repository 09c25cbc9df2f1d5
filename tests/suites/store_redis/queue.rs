//! The queue on a server that fails, and what others see of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use task_state_host::record::Priority;
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Pause, Ticket, Wanted};
use task_state_tests::proxy::{Fault, Trigger};
use task_state_tests::redis_server::RedisServer;

use crate::fixture::*;

const LONG: Duration = Duration::from_secs(3_600);

/// Short enough to be waited for, and long enough for a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);

const FAULTS: [Fault; 6] = [
    Fault::CutBeforeRequest,
    Fault::CutInRequest,
    Fault::CutBeforeReply,
    Fault::CutInReply,
    Fault::SwallowRequest,
    Fault::SwallowReply,
];

fn wanted(most: usize) -> [Wanted; 1] {
    [Wanted::new(Service::new("analytics").unwrap(), most)]
}

async fn take(store: &Arc<RedisStore>, most: usize) -> Vec<Ticket> {
    store.queue().take(&wanted(most), LONG).await.unwrap()
}

async fn queued(store: &Arc<RedisStore>, id: &str) -> TaskId {
    let id = save(store, draft(id)).await;
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    id
}

fn claim_with(ticket: &Ticket) -> Claim {
    let mut claim = claim(ticket.task_id.as_str());
    claim.attempts = 9;
    claim.ticket = Some(ticket.clone());
    claim
}

fn user(name: &str) -> Pause {
    Pause::User(UserId::new(name).unwrap())
}

#[tokio::test]
async fn what_is_done_to_the_queue_happens_once_under_each_fault_of_a_connection() {
    let fixture = Fixture::new().await;
    let store = fixture.host(|options| options.response_timeout = RESPONSE_TIMEOUT).await;
    for fault in FAULTS {
        let id = fixture.save("1").await;
        let under_fault = || fixture.proxy.inject(Trigger::when(writes), fault);
        let met = |injected: task_state_tests::proxy::Injected| {
            assert_eq!(injected.hits(), 1, "{fault:?}");
            fixture.proxy.clear();
        };
        let injected = under_fault();
        soon("queued", store.queue().enqueue(&id, Duration::ZERO, &Access::ANY)).await.unwrap();
        met(injected);
        let ticket = take(&fixture.store, 9).await.pop().unwrap();
        assert_eq!(take(&fixture.store, 9).await, []);

        let claim = claim_with(&ticket);
        let run = claim.run.clone();
        let injected = under_fault();
        assert_eq!(soon("claimed", store.claim(claim)).await.unwrap().attempt, 1, "{fault:?}");
        met(injected);

        let injected = under_fault();
        soon("given back", store.queue().retry(&id, &run, Duration::ZERO)).await.unwrap();
        met(injected);
        let ticket = take(&fixture.store, 9).await.pop().unwrap();
        assert_eq!(take(&fixture.store, 9).await, []);
        fixture.store.queue().give_back(&ticket).await.unwrap();

        let injected = under_fault();
        assert!(soon("taken out", store.queue().dequeue(&id)).await.unwrap(), "{fault:?}");
        met(injected);
        assert_eq!(take(&fixture.store, 9).await, []);
        fixture.store.delete(&id, &Access::ANY).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_with_tickets_loses_no_task() {
    let fixture = Fixture::new().await;
    let store = fixture.host(|options| options.response_timeout = RESPONSE_TIMEOUT).await;
    queued(&fixture.store, "1").await;
    let takes = |request: &task_state_tests::proxy::Request<'_>| request.contains("task-state:queue-taken");
    fixture.proxy.inject(Trigger::when(takes), Fault::CutBeforeReply);
    // Tried again, it finds nothing: the task is in nobody's hands for as long as it is waited for.
    let patience = Duration::from_millis(200);
    let mut taken = soon("answer", store.queue().take(&wanted(1), patience)).await.unwrap();
    if taken.is_empty() {
        taken = within(Duration::from_secs(10), "it waits again", async || {
            Some(take(&store, 1).await).filter(|t| !t.is_empty())
        })
        .await;
    }
    store.claim(claim_with(&taken[0])).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_arrivals_goes_on_when_the_connection_was_cut_in_the_middle_of_a_read() {
    let fixture = Fixture::new().await;
    let store = fixture.host(|_| {}).await;
    let mut arrivals = store.queue().arrivals();
    let clients = async || -> String { fixture.run(&["CLIENT", "LIST"]).await };
    let reads = async || clients().await.lines().any(|client| client.contains("cmd=xread"));
    for id in ["1", "2", "3"] {
        eventually("a blocking read", reads).await;
        queued(&fixture.store, id).await;
        loop {
            soon("news", arrivals.next()).await.unwrap();
            if !take(&fixture.store, 1).await.is_empty() {
                break;
            }
        }
        fixture.proxy.cut_all();
        eventually("no read", async || !reads().await || fixture.proxy.counts().connections > 2).await;
    }
    drop(arrivals);
    eventually("the reader has ended", async || !reads().await).await;
}

#[tokio::test]
async fn pauses_are_those_of_the_scheduler() {
    let mut fixture = Fixture::new().await;
    let store = fixture.store.clone();
    queued(&store, "1").await;
    // As the scheduler writes it.
    fixture.run::<()>(&["SET", "blocks:all", r#"{"blocked": true, "blocked_users": ["bob"]}"#]).await;
    fixture.run::<()>(&["SET", "blocks:user:bob", r#"{"blocked": true}"#]).await;
    assert_eq!(store.queue().pauses().await.unwrap(), BTreeSet::from([Pause::All, user("bob")]));
    assert_eq!(take(&store, 9).await, []);
    store.queue().pause(&user("alice")).await.unwrap();
    store.queue().resume(&Pause::All).await.unwrap();
    assert_eq!(take(&store, 9).await, []);
    let text =
        async |key: &str| -> Value { serde_json::from_str(&fixture.run::<String>(&["GET", key]).await).unwrap() };
    assert_eq!(text("blocks:all").await, json!({"blocked": false, "blocked_users": ["bob", "alice"]}));
    assert_eq!(text("blocks:user:alice").await, json!({"blocked": true}));
    for name in ["alice", "bob"] {
        store.queue().resume(&user(name)).await.unwrap();
    }
    assert_eq!(text("blocks:all").await, json!({"blocked": false, "blocked_users": []}));
    assert_eq!(text("blocks:user:bob").await, json!({"blocked": false}));
    // A user whom only the key of his own blocks.
    fixture.run::<()>(&["SET", "blocks:user:alice", r#"{"blocked": true}"#]).await;
    assert_eq!(take(&store, 9).await, []);
    fixture.run::<()>(&["DEL", "blocks:user:alice"]).await;
    // What cannot be read pauses nothing, and is not overwritten.
    fixture.run::<()>(&["SET", "blocks:all", "[[["]).await;
    let error = store.queue().pause(&Pause::All).await.unwrap_err().to_string();
    assert!(error.contains("blocks:all"), "{error}");
    assert_eq!(fixture.run::<String>(&["GET", "blocks:all"]).await, "[[[");
    assert_eq!(take(&store, 9).await.len(), 1);
    fixture.server.kill();
}

#[tokio::test]
async fn a_queue_that_was_emptied_leaves_little_and_for_a_time() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for n in 0..20 {
        queued(store, &n.to_string()).await;
    }
    for ticket in take(store, 20).await {
        let claim = claim_with(&ticket);
        let run = claim.run.clone();
        store.claim(claim).await.unwrap();
        store.change(&ticket.task_id, Change::finish(Status::Completed), &Access::ANY.during(run)).await.unwrap();
    }
    assert_eq!(take(store, 20).await, []);
    let mut left: Vec<String> = fixture.run(&["KEYS", "task-state:queue*"]).await;
    left.sort();
    assert_eq!(left, ["task-state:queue-arrivals", "task-state:queue-services", "task-state:queue:analytics"]);
    for key in left {
        assert!(fixture.ttl(&key).await > 0, "{key}");
    }
    let metadata: Vec<String> = fixture.run(&["HKEYS", "task:7:metadata"]).await;
    assert_eq!(BTreeSet::from_iter(metadata), BTreeSet::from(["service".to_owned(), "user_id".to_owned()]));
}

#[tokio::test]
async fn every_key_of_the_queue_lives_for_a_time_that_no_host_shortens() {
    let fixture = Fixture::new().await;
    let brief = fixture.host(|options| options.task_ttl = Duration::from_secs(100)).await;
    let mut lives = BTreeMap::new();
    // A host whose tasks live for a day, and by turns one whose tasks live for two minutes.
    for (n, store) in [&fixture.store, &brief].into_iter().cycle().take(6).enumerate() {
        let id = queued(store, &n.to_string()).await;
        none_was_shortened(&fixture, &mut lives).await;
        store.change(&id, Change::priority(Priority::High), &Access::ANY).await.unwrap();
        none_was_shortened(&fixture, &mut lives).await;
        queued(store, &format!("waits-{n}")).await;
        none_was_shortened(&fixture, &mut lives).await;
        let ticket = take(store, 1).await.pop().unwrap();
        none_was_shortened(&fixture, &mut lives).await;
        let claim = claim_with(&ticket);
        let run = claim.run.clone();
        store.claim(claim).await.unwrap();
        store.queue().retry(&ticket.task_id, &run, Duration::from_secs(50)).await.unwrap();
        none_was_shortened(&fixture, &mut lives).await;
    }
    for key in ["queue-taken", "queue-later", "queue-services", "queue-arrivals", "queue:analytics:high:alice"] {
        assert!(lives.contains_key(&format!("task-state:{key}")), "{key}: {lives:?}");
    }
}

/// Compares how long the keys of the queue have to live with how long they had before the last step.
async fn none_was_shortened(fixture: &Fixture, lives: &mut BTreeMap<String, i64>) {
    /// What passes while a busy machine does one step.
    const SLACK: i64 = 30;
    let keys: Vec<String> = fixture.run(&["KEYS", "task-state:queue*"]).await;
    for key in &keys {
        let ttl = fixture.ttl(key).await;
        assert!(ttl > 0, "{key} lives for ever");
        if let Some(before) = lives.get(key).filter(|before| **before > 0) {
            assert!(ttl + SLACK > *before, "{key} had {before} s to live, and has {ttl} s");
        }
        lives.insert(key.clone(), ttl);
    }
    // What is not there now may be made anew, by whoever makes it.
    lives.iter_mut().filter(|(key, _)| !keys.contains(key)).for_each(|(_, ttl)| *ttl = 0);
}

#[tokio::test]
async fn a_key_of_the_queue_of_another_type_is_named_and_nothing_is_written() {
    let fixture = Fixture::new().await;
    let keys = [
        ("task-state:queue:analytics:low", "zset"),
        ("task-state:queue:analytics:low:alice", "zset"),
        ("task-state:queue-later", "zset"),
        ("task-state:queue-arrivals", "stream"),
        ("task-state:queue-services", "set"),
        ("task:1:metadata", "hash"),
        ("task:1", "string"),
    ];
    for (key, kind) in keys {
        fixture.run::<()>(&["FLUSHDB"]).await;
        let id = fixture.save("1").await;
        fixture.spoil(key).await;
        let answer = fixture.store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await;
        match answer {
            Err(Error::WrongType { key: found, expected, .. }) => assert_eq!((found.as_str(), expected), (key, kind)),
            other => panic!("{key}: {other:?}"),
        }
        assert!(!fixture.run::<bool>(&["EXISTS", "task-state:queue:analytics"]).await);
        if !key.starts_with("task:") {
            assert!(!fixture.run::<bool>(&["HEXISTS", "task:1:metadata", "queue"]).await, "{key}");
        }
    }
}

#[tokio::test]
async fn what_was_accepted_is_run_once_although_the_server_is_killed_again_and_again() {
    const TASKS: usize = 150;
    let mut fixture = Fixture::on(RedisServer::builder().durable().start().await.unwrap()).await;
    let patient =
        |options: &mut task_state_host::store::redis::RedisOptions| options.deadline = Duration::from_secs(60);
    let (submitting, running) = (fixture.host(patient).await, fixture.host(patient).await);
    let submitted = tokio::spawn(async move {
        for n in 0..TASKS {
            let id = save(&submitting, draft(&n.to_string())).await;
            submitting.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap();
        }
    });
    let runs = tokio::spawn(async move {
        let mut ended = 0;
        while ended < TASKS {
            let patience = Duration::from_secs(2);
            for ticket in running.queue().take(&wanted(5), patience).await.unwrap() {
                let claim = claim_with(&ticket);
                let run = claim.run.clone();
                match running.claim(claim).await {
                    // The server took longer to come back than the ticket is good for.
                    Err(Error::Held) => continue,
                    claimed => assert_eq!(claimed.unwrap().attempt, 1),
                }
                let change = Change::finish(Status::Completed).log("ran");
                running.change(&ticket.task_id, change, &Access::ANY.during(run)).await.unwrap();
                ended += 1;
            }
        }
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fixture.server.restart().await.unwrap();
    }
    within(Duration::from_secs(60), "all have run", async || {
        (submitted.is_finished() && runs.is_finished()).then_some(())
    })
    .await;
    submitted.await.unwrap();
    runs.await.unwrap();
    let store = fixture.other_host().await;
    for n in 0..TASKS {
        let task = get(&store, &task_id(&n.to_string())).await;
        assert_eq!((task.status(), messages(&task)), (Status::Completed, vec!["ran".to_owned()]), "{n}");
    }
}

#[tokio::test]
async fn a_task_that_others_have_deleted_is_taken_once_more_and_then_gone() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    queued(store, "1").await;
    fixture.run::<()>(&["DEL", "task:1", "task:1:metadata"]).await;
    let ticket = take(store, 9).await.pop().unwrap();
    assert!(matches!(store.claim(claim_with(&ticket)).await, Err(Error::NotFound)));
    assert!(store.queue().discard(&ticket).await.unwrap());
    for key in ["task-state:queue-taken", "task-state:queue-later", "task-state:queue:analytics:low:alice"] {
        assert!(!fixture.exists(key).await, "{key}");
    }
    assert!(!fixture.exists("task:1:metadata").await);
}

#[tokio::test]
async fn what_is_said_to_be_in_the_queue_and_is_not_is_queued_anew() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = queued(store, "1").await;
    // It had lived for longer than its lane.
    fixture.run::<()>(&["DEL", "task-state:queue:analytics:low:alice"]).await;
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    assert_eq!(take(store, 9).await.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_one_service_does_not_stop_the_others() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    queued(store, "1").await;
    fixture.run::<()>(&["SET", "task-state:queue:other:high", "x"]).await;
    fixture.run::<()>(&["HSET", "task-state:queue:analytics", "turns", "many"]).await;
    for member in ["no place", "nocolon 1 5", "a:b c 7", "task-state:queue:x:low:y z not-a-number"] {
        fixture.run::<()>(&["ZADD", "task-state:queue-later", "1", member]).await;
    }
    // A place whose lane is of another type stays where it is.
    fixture.run::<()>(&["SET", "task-state:queue:broken:low:u", "x"]).await;
    fixture.run::<()>(&["ZADD", "task-state:queue-taken", "1", "task-state:queue:broken:low:u 7 5"]).await;
    let other = Wanted::new(Service::new("other").unwrap(), 9);
    let tickets = store.queue().take(&[other.clone(), wanted(9)[0].clone()], LONG).await.unwrap();
    assert_eq!(tickets.len(), 1);
    assert_eq!(fixture.run::<u64>(&["ZCARD", "task-state:queue-later"]).await, 0);
    assert_eq!(fixture.run::<u64>(&["ZCARD", "task-state:queue-taken"]).await, 2);
    let error = store.queue().take(&[other], LONG).await.unwrap_err().to_string();
    assert!(error.contains("the queue of the service other"), "{error}");
}

#[tokio::test]
async fn however_many_users_are_paused_the_others_come_to_their_turns() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let paused: Vec<String> = (0..2_500).map(|n| format!("paused-{n}")).collect();
    fixture
        .plant_all(|pipeline| {
            for (n, user) in paused.iter().enumerate() {
                let lanes = "task-state:queue:analytics:low";
                pipeline.cmd("ZADD").arg(lanes).arg(n).arg(user);
                pipeline.cmd("ZADD").arg(format!("{lanes}:{user}")).arg(n).arg(format!("{lanes}:{user} p{n} {n}"));
            }
            let blocks = json!({"blocked": false, "blocked_users": paused}).to_string();
            pipeline.cmd("SET").arg("blocks:all").arg(blocks);
        })
        .await;
    queued(store, "1").await;
    let mut tickets = Vec::new();
    for _ in 0..5 {
        tickets.extend(take(store, 9).await);
    }
    assert_eq!(tickets.len(), 1);
    // A host that serves some users looks for those alone.
    queued(store, "2").await;
    let mut of_alice = wanted(9);
    of_alice[0].users = Allowed::only(["alice", "nobody"]);
    assert_eq!(store.queue().take(&of_alice, LONG).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_ends_whole_although_a_key_of_the_queue_is_of_another_type() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    queued(store, "1").await;
    let ticket = take(store, 9).await.pop().unwrap();
    let claim = claim_with(&ticket);
    let run = claim.run.clone();
    store.claim(claim).await.unwrap();
    fixture.spoil("task-state:queue-later").await;
    let change = Change::finish(Status::Completed).log("the end");
    store.change(&ticket.task_id, change, &Access::ANY.during(run)).await.unwrap();
    assert_eq!(get(store, &ticket.task_id).await.status(), Status::Completed);
    let left: Vec<String> = fixture.run(&["HKEYS", "task:1:metadata"]).await;
    assert_eq!(BTreeSet::from_iter(left), BTreeSet::from(["service".to_owned(), "user_id".to_owned()]));
}
