//! What a change costs: no look at the whole record where the host knows its layout, and no write to the socket of its own
//! where many callers have something to say.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, poll_immediate};
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::redis_server::RedisServer;
use tokio::task::JoinSet;

use super::fixture::*;

/// How often the server was asked for a whole string.
async fn reads_of_whole_records(server: &RedisServer) -> u64 {
    let stats = server.info("commandstats").await.unwrap();
    let Some(get) = stats.get("cmdstat_get") else { return 0 };
    get.strip_prefix("calls=").and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap()
}

async fn append(store: &Arc<RedisStore>, message: &str) {
    store.change(&task_id("1"), Change::logs([message]), &Access::ANY).await.unwrap();
}

#[tokio::test]
async fn an_append_finds_the_end_of_the_log_wherever_others_have_moved_it() {
    let server = RedisServer::start().await.unwrap();
    let (ours, theirs) = (connect(&server.url(), |_| {}).await, connect(&server.url(), |_| {}).await);
    let mut draft = draft("1");
    // The beginning of the record is longer than what is read of it at once.
    draft.parameters = json(&format!(r#"{{"text":"{}"}}"#, "x".repeat(5_000)));
    let id = save(&ours, draft).await;
    append(&ours, "ours 0").await;
    append(&theirs, "theirs 0").await;
    let mut expected = vec!["ours 0".to_owned(), "theirs 0".to_owned()];
    let before = reads_of_whole_records(&server).await;
    // Less and more than what is looked through for the end of the log.
    for (round, many) in [1, 50, 200].into_iter().enumerate() {
        let long = "é".repeat(250);
        let entries: Vec<String> = (0..many).map(|number| format!("theirs {round} {number} {long}")).collect();
        theirs.change(&id, Change::logs(&entries), &Access::ANY).await.unwrap();
        append(&ours, &format!("ours {round}")).await;
        append(&ours, "and again").await;
        expected.extend(entries);
        expected.extend([format!("ours {round}"), "and again".to_owned()]);
    }
    assert_eq!(reads_of_whole_records(&server).await, before);
    assert_eq!(messages(&get(&ours, &id).await), expected);
}

#[tokio::test]
async fn ids_that_were_saved_ahead_cost_few_requests() {
    const TAKEN: usize = 1_500;
    let server = RedisServer::start().await.unwrap();
    let store = connect(&server.url(), |_| {}).await;
    let ids: Vec<_> = (1..=TAKEN).map(|number| number.to_string()).collect();
    join_all(ids.iter().map(|id| save(&store, draft(id)))).await;
    let mut claim = claim("x");
    claim.task_id = None;
    store.claim(claim).await.unwrap();
    let stats = server.info("commandstats").await.unwrap();
    let tries = stats["cmdstat_incrby"].strip_prefix("calls=").and_then(|rest| rest.split(',').next()).unwrap();
    assert!(tries.parse::<u64>().unwrap() <= 100, "{tries}");
}

#[tokio::test]
async fn a_task_that_has_lost_its_metadata_gets_them_back_with_its_next_change() {
    let fixture = Fixture::new().await;
    let id = fixture.save("1").await;
    append(&fixture.store, "before").await;
    let before = fixture.dump().await;
    fixture.run::<()>(&["DEL", "task:1:metadata"]).await;
    append(&fixture.store, "after").await;
    let mut after = fixture.dump().await;
    assert_eq!(after.remove("task:1:metadata").unwrap(), before["task:1:metadata"]);
    let (ttl, whole) = (fixture.ttl("task:1:metadata").await, TTL as i64 + 60);
    assert!((whole - 20..=whole).contains(&ttl), "{ttl}");
    assert_eq!(messages(&get(&fixture.store, &id).await), ["before", "after"]);
}

// On the scheduler that hosts have, a task that was just woken goes before all others: a connection's driver, for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_many_callers_have_to_say_at_once_goes_together() {
    const CALLERS: usize = 400;
    let server = RedisServer::start().await.unwrap();
    let store = connect(&server.url(), |_| {}).await;
    let ids: Vec<_> = (0..CALLERS).map(|number| task_id(&number.to_string())).collect();
    join_all(ids.iter().map(|id| save(&store, draft(id.as_str())))).await;
    // The server learns the script first.
    store.change(&ids[0], Change::status(Status::Running), &Access::ANY).await.unwrap();
    let reads = async || -> usize { server.info("stats").await.unwrap()["total_reads_processed"].parse().unwrap() };
    let before = reads().await;
    let mut callers = JoinSet::new();
    for id in ids.clone() {
        let store = Arc::clone(&store);
        callers.spawn(async move { store.change(&id, Change::logs(["entry"]), &Access::ANY).await });
    }
    for answer in callers.join_all().await {
        answer.unwrap();
    }
    let spent = reads().await - before;

    assert!(spent < CALLERS / 8, "the server read {spent} times to take in {CALLERS} commands");
    for id in &ids {
        assert_eq!(messages(&get(&store, id).await), ["entry"]);
    }
}

#[test]
fn who_waits_for_a_runtime_that_ends_goes_on_without_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, theirs) = (runtime(), runtime());
    // Nobody gives up: what is lost with the runtime would stay lost.
    let (fixture, store) = ours.block_on(async {
        let fixture = Fixture::new().await;
        let patient = |options: &mut RedisOptions| {
            (options.deadline, options.response_timeout) = (Duration::from_secs(3_600), Duration::from_secs(3_600));
        };
        let store = connect(&fixture.server.url(), patient).await;
        for id in ["1", "2", "3"] {
            save(&store, draft(id)).await;
        }
        (fixture, store)
    });
    fixture.server.pause().unwrap();
    let ids = ["1", "2", "3"].map(task_id);
    let change = |number: usize| store.change(&ids[number], Change::logs(["entry"]), &Access::ANY);
    let (mut first, mut second, mut third) = (pin!(change(0)), pin!(change(1)), pin!(change(2)));
    // The first is under way; the others wait for it, and it is not the second's runtime that is to send what waits.
    ours.block_on(async { assert!(poll_immediate(&mut first).await.is_none()) });
    theirs.block_on(async { assert!(poll_immediate(&mut second).await.is_none()) });
    ours.block_on(async { assert!(poll_immediate(&mut third).await.is_none()) });
    drop(theirs);
    fixture.server.resume().unwrap();
    ours.block_on(async {
        soon("first answer", first).await.unwrap();
        soon("third answer", third).await.unwrap();
        assert_eq!(messages(&get(&store, &ids[2]).await), ["entry"]);
    });
    // Nor does it need the one that it was connected on.
    drop(ours);
    runtime().block_on(async {
        soon("connection", change(2)).await.unwrap();
        assert_eq!(messages(&get(&store, &ids[2]).await), ["entry", "entry"]);
    });
}

#[tokio::test]
async fn a_last_change_ahead_of_the_clock_is_followed_by_a_later_one() {
    let fixture = Fixture::new().await;
    let id = fixture.save("1").await;
    append(&fixture.store, "before").await;
    // A look at a record in this host's shape reads it whole no more than its changes do.
    let reads = reads_of_whole_records(&fixture.server).await;
    append(&fixture.other_host().await, "before").await;
    assert_eq!(reads_of_whole_records(&fixture.server).await, reads);
    let text: String = fixture.run(&["GET", "task:1"]).await;
    let (head, tail) = text.split_once("\"updated_at\":\"").unwrap();
    let ahead = format!("{head}\"updated_at\":\"2099-01-01T00:00:00.999998+09:00{}", &tail[32..]);
    fixture.run::<()>(&["SET", "task:1", &ahead]).await;
    let mut last = get(&fixture.store, &id).await.updated_at().clone();
    for store in [&fixture.store, &fixture.other_host().await] {
        for message in ["one", "two", "three"] {
            append(store, message).await;
            let now = get(store, &id).await.updated_at().clone();
            assert!(now > last, "{now} after {last}");
            last = now;
        }
    }
    assert_eq!(get(&fixture.store, &id).await.logs().len(), 8);
}
