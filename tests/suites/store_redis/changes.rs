//! Who watches a store hears of every write to a task, also by those who know of no watcher; where the server does not tell
//! of it, the tasks are looked at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use task_state_host::record::Progress;
use task_state_host::store::Changed;
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::proxy::{Fault, Trigger};
use task_state_tests::redis_server::RedisServer;

use crate::fixture::*;

type Watched = BoxStream<'static, Changed>;

/// Takes no pause of a busy machine for a connection that is lost.
fn patient(options: &mut RedisOptions) {
    (options.response_timeout, options.connect_timeout) = (Duration::from_secs(60), Duration::from_secs(60));
}

async fn next(changes: &mut Watched) -> Changed {
    soon("a change", changes.next()).await.expect("it never ends")
}

/// One who has heard that anything may have changed.
async fn watch(store: &Arc<RedisStore>) -> Watched {
    let mut changes = store.changes();
    assert_eq!(next(&mut changes).await, Changed::All);
    changes
}

/// One who has heard so twice: before the tasks were looked at for the first time, and after that.
async fn watch_without_being_told(store: &Arc<RedisStore>) -> Watched {
    let mut changes = watch(store).await;
    assert_eq!(next(&mut changes).await, Changed::All);
    changes
}

/// What is named until all of these were. None if anything may have changed.
async fn named(changes: &mut Watched, ids: &[&str]) -> Option<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    while !ids.iter().all(|&id| named.contains(id)) {
        match next(changes).await {
            Changed::All => return None,
            Changed::Tasks(ids) => named.extend(ids),
        }
    }
    Some(named)
}

/// Waits until these tasks were named, by name.
async fn hears(changes: &mut Watched, ids: &[&str]) -> BTreeSet<String> {
    named(changes, ids).await.expect("nothing was missed")
}

/// Waits until anything may have changed.
async fn is_told_to_read_anew(changes: &mut Watched) {
    while next(changes).await != Changed::All {}
}

impl Fixture {
    async fn flags(&self) -> String {
        let (_, flags): (String, String) = self.run(&["CONFIG", "GET", "notify-keyspace-events"]).await;
        flags
    }

    /// How many connections hear of what is done to tasks.
    async fn listening(&self) -> usize {
        let clients: String = self.run(&["CLIENT", "LIST"]).await;
        clients.lines().filter(|client| client.contains(" psub=1 ")).count()
    }
}

#[tokio::test]
async fn what_others_do_to_tasks_is_heard() {
    let fixture = Fixture::with(patient).await;
    let mut changes = watch(&fixture.store).await;
    fixture.plant("1", "analytics", "alice").await;
    hears(&mut changes, &["1"]).await;
    fixture.run::<()>(&["SET", "task:1", &wire("1", "analytics", "alice"), "EX", "100"]).await;
    hears(&mut changes, &["1"]).await;
    fixture.expire("1").await;
    hears(&mut changes, &["1"]).await;
    fixture.plant("a:b", "s:t", "u:v").await;
    hears(&mut changes, &["a:b"]).await;
    fixture.run::<()>(&["DEL", "task:a:b", "task:a:b:metadata"]).await;
    hears(&mut changes, &["a:b"]).await;
}

#[tokio::test]
async fn only_tasks_of_the_own_database_are_named() {
    let fixture = Fixture::with(patient).await;
    let mut changes = watch(&fixture.store).await;
    let elsewhere = connect(&fixture.server.url().replace("/0", "/3"), |_| {}).await;
    save(&elsewhere, draft("elsewhere")).await;
    fixture.store.next_task_id().await.unwrap();
    fixture.run::<()>(&[&b"SET"[..], b"task:\xff\xfe", b"x"]).await;
    for key in ["task:", "task::metadata", "other", "task-state:x"] {
        fixture.run::<()>(&["SET", key, "x"]).await;
    }
    fixture.plant("1", "analytics", "alice").await;
    assert_eq!(hears(&mut changes, &["1"]).await, BTreeSet::from(["1".to_owned()]));
}

#[tokio::test]
async fn what_the_server_tells_others_it_goes_on_telling() {
    let server = RedisServer::builder().directive("notify-keyspace-events", "Elx").start().await.unwrap();
    let fixture = Fixture::on(server).await;
    let host = fixture.host(patient).await;
    let mut changes = watch(&host).await;
    let flags = fixture.flags().await;
    assert!("ElxK".chars().all(|flag| flags.contains(flag)), "{flags}");
    let _host = fixture.maintained_by(&fixture.store).await;
    fixture.save("1").await;
    hears(&mut changes, &["1"]).await;
    fixture.expire("1").await;
    fixture.has_left_nothing("1").await;
}

#[tokio::test]
async fn all_who_watch_share_one_connection_which_ends_with_the_last() {
    let fixture = Fixture::with(patient).await;
    assert_eq!(fixture.listening().await, 0);
    let mut watchers = Vec::new();
    for _ in 0..100 {
        watchers.push(watch(&fixture.store).await);
    }
    assert_eq!(fixture.listening().await, 1);
    fixture.save("1").await;
    for changes in &mut watchers {
        hears(changes, &["1"]).await;
    }
    watchers.truncate(1);
    fixture.save("2").await;
    hears(&mut watchers[0], &["2"]).await;
    drop(watchers);
    eventually("nobody listens", async || fixture.listening().await == 0).await;
}

#[tokio::test]
async fn who_was_cut_off_is_told_to_read_anew_and_hears_on() {
    let fixture = Fixture::with(patient).await;
    let host = fixture.host(patient).await;
    let mut changes = watch(&host).await;
    for round in 0..3 {
        fixture.proxy.refuse().await;
        fixture.proxy.cut_all();
        eventually("nobody listens", async || fixture.listening().await == 0).await;
        fixture.save(&format!("missed-{round}")).await;
        fixture.proxy.accept().unwrap();
        is_told_to_read_anew(&mut changes).await;
        let id = format!("heard-{round}");
        fixture.save(&id).await;
        hears(&mut changes, &[&id]).await;
    }
}

#[tokio::test]
async fn who_is_cut_off_in_the_middle_of_his_subscription_begins_anew() {
    let fixture = Fixture::with(patient).await;
    let host = fixture.host(|_| {}).await;
    for fault in [Fault::CutBeforeRequest, Fault::CutInRequest, Fault::CutBeforeReply, Fault::CutInReply] {
        for command in ["HELLO", "PSUBSCRIBE"] {
            let cut = fixture.proxy.inject(Trigger::containing(command), fault);
            let mut changes = watch(&host).await;
            assert_eq!(cut.hits(), 1, "{fault:?} of {command}");
            fixture.save("1").await;
            named(&mut changes, &["1"]).await;
            fixture.proxy.clear();
        }
    }
}

#[tokio::test]
async fn a_server_that_was_started_anew_is_asked_to_tell_again() {
    let mut fixture = Fixture::with(patient).await;
    let mut changes = watch(&fixture.store).await;
    fixture.server.restart().await.unwrap();
    fixture.db = fixture.server.connection().await.unwrap();
    is_told_to_read_anew(&mut changes).await;
    fixture.save("1").await;
    hears(&mut changes, &["1"]).await;
}

#[tokio::test]
async fn who_listens_to_a_server_that_is_no_primary_any_longer_goes_to_the_one_that_is() {
    let fixture = Fixture::with(patient).await;
    let host = fixture.host(patient).await;
    let mut changes = watch(&host).await;
    let new = RedisServer::start().await.unwrap();
    fixture.run::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await;
    // The connections to the old one may stay.
    fixture.proxy.redirect(new.port());
    is_told_to_read_anew(&mut changes).await;
    save(&connect(&new.url(), |_| {}).await, draft("1")).await;
    hears(&mut changes, &["1"]).await;
}

#[tokio::test]
async fn a_server_that_is_set_to_tell_no_longer_is_noticed() {
    let fixture = Fixture::with(patient).await;
    let mut changes = watch(&fixture.store).await;
    fixture.run::<()>(&["CONFIG", "SET", "notify-keyspace-events", "Ex"]).await;
    fixture.save("missed").await;
    is_told_to_read_anew(&mut changes).await;
    fixture.save("1").await;
    hears(&mut changes, &["1"]).await;
}

/// A host that may not do all that it takes to listen.
async fn restricted(rules: &str, flags: &str) -> (Fixture, Arc<RedisStore>) {
    let server = RedisServer::builder()
        .user("host", &format!("on >secret ~* {rules}"))
        .directive("notify-keyspace-events", &format!("\"{flags}\""))
        .start()
        .await
        .unwrap();
    let host = connect(&server.url_as("host", "secret"), patient).await;
    (Fixture::on(server).await, host)
}

/// Has a server that tells nothing written to in every way, by a host and by others.
async fn is_heard_without_being_told(rules: &str) {
    let (fixture, host) = restricted(rules, "").await;
    fixture.save("before").await;
    let mut changes = watch_without_being_told(&host).await;
    let id = fixture.save("1").await;
    hears(&mut changes, &["1"]).await;
    for change in [
        Change::logs(["entry"]),
        Change::status(Status::Running),
        Change::default().progress(Progress::new(1, Some(2), None).unwrap()),
        pod("up"),
        pod("it"),
        Change::status(Status::Completed),
        // Of those that have ended a few are looked at each time.
        Change::logs(["after the end"]),
    ] {
        fixture.store.change(&id, change, &Access::ANY).await.unwrap();
        assert_eq!(hears(&mut changes, &["1"]).await, BTreeSet::from(["1".to_owned()]));
    }
    fixture.plant("2", "sync", "bob").await;
    hears(&mut changes, &["2"]).await;
    fixture.store.delete(&id, &Access::ANY).await.unwrap();
    fixture.expire("2").await;
    hears(&mut changes, &["1", "2"]).await;
    fixture.save("before").await;
    hears(&mut changes, &["before"]).await;
}

#[tokio::test]
async fn where_the_server_cannot_be_set_to_tell_tasks_are_looked_at() {
    is_heard_without_being_told("&* +@all -config").await;
}

#[tokio::test]
async fn where_nobody_may_listen_tasks_are_looked_at() {
    is_heard_without_being_told("resetchannels +@all").await;
}

#[tokio::test]
async fn a_server_that_tells_by_itself_is_listened_to_although_it_cannot_be_asked() {
    let (fixture, host) = restricted("&* +@all -config", "Kg$hx").await;
    let mut changes = watch(&host).await;
    fixture.save("1").await;
    hears(&mut changes, &["1"]).await;
    let commands = fixture.server.info("commandstats").await.unwrap();
    assert!(!commands.contains_key("cmdstat_sscan"), "the tasks are looked at");
}

#[tokio::test]
async fn ten_thousands_of_tasks_are_looked_at_and_each_that_changes_is_named() {
    let (fixture, host) = restricted("&* +@all -config", "").await;
    let plant_all = |pipeline: &mut redis::Pipeline| {
        (0..10_000).for_each(|number| plant(pipeline, &number.to_string(), "analytics", "alice"));
    };
    fixture.plant_all(plant_all).await;
    let mut changes = watch_without_being_told(&host).await;
    // They are more than one look is about.
    let all: Vec<String> = (0..20).map(|number| (number * 500).to_string()).collect();
    for id in &all {
        fixture.store.change(&task_id(id), Change::logs(["entry"]), &Access::ANY).await.unwrap();
    }
    let ids: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(hears(&mut changes, &ids).await, all.iter().cloned().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_writes_leaves_a_slow_watcher_behind_and_no_other() {
    const WRITES: usize = 20_000;
    let fixture = Fixture::with(patient).await;
    let mut slow = watch(&fixture.store).await;
    let mut quick = watch(&fixture.store).await;
    let reading = tokio::spawn(async move {
        let mut named = BTreeSet::new();
        while named.len() < WRITES {
            match next(&mut quick).await {
                Changed::Tasks(ids) => named.extend(ids),
                Changed::All => return (quick, None),
            }
        }
        (quick, Some(named))
    });
    for batch in 0..WRITES / 500 {
        let plant_all = |pipeline: &mut redis::Pipeline| {
            (0..500).for_each(|number| plant(pipeline, &format!("{batch}-{number}"), "analytics", "alice"));
        };
        fixture.plant_all(plant_all).await;
    }
    fixture.save("last").await;
    let (mut quick, heard) = reading.await.unwrap();
    if let Some(named) = heard {
        assert!(named.len() >= WRITES);
    }
    // What waits for the slow one is bounded, and once it is too much it is one word.
    assert_eq!(next(&mut slow).await, Changed::All);
    fixture.save("after").await;
    for changes in [&mut slow, &mut quick] {
        named(changes, &["after"]).await;
    }
}
