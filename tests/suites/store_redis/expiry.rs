//! Expiry leaves nothing behind: the listener makes it quick, the sweeper makes it certain.

use std::time::Duration;

use task_state_host::record::{Change, TaskId};
use task_state_host::store::{Access, FindingKind, Report, TaskStore};
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::redis_server::RedisServer;

use super::stand::{Background, Stand, connect, eventually, indexes, plant, plant_entries};

/// Long enough for no sweep to come by itself.
const NEVER: Duration = Duration::from_secs(86_400);

impl Stand {
    /// Lets a record expire now.
    async fn expire(&self, id: &str) {
        self.run::<()>(&["PEXPIRE", &format!("task:{id}"), "1"]).await;
        eventually("the record expired", async || !self.exists(&format!("task:{id}")).await).await;
    }

    async fn has_left_nothing(&self, id: &str) {
        for (index, member) in indexes(id) {
            self.until_left(index, member).await;
        }
    }

    async fn keeps_its_entries(&self, id: &str) {
        for (index, member) in indexes(id) {
            assert!(self.contains(index, member).await, "{member} is missing from {index}");
        }
    }

    /// Waits until somebody listens for expired events, and until the first sweep is over.
    async fn until_maintained(&self, database: u8) {
        let channel = format!("__keyevent@{database}__:expired");
        eventually("somebody listens", async || {
            let channels: Vec<String> = self.run(&["PUBSUB", "CHANNELS"]).await;
            channels.contains(&channel)
        })
        .await;
    }

    /// Waits until a first sweep has come and gone: it removes what this plants.
    async fn until_swept(&self) {
        self.run::<()>(&["SADD", "index:user:sentinel", "gone"]).await;
        self.until_left("index:user:sentinel", "gone").await;
    }
}

/// Where a report has found something.
fn places(report: &Report) -> Vec<String> {
    let mut places: Vec<String> = report.findings.iter().map(|finding| finding.place.clone()).collect();
    places.sort();
    places
}

#[tokio::test]
async fn the_entries_of_an_expired_task_go_at_once_while_a_host_listens() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    stand.save("1").await;
    stand.expire("1").await;
    stand.has_left_nothing("1").await;
    assert!(!stand.exists("task:1:metadata").await);
}

#[tokio::test]
async fn many_tasks_that_expire_together_all_go() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    let mut pipeline = redis::pipe();
    for number in 0..2_000 {
        plant(&mut pipeline, &number.to_string(), "analytics", "alice");
        pipeline.cmd("PEXPIRE").arg(format!("task:{number}")).arg(50).ignore();
    }
    pipeline.query_async::<()>(&mut stand.db.clone()).await.unwrap();
    eventually("all are gone", async || !stand.exists("index:tasks").await).await;
    let keys: Vec<String> = stand.run(&["KEYS", "index:*"]).await;
    assert!(keys.is_empty(), "{keys:?}");
}

#[tokio::test]
async fn the_sweep_clears_what_expired_while_nobody_listened() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.save_for("2", "analytics", "bob").await;
    stand.expire("1").await;
    stand.run::<()>(&["DEL", "task:1:metadata"]).await;
    let report = stand.store.sweep().await.unwrap();
    stand.has_left_nothing("1").await;
    let mut expected: Vec<String> = indexes("1").iter().map(|(index, member)| format!("{index} {member}")).collect();
    expected.sort();
    assert_eq!(places(&report), expected);
    assert!(report.findings.iter().all(|finding| finding.repaired && finding.kind == FindingKind::StaleEntry));
    assert_eq!((report.entries, report.remaining()), (10, 0));
    for (index, member) in [("index:tasks", "2"), ("index:service:analytics:users", "bob"), ("index:user:bob", "2")] {
        assert!(stand.contains(index, member).await, "{member} is missing from {index}");
    }
    assert_eq!(stand.store.sweep().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_host_sweeps_when_it_starts_and_then_at_every_interval() {
    let stand = Stand::with(|options| options.sweep_interval = Duration::from_millis(200)).await;
    let _host = Background::maintain(&stand.store);
    for _ in 0..3 {
        stand.until_swept().await;
    }
}

#[tokio::test]
async fn of_the_hosts_of_a_server_one_sweeps_for_all() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    let turn: String = stand.run(&["GET", "task-state:sweep"]).await;
    // The first host has nothing more to do, so the next script is the other's asking for the turn.
    let scripts = async || {
        let stats = stand.server.info("commandstats").await.unwrap();
        let calls = |command: &str| stats.get(&format!("cmdstat_{command}")).cloned().unwrap_or_default();
        (calls("eval"), calls("evalsha"))
    };
    let before = scripts().await;
    let other = connect(&stand.server.url(), |options| options.sweep_interval = NEVER).await;
    let _other = Background::maintain(&other);
    eventually("the other has asked for the turn", async || scripts().await != before).await;
    assert_eq!(stand.run::<String>(&["GET", "task-state:sweep"]).await, turn);
}

#[tokio::test]
async fn a_task_that_is_saved_again_as_it_expires_keeps_its_entries() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&host);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    stand.save("1").await;
    // The listener knows the owner of the expired task; then its next step is held back.
    let late = proxy.inject(Trigger::containing("index:user:alice"), Fault::StallRequest);
    stand.expire("1").await;
    late.until_hit().await;
    stand.save("1").await;
    late.release();
    late.until_executed().await;
    stand.keeps_its_entries("1").await;
    let report = stand.store.sweep().await.unwrap();
    assert_eq!(report.findings, []);
    stand.keeps_its_entries("1").await;
}

#[tokio::test]
async fn an_event_that_comes_twice_or_for_a_task_that_never_was_does_no_harm() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    stand.save("live").await;
    stand.save_for("1", "sync", "bob").await;
    let publish = async |key: &[u8]| {
        stand.run::<i64>(&[b"PUBLISH".as_slice(), b"__keyevent@0__:expired", key]).await;
    };
    for key in [&b"task:live"[..], b"task:never", b"task:", b"task:\xff\xfe", b"task:id:sequence", b"index:tasks", b""]
    {
        publish(key).await;
        publish(key).await;
    }
    stand.expire("1").await;
    publish(b"task:1").await;
    stand.until_left("index:service:sync:users", "bob").await;
    stand.keeps_its_entries("live").await;
}

#[tokio::test]
async fn users_are_swept_as_users() {
    let stand = Stand::new().await;
    stand.save("1").await;
    // A user who is called as a task that is there, and one who is called as one that is not.
    stand.save_for("2", "analytics", "1").await;
    stand.run::<()>(&["SADD", "index:service:analytics:users", "2", "nobody"]).await;
    let report = stand.store.sweep().await.unwrap();
    assert_eq!(
        places(&report),
        ["index:service:analytics:users 2", "index:service:analytics:users nobody"],
        "only users without tasks leave"
    );
    let mut users: Vec<String> = stand.run(&["SMEMBERS", "index:service:analytics:users"]).await;
    users.sort();
    assert_eq!(users, ["1", "alice"]);
}

#[tokio::test]
async fn tasks_and_services_with_strange_names_are_swept_too() {
    let stand = Stand::new().await;
    for (id, service, user) in [
        ("a:b", "analytics", "alice"),
        ("1", "s:t", "bob"),
        ("2", "s:users", "eve"),
        ("3", "s", "u:users"),
        ("4", "s", "5"),
    ] {
        stand.plant(id, service, user).await;
    }
    let before: Vec<String> = stand.run(&["KEYS", "*"]).await;
    assert_eq!(stand.store.sweep().await.unwrap().findings, [], "all of them are there");
    assert_eq!(stand.run::<Vec<String>>(&["KEYS", "*"]).await.len(), before.len());
    for id in ["a:b", "1", "2", "3", "4"] {
        stand.expire(id).await;
        stand.run::<()>(&["DEL", &format!("task:{id}:metadata")]).await;
    }
    let report = stand.store.sweep().await.unwrap();
    assert_eq!(report.remaining(), 0);
    let left: Vec<String> = stand.run(&["KEYS", "index:*"]).await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn an_expired_task_with_a_strange_name_is_cleared_by_the_listener() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    stand.plant("a:b", "s:t", "u:v").await;
    stand.expire("a:b").await;
    eventually("nothing is left", async || stand.run::<Vec<String>>(&["KEYS", "index:*"]).await.is_empty()).await;
}

#[tokio::test]
async fn a_sweep_passes_over_what_it_cannot_use_and_says_so() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.run::<()>(&["LPUSH", "index:service:broken", "x"]).await;
    stand.run::<()>(&["SET", "index:a", "x"]).await;
    stand.run::<()>(&["HSET", "task:odd", "a", "b"]).await;
    stand.run::<()>(&["SADD", "index:tasks", "odd", "gone"]).await;
    stand.run::<()>(&[&b"SADD"[..], b"index:tasks", b"\xff\xfe"]).await;
    stand.run::<()>(&[&b"SADD"[..], b"index:user:\xff", b"x"]).await;
    let report = stand.store.sweep().await.unwrap();
    let mut found: Vec<_> = report.findings.iter().map(|one| (one.kind, one.place.as_str(), one.repaired)).collect();
    found.sort();
    assert_eq!(
        found,
        [
            (FindingKind::StaleEntry, "index:tasks gone", true),
            (FindingKind::WrongType, "index:a", false),
            (FindingKind::WrongType, "index:service:broken", false),
            (FindingKind::Undecodable, "index:tasks \u{fffd}\u{fffd}", false),
            (FindingKind::Undecodable, "the key index:user:\u{fffd}", false),
        ]
    );
    assert!(stand.run::<bool>(&[&b"SISMEMBER"[..], b"index:tasks", b"\xff\xfe"]).await);
    assert!(stand.contains("index:tasks", "odd").await, "its key is there");
    stand.keeps_its_entries("1").await;
}

#[tokio::test]
async fn a_listener_goes_on_after_keys_that_it_cannot_use() {
    let stand = Stand::with(|options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    for id in ["1", "2", "3"] {
        stand.save(id).await;
    }
    stand.save_for("4", "sync", "bob").await;
    stand.run::<()>(&["DEL", "task:1:metadata"]).await;
    stand.run::<()>(&["SET", "task:1:metadata", "x"]).await;
    stand.run::<()>(&[&b"HSET"[..], b"task:2:metadata", b"service", b"\xff"]).await;
    stand.run::<()>(&["DEL", "index:user:alice"]).await;
    stand.run::<()>(&["LPUSH", "index:user:alice", "x"]).await;
    for id in ["1", "2", "3", "4"] {
        stand.expire(id).await;
    }
    stand.until_left("index:tasks", "4").await;
    // The third leaves the indexes that can be used.
    for index in ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice"] {
        stand.until_left(index, "3").await;
    }
    assert!(stand.contains("index:tasks", "1").await && stand.contains("index:tasks", "2").await);
    stand.store.sweep().await.unwrap();
    assert!(!stand.exists("index:tasks").await);
    assert!(!stand.exists("index:service:analytics:users").await);
}

#[tokio::test]
async fn a_host_that_lost_its_connection_listens_again_and_sweeps_what_it_missed() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |options| options.sweep_interval = NEVER).await;
    let _host = Background::maintain(&host);
    stand.until_swept().await;
    stand.until_maintained(0).await;
    stand.save("1").await;
    proxy.refuse().await;
    proxy.cut_all();
    eventually("nobody listens", async || stand.run::<Vec<String>>(&["PUBSUB", "CHANNELS"]).await.is_empty()).await;
    stand.expire("1").await;
    stand.keeps_its_entries("1").await;
    proxy.accept().unwrap();
    stand.has_left_nothing("1").await;
    stand.save("2").await;
    stand.until_maintained(0).await;
    stand.expire("2").await;
    stand.has_left_nothing("2").await;
}

#[tokio::test]
async fn a_host_that_may_not_configure_the_server_sweeps() {
    let server = RedisServer::builder().user("worker", "on >secret ~* &* +@all -config").start().await.unwrap();
    let url = server.url_as("worker", "secret");
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&url, |options| options.sweep_interval = Duration::from_millis(200)).await;
    let _host = Background::maintain(&host);
    for _ in 0..2 {
        stand.save("1").await;
        stand.expire("1").await;
        stand.has_left_nothing("1").await;
    }
}

#[tokio::test]
async fn a_host_that_may_not_listen_sweeps() {
    let server = RedisServer::builder().user("worker", "on >secret ~* resetchannels +@all").start().await.unwrap();
    let url = server.url_as("worker", "secret");
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&url, |options| options.sweep_interval = Duration::from_millis(200)).await;
    let _host = Background::maintain(&host);
    for _ in 0..2 {
        stand.save("1").await;
        stand.expire("1").await;
        stand.has_left_nothing("1").await;
    }
}

#[tokio::test]
async fn each_host_keeps_to_its_own_database() {
    let server = RedisServer::start().await.unwrap();
    let url = server.url().replace("/0", "/3");
    let mut stand = Stand::on(server, |_| {}).await;
    // The same keys in the other database.
    stand.save("1").await;
    stand.store = connect(&url, |options| options.sweep_interval = NEVER).await;
    let other = std::mem::replace(&mut stand.db, stand.server.connection_to(&url).await.unwrap());
    let _host = Background::maintain(&stand.store);
    stand.until_swept().await;
    stand.until_maintained(3).await;
    stand.save("1").await;
    stand.expire("1").await;
    stand.has_left_nothing("1").await;
    stand.db = other;
    stand.keeps_its_entries("1").await;
    assert!(stand.exists("task:1").await);
}

/// What other writers do to shared indexes.
async fn spoil_indexes(stand: &Stand) {
    stand.run::<()>(&["EXPIRE", "index:tasks", "5"]).await;
    stand.run::<()>(&["PERSIST", "index:service:analytics"]).await;
    stand.run::<()>(&["DEL", "index:user:alice"]).await;
    stand.run::<()>(&["SREM", "index:service:analytics:users", "alice"]).await;
    stand.run::<()>(&["EXPIRE", "task:1:metadata", "5"]).await;
}

async fn are_in_order(stand: &Stand) {
    stand.keeps_its_entries("1").await;
    let record = stand.ttl("task:1").await;
    for (index, _) in indexes("1") {
        let life = stand.ttl(index).await;
        assert!((record..=record + 61).contains(&life), "{index} lives for {life} s, the record for {record} s");
    }
    assert!(stand.ttl("task:1:metadata").await >= record);
}

#[tokio::test]
async fn the_next_write_mends_what_others_did_to_the_indexes() {
    // Each write looks, as one does that comes half a minute after the last look.
    let stand = Stand::with(|options| options.indexed_for = Duration::ZERO).await;
    let id = stand.save("1").await;
    spoil_indexes(&stand).await;
    stand.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    are_in_order(&stand).await;
    spoil_indexes(&stand).await;
    stand.save("1").await;
    are_in_order(&stand).await;
}

#[tokio::test]
async fn a_write_never_shortens_the_life_of_an_index() {
    let stand = Stand::with(|options| options.indexed_for = Duration::ZERO).await;
    let id = stand.save("1").await;
    stand.run::<()>(&["EXPIRE", "index:tasks", "99999999"]).await;
    stand.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert!(stand.ttl("index:tasks").await > 99_999_900);
}

#[tokio::test]
async fn a_repair_mends_what_others_did_to_the_indexes_at_once() {
    let stand = Stand::new().await;
    stand.save("1").await;
    spoil_indexes(&stand).await;
    let report = stand.store.check(true).await.unwrap();
    assert!(report.found() > 0 && report.remaining() == 0, "{report:?}");
    are_in_order(&stand).await;
    assert_eq!(stand.store.check(false).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_of_very_many_tasks_removes_what_is_stale_and_nothing_else() {
    const TASKS: usize = 20_000;
    let stand = Stand::new().await;
    for start in (0..TASKS).step_by(1_000) {
        let mut pipeline = redis::pipe();
        for number in start..start + 1_000 {
            let (id, user) = (number.to_string(), format!("user-{}", number % 50));
            if number % 2 == 0 {
                plant(&mut pipeline, &id, "analytics", &user);
            } else {
                plant_entries(&mut pipeline, &id, "analytics", &user);
            }
        }
        pipeline.query_async::<()>(&mut stand.db.clone()).await.unwrap();
    }
    let id = TaskId::new("0").unwrap();
    let writer = async {
        // Others work on meanwhile.
        for number in 0..200 {
            stand.store.change(&id, Change::logs([number.to_string()]), &Access::ANY).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(stand.store.sweep(), writer);
    let report = report.unwrap();
    // Half of the users have odd numbers, and nothing left.
    assert_eq!((report.found(), report.remaining()), (TASKS / 2 * 4 + 25, 0));
    // A set that shrinks as it is scanned may show a member twice.
    assert!(report.entries >= TASKS as u64 * 4 + 50, "{} entries", report.entries);
    for index in ["index:tasks", "index:service:analytics"] {
        assert_eq!(stand.run::<usize>(&["SCARD", index]).await, TASKS / 2);
    }
    assert_eq!(stand.run::<usize>(&["SCARD", "index:service:analytics:users"]).await, 25);
    assert_eq!(stand.store.check(false).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_listener_that_is_left_with_an_old_primary_moves_to_the_new_one() {
    let old = RedisServer::start().await.unwrap();
    let new = RedisServer::builder().replica_of(&old).start().await.unwrap();
    new.synchronised().await.unwrap();
    let proxy = Proxy::start(old.port()).await.unwrap();
    let host = connect(&proxy.url(), |options| options.sweep_interval = NEVER).await;
    let stand = Stand::on(old, |_| {}).await;
    let _host = Background::maintain(&host);
    stand.until_maintained(0).await;
    stand.run::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]).await;
    let new = Stand::on(new, |_| {}).await;
    new.run::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    // The connections stay as they are; only new ones lead to the new primary.
    proxy.redirect(new.server.port());
    new.until_maintained(0).await;
    new.save("1").await;
    new.expire("1").await;
    new.has_left_nothing("1").await;
}
