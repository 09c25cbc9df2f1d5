//! The sweeper makes it certain that an expired task leaves nothing behind; writes and repairs keep the indexes alive.

use std::time::Duration;

use task_state_tests::redis_server::RedisServer;

use super::fixture::*;

/// Where a report has found something.
fn places(report: &Report) -> Vec<String> {
    let mut places: Vec<String> = report.findings.iter().map(|finding| finding.place.clone()).collect();
    places.sort();
    places
}

#[tokio::test]
async fn the_sweep_clears_what_expired_while_nobody_listened() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.save_for("2", "analytics", "bob").await;
    fixture.expire("1").await;
    fixture.run::<()>(&["DEL", "task:1:metadata"]).await;
    let report = fixture.store.sweep().await.unwrap();
    fixture.has_left_nothing("1").await;
    let mut expected: Vec<String> = indexes("1").iter().map(|(index, member)| format!("{index} {member}")).collect();
    expected.sort();
    assert_eq!(places(&report), expected);
    assert!(report.findings.iter().all(|finding| finding.repaired && finding.kind == FindingKind::StaleEntry));
    assert_eq!((report.entries, report.remaining()), (10, 0));
    for (index, member) in [("index:tasks", "2"), ("index:service:analytics:users", "bob"), ("index:user:bob", "2")] {
        assert!(fixture.contains(index, member).await, "{member} is missing from {index}");
    }
    assert_eq!(fixture.store.sweep().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_host_sweeps_when_it_starts_and_then_at_every_interval() {
    let fixture = Fixture::with(|options| options.sweep_interval = Duration::from_millis(200)).await;
    let _host = Maintenance::start(&fixture.store);
    for _ in 0..3 {
        fixture.until_swept().await;
    }
}

#[tokio::test]
async fn of_the_hosts_of_a_server_one_sweeps_for_all() {
    let fixture = Fixture::with(no_sweeps).await;
    let _host = Maintenance::start(&fixture.store);
    fixture.until_swept().await;
    let turn: String = fixture.run(&["GET", "task-state:sweep"]).await;
    // The first host has nothing more to do, so the next script is the other's asking for the turn.
    let scripts = async || {
        let stats = fixture.server.info("commandstats").await.unwrap();
        ["cmdstat_eval", "cmdstat_evalsha"].map(|command| stats.get(command).cloned())
    };
    let before = scripts().await;
    let other = connect(&fixture.server.url(), no_sweeps).await;
    let _other = Maintenance::start(&other);
    eventually("the other has asked for the turn", async || scripts().await != before).await;
    assert_eq!(fixture.run::<String>(&["GET", "task-state:sweep"]).await, turn);
}

#[tokio::test]
async fn users_are_swept_as_users() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    // A user who is called as a task that is there, and one who is called as one that is not.
    fixture.save_for("2", "analytics", "1").await;
    fixture.run::<()>(&["SADD", "index:service:analytics:users", "2", "nobody"]).await;
    let report = fixture.store.sweep().await.unwrap();
    assert_eq!(
        places(&report),
        ["index:service:analytics:users 2", "index:service:analytics:users nobody"],
        "only users without tasks leave"
    );
    assert_eq!(fixture.members("index:service:analytics:users").await, [&b"1"[..], b"alice"]);
}

#[tokio::test]
async fn tasks_and_services_with_strange_names_are_swept_too() {
    let fixture = Fixture::new().await;
    for (id, service, user) in [
        ("a:b", "analytics", "alice"),
        ("1", "s:t", "bob"),
        ("2", "s:users", "eve"),
        ("3", "s", "u:users"),
        ("4", "s", "5"),
    ] {
        fixture.plant(id, service, user).await;
    }
    let before: Vec<String> = fixture.run(&["KEYS", "*"]).await;
    assert_eq!(fixture.store.sweep().await.unwrap().findings, [], "all of them are there");
    assert_eq!(fixture.run::<Vec<String>>(&["KEYS", "*"]).await.len(), before.len());
    for id in ["a:b", "1", "2", "3", "4"] {
        fixture.expire(id).await;
        fixture.run::<()>(&["DEL", &format!("task:{id}:metadata")]).await;
    }
    let report = fixture.store.sweep().await.unwrap();
    assert_eq!(report.remaining(), 0);
    let left: Vec<String> = fixture.run(&["KEYS", "index:*"]).await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_sweep_passes_over_what_it_cannot_use_and_says_so() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&["LPUSH", "index:service:broken", "x"]).await;
    fixture.run::<()>(&["SET", "index:user:a", "x"]).await;
    fixture.run::<()>(&["HSET", "task:odd", "a", "b"]).await;
    fixture.run::<()>(&["SADD", "index:tasks", "odd", "gone"]).await;
    fixture.run::<()>(&[&b"SADD"[..], b"index:tasks", b"\xff\xfe"]).await;
    fixture.run::<()>(&[&b"SADD"[..], b"index:user:\xff", b"x"]).await;
    let report = fixture.store.sweep().await.unwrap();
    let mut found: Vec<_> = report.findings.iter().map(|one| (one.kind, one.place.as_str(), one.repaired)).collect();
    found.sort();
    assert_eq!(
        found,
        [
            (FindingKind::StaleEntry, "index:tasks gone", true),
            (FindingKind::WrongType, "index:service:broken", false),
            (FindingKind::WrongType, "index:user:a", false),
            (FindingKind::Undecodable, "index:tasks \u{fffd}\u{fffd}", false),
            (FindingKind::Undecodable, "the key index:user:\u{fffd}", false),
        ]
    );
    assert!(fixture.run::<bool>(&[&b"SISMEMBER"[..], b"index:tasks", b"\xff\xfe"]).await);
    assert!(fixture.contains("index:tasks", "odd").await, "its key is there");
    fixture.keeps_its_entries("1").await;
}

#[tokio::test]
async fn a_host_that_may_neither_configure_the_server_nor_listen_sweeps() {
    for rules in ["on >secret ~* &* +@all -config", "on >secret ~* resetchannels +@all"] {
        let fixture = Fixture::on(RedisServer::builder().user("worker", rules).start().await.unwrap()).await;
        let url = fixture.server.url_as("worker", "secret");
        let host = connect(&url, |options| options.sweep_interval = Duration::from_millis(200)).await;
        let _host = Maintenance::start(&host);
        for _ in 0..2 {
            let id = save(&host, draft("1")).await;
            host.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
            fixture.expire("1").await;
            fixture.has_left_nothing("1").await;
        }
    }
}

/// What other writers do to shared indexes.
async fn spoil_indexes(fixture: &Fixture) {
    fixture.run::<()>(&["EXPIRE", "index:tasks", "5"]).await;
    fixture.run::<()>(&["PERSIST", "index:service:analytics"]).await;
    fixture.run::<()>(&["DEL", "index:user:alice"]).await;
    fixture.run::<()>(&["SREM", "index:service:analytics:users", "alice"]).await;
    fixture.run::<()>(&["EXPIRE", "task:1:metadata", "5"]).await;
}

async fn are_in_order(fixture: &Fixture) {
    fixture.keeps_its_entries("1").await;
    let record = fixture.ttl("task:1").await;
    for (index, _) in indexes("1") {
        let life = fixture.ttl(index).await;
        assert!((record..=record + 61).contains(&life), "{index} lives for {life} s, the record for {record} s");
    }
    assert!(fixture.ttl("task:1:metadata").await >= record);
}

#[tokio::test]
async fn the_next_write_mends_what_others_did_to_the_indexes() {
    // Each write looks, as one does that comes half a minute after the last look.
    let fixture = Fixture::with(|options| options.indexed_for = Duration::ZERO).await;
    let id = fixture.save("1").await;
    spoil_indexes(&fixture).await;
    fixture.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    are_in_order(&fixture).await;
    spoil_indexes(&fixture).await;
    fixture.save("1").await;
    are_in_order(&fixture).await;
}

#[tokio::test]
async fn a_write_never_shortens_the_life_of_an_index() {
    let fixture = Fixture::with(|options| options.indexed_for = Duration::ZERO).await;
    let id = fixture.save("1").await;
    fixture.run::<()>(&["EXPIRE", "index:tasks", "99999999"]).await;
    fixture.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert!(fixture.ttl("index:tasks").await > 99_999_900);
}

#[tokio::test]
async fn a_repair_mends_what_others_did_to_the_indexes_at_once() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    spoil_indexes(&fixture).await;
    let report = fixture.store.check(true).await.unwrap();
    assert!(report.found() > 0 && report.remaining() == 0, "{report:?}");
    are_in_order(&fixture).await;
    assert_eq!(fixture.store.check(false).await.unwrap().findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_of_very_many_tasks_removes_what_is_stale_and_nothing_else() {
    const TASKS: usize = 20_000;
    let fixture = Fixture::new().await;
    for start in (0..TASKS).step_by(1_000) {
        let all = |pipeline: &mut redis::Pipeline| {
            for number in start..start + 1_000 {
                let plant = if number % 2 == 0 { plant } else { plant_entries };
                plant(pipeline, &number.to_string(), "analytics", &format!("user-{}", number % 50));
            }
        };
        fixture.plant_all(all).await;
    }
    let id = task_id("0");
    let writer = async {
        // Others work on meanwhile.
        for number in 0..200 {
            fixture.store.change(&id, Change::logs([number.to_string()]), &Access::ANY).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(fixture.store.sweep(), writer);
    let report = report.unwrap();
    // Half of the users have odd numbers, and nothing left.
    assert_eq!((report.found(), report.remaining()), (TASKS / 2 * 4 + 25, 0));
    // A set that shrinks as it is scanned may show a member twice.
    assert!(report.entries >= TASKS as u64 * 4 + 50, "{} entries", report.entries);
    for index in ["index:tasks", "index:service:analytics"] {
        assert_eq!(fixture.run::<usize>(&["SCARD", index]).await, TASKS / 2);
    }
    assert_eq!(fixture.run::<usize>(&["SCARD", "index:service:analytics:users"]).await, 25);
    assert_eq!(fixture.store.check(false).await.unwrap().findings, []);
}

#[tokio::test]
async fn a_lost_task_that_cannot_be_ended_does_not_keep_the_others_waiting() {
    let fixture = Fixture::new().await;
    for id in ["1", "2"] {
        let mut claim = claim(id);
        claim.lease = Duration::from_millis(100);
        fixture.store.claim(claim).await.unwrap();
    }
    fixture.run::<()>(&["DEL", "task:1"]).await;
    fixture.run::<()>(&["RPUSH", "task:1", "x"]).await;
    let store = fixture.store.clone();
    let maintained = tokio::spawn(async move { store.maintain().await });
    eventually("the task ended", async || get(&fixture.store, &task_id("2")).await.status() == Status::Failed).await;
    maintained.abort();
}
