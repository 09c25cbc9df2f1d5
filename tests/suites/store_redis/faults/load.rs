//! Slow links, long logs, busy neighbours and many processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use task_state_host::record::Change;
use task_state_host::store::{Access, Error, Precondition, TaskStore};
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;

#[tokio::test]
async fn an_answer_is_waited_for_as_long_as_it_keeps_coming() {
    let fixture = Fixture::new().await;
    let id = save(&fixture.store, logged_draft("1", ["x".repeat(2 << 20)])).await;
    let store = fixture.host(|options| options.response_timeout = Duration::from_secs(1)).await;
    let connections = fixture.proxy.counts().connections;
    fixture.proxy.inject(Trigger::command("GET"), Fault::TrickleReply);
    assert_eq!(messages(&get(&store, &id).await)[0].len(), 2 << 20);
    assert_eq!(fixture.proxy.counts().connections, connections, "the connection was thrown away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_results_or_jobs_needs_few_tries_however_many_entries_come_meanwhile() {
    const CHANGES: u64 = 30;
    let fixture = Fixture::new().await;
    let id = save(&fixture.store, logged_draft("1", (0..5_000).map(|number| number.to_string()))).await;
    let (stop, appends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let appenders: Vec<_> = (0..2)
        .map(|appender| {
            let (url, id) = (fixture.server.url(), id.clone());
            let (stop, appends) = (Arc::clone(&stop), Arc::clone(&appends));
            tokio::spawn(async move {
                let store = connect(&url, |_| {}).await;
                let mut appended = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let entry = format!("{appender} {}", appended.len());
                    store.change(&id, Change::logs([&entry]), &Access::ANY).await.unwrap();
                    appended.push(entry);
                    appends.fetch_add(1, Ordering::Relaxed);
                }
                appended
            })
        })
        .collect();
    let store = fixture.host(|_| {}).await;
    let before = fixture.proxy.counts().requests;
    for number in 0..CHANGES {
        // Nobody rests.
        let seen = appends.load(Ordering::Relaxed);
        eventually("another append", async || appends.load(Ordering::Relaxed) > seen).await;
        let mut change = output(&"o".repeat(number as usize * 100)).log(format!("change {number}"));
        change.active_jobs = Some(vec![number.to_string()]);
        store.change(&id, change, &Access::ANY).await.unwrap();
    }
    let requests = fixture.proxy.counts().requests - before;
    stop.store(true, Ordering::Relaxed);
    let appended: Vec<Vec<String>> = join_all(appenders).await.into_iter().map(Result::unwrap).collect();
    let task = get(&store, &id).await;
    let logged = messages(&task);
    let entries_of = |prefix: String| logged.iter().filter(move |entry| entry.starts_with(&prefix));
    for (appender, appended) in appended.into_iter().enumerate() {
        assert_eq!(entries_of(format!("{appender} ")).collect::<Vec<_>>(), appended.iter().collect::<Vec<_>>());
    }
    assert_eq!(entries_of("change ".to_owned()).count() as u64, CHANGES);
    assert_eq!(task.active_jobs(), [(CHANGES - 1).to_string()]);
    assert_eq!(task.result().launcher_output.unwrap().len() as u64, (CHANGES - 1) * 100);
    // A look, the metadata with it, and the script; sometimes a second try.
    assert!(requests <= 8 * CHANGES, "{requests} requests for {CHANGES} changes");
}

#[tokio::test]
async fn the_first_append_of_a_process_needs_nothing_of_the_log() {
    let fixture = Fixture::new().await;
    save(&fixture.store, logged_draft("long", (0..50_000).map(|number| format!("{number} {}", "x".repeat(40))))).await;
    // As the Python package leaves it: this host knows nothing of the record.
    let text: String = fixture.run(&["GET", "task:long"]).await;
    fixture.run::<()>(&["SET", "task:long", &text]).await;
    let reads = async || fixture.server.info("commandstats").await.unwrap()["cmdstat_get"].clone();
    let before = (reads().await, fixture.proxy.counts().bytes_down);
    for entry in ["one", "two"] {
        let store = fixture.host(|_| {}).await;
        store.change(&task_id("long"), Change::logs([entry]), &Access::ANY).await.unwrap();
    }
    let read = fixture.proxy.counts().bytes_down - before.1;
    assert_eq!(reads().await, before.0, "the whole record was read");
    assert!(read < 100_000, "{read} bytes were read");
    assert_eq!(messages(&get(&fixture.store, &task_id("long")).await)[50_000..], ["one", "two"]);
}

#[tokio::test]
async fn a_process_leaves_no_session_behind() {
    let fixture = Fixture::new().await;
    let sessions = async || fixture.run::<Vec<String>>(&["KEYS", "task-state:session:*"]).await;
    for number in 0..20 {
        let store = fixture.other_host().await;
        save(&store, draft(&number.to_string())).await;
        store.close().await;
    }
    assert_eq!(sessions().await, Vec::<String>::new());
    // One that is killed leaves it for as long as a copy of its last operation could arrive.
    save(&fixture.other_host().await, draft("killed")).await;
    let left = sessions().await;
    let life: i64 = fixture.run(&["PTTL", &left[0]]).await;
    assert!(left.len() == 1 && (1..=30_000).contains(&life), "{left:?} live for {life} ms");
}

/// The key of the only host that has written.
async fn session(fixture: &Fixture) -> String {
    let mut sessions = fixture.run::<Vec<String>>(&["KEYS", "task-state:session:*"]).await;
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

/// Milliseconds that a session lives yet.
async fn life(fixture: &Fixture, session: &str) -> i64 {
    fixture.run(&["PTTL", session]).await
}

#[tokio::test]
async fn a_session_that_the_server_has_lost_ends_again() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&["FLUSHALL"]).await;
    fixture.save("2").await;
    let life = life(&fixture, &session(&fixture).await).await;
    assert!((1..=30_000).contains(&life), "it lives for {life} ms");
}

/// As after a failover, where the last life that it was given is lost, or when the server's clock is set forward.
#[tokio::test]
async fn a_session_whose_life_was_cut_short_is_prolonged_by_the_next_write() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let session = session(&fixture).await;
    fixture.run::<()>(&["PEXPIRE", &session, "5000"]).await;
    fixture.save("2").await;
    let life = life(&fixture, &session).await;
    assert!(life > 10_000, "it lives for {life} ms");
}

#[tokio::test]
async fn an_empty_record_is_none() {
    let fixture = Fixture::new().await;
    let id = task_id("e1");
    for number in 0..3 {
        fixture.run::<()>(&["SET", "task:e1", ""]).await;
        let store = fixture.other_host().await;
        assert!(matches!(store.get(&id, &Access::ANY).await, Err(Error::NotFound)));
        assert!(matches!(store.change(&id, Change::logs(["x"]), &Access::ANY).await, Err(Error::NotFound)));
        assert!(!store.delete(&id, &Access::ANY).await.unwrap());
        match number {
            0 => _ = store.save(draft("e1"), Precondition::Absent, &Access::ANY).await.unwrap(),
            1 => _ = store.save(draft("e1"), Precondition::None, &Access::ANY).await.unwrap(),
            _ => assert!(store.claim(claim("e1")).await.unwrap().is_new),
        }
        assert_eq!(get(&store, &id).await.task_id(), "e1");
    }
}
