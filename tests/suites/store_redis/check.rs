//! The check: each kind of disagreement is found where it is, and mended where that is promised.

use task_state_host::record::{Change, TaskId};
use task_state_host::store::{Access, FindingKind, MAX_FINDINGS, Report, TaskStore};

use super::stand::{Stand, connect, eventually, indexes, plant, plant_entries, wire};

type Found = (FindingKind, String, bool);

fn found(report: &Report) -> Vec<Found> {
    let mut found: Vec<Found> =
        report.findings.iter().map(|finding| (finding.kind, finding.place.clone(), finding.repaired)).collect();
    found.sort();
    found
}

fn all(kind: FindingKind, places: &[&str], repaired: bool) -> Vec<Found> {
    let mut found: Vec<Found> = places.iter().map(|place| (kind, (*place).to_owned(), repaired)).collect();
    found.sort();
    found
}

impl Stand {
    /// A check finds exactly this and changes nothing; a repair mends it all; then there is nothing to find.
    async fn finds_and_mends(&self, kind: FindingKind, places: &[&str]) {
        for _ in 0..2 {
            assert_eq!(found(&self.store.check(false).await.unwrap()), all(kind, places, false));
        }
        assert_eq!(found(&self.store.check(true).await.unwrap()), all(kind, places, true));
        assert_eq!(found(&self.store.check(false).await.unwrap()), []);
    }

    /// A check finds exactly this, and a repair leaves it as it is.
    async fn finds_and_leaves(&self, kind: FindingKind, places: &[&str]) {
        for repair in [false, true, false] {
            let report = self.store.check(repair).await.unwrap();
            assert_eq!(found(&report), all(kind, places, false));
            assert_eq!(report.remaining(), places.len());
        }
    }
}

#[tokio::test]
async fn a_store_in_order_gives_no_findings() {
    let stand = Stand::new().await;
    assert_eq!(stand.store.check(true).await.unwrap(), Report::default());
    let id = stand.save("1").await;
    stand.save_for("2", "sync", "bob").await;
    stand.plant("3", "analytics", "carol").await;
    stand.store.next_task_id().await.unwrap();
    stand.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    let report = stand.store.check(false).await.unwrap();
    assert_eq!((found(&report), report.records, report.entries), (vec![], 3, 15));
}

#[tokio::test]
async fn entries_without_a_task_are_taken_out() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.save("2").await;
    stand.run::<()>(&["DEL", "task:1"]).await;
    let places =
        ["index:tasks 1", "index:service:analytics 1", "index:service:analytics:user:alice 1", "index:user:alice 1"];
    stand.finds_and_mends(FindingKind::StaleEntry, &places).await;
    assert!(stand.contains("index:service:analytics:users", "alice").await);
}

#[tokio::test]
async fn users_without_tasks_are_taken_out() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.run::<()>(&["SADD", "index:service:analytics:users", "nobody", "1"]).await;
    let places = ["index:service:analytics:users nobody", "index:service:analytics:users 1"];
    stand.finds_and_mends(FindingKind::StaleEntry, &places).await;
}

#[tokio::test]
async fn a_user_whose_last_tasks_are_found_stale_leaves_with_them() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.run::<()>(&["DEL", "task:1"]).await;
    assert_eq!(stand.store.check(true).await.unwrap().remaining(), 0);
    assert_eq!(stand.run::<Vec<String>>(&["KEYS", "index:*"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn entries_under_a_wrong_owner_are_taken_out() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.save_for("2", "sync", "bob").await;
    for index in ["index:service:sync", "index:service:sync:user:bob", "index:user:bob"] {
        stand.run::<()>(&["SADD", index, "1"]).await;
    }
    // One of a record whose beginning does not tell its owner.
    let other_order = format!("{{\"status\":\"running\",{}", wire("3", "analytics", "alice").trim_start_matches('{'));
    stand.plant("3", "analytics", "alice").await;
    stand.run::<()>(&["SET", "task:3", &other_order, "KEEPTTL"]).await;
    stand.run::<()>(&["SADD", "index:user:bob", "3"]).await;
    let places = ["index:service:sync 1", "index:service:sync:user:bob 1", "index:user:bob 1", "index:user:bob 3"];
    stand.finds_and_mends(FindingKind::StaleEntry, &places).await;
    assert!(stand.contains("index:user:bob", "2").await && stand.contains("index:user:alice", "3").await);
}

#[tokio::test]
async fn missing_entries_are_put_back() {
    let stand = Stand::new().await;
    stand.save("1").await;
    for (index, member) in indexes("1") {
        stand.run::<()>(&["SREM", index, member]).await;
    }
    let places = indexes("1").map(|(index, member)| format!("{index} {member}"));
    stand.finds_and_mends(FindingKind::MissingEntry, &places.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn metadata_that_is_missing_or_names_another_owner_is_put_right() {
    let stand = Stand::new().await;
    for id in ["1", "2", "3"] {
        stand.save(id).await;
    }
    stand.run::<()>(&["DEL", "task:1:metadata"]).await;
    stand.run::<()>(&["HSET", "task:2:metadata", "service", "sync", "kept", "x"]).await;
    stand.run::<()>(&["HDEL", "task:3:metadata", "user_id"]).await;
    let places = ["task:1:metadata", "task:2:metadata", "task:3:metadata"];
    stand.finds_and_mends(FindingKind::Metadata, &places).await;
    let fields: Vec<String> = stand.run(&["HMGET", "task:2:metadata", "service", "user_id", "kept"]).await;
    assert_eq!(fields, ["analytics", "alice", "x"]);
    for key in places {
        assert!(stand.ttl(key).await >= stand.ttl("task:1").await, "{key}");
    }
}

#[tokio::test]
async fn keys_that_would_live_for_ever_or_too_shortly_get_their_time() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.save_for("2", "sync", "bob").await;
    stand.run::<()>(&["PERSIST", "task:1"]).await;
    stand.run::<()>(&["EXPIRE", "task:2:metadata", "60"]).await;
    stand.run::<()>(&["PERSIST", "index:service:sync"]).await;
    stand.run::<()>(&["EXPIRE", "index:user:bob", "60"]).await;
    // Nobody's, and so nobody would ever remove them.
    stand.run::<()>(&["HSET", "task:gone:metadata", "service", "sync"]).await;
    stand.run::<()>(&[&b"SADD"[..], b"index:user:x", b"\xff"]).await;
    let mut places: Vec<Found> = all(
        FindingKind::Expiry,
        &["task:1", "task:2:metadata", "index:service:sync", "index:user:bob", "task:gone:metadata", "index:user:x"],
        true,
    );
    places.push((FindingKind::Undecodable, "index:user:x \u{fffd}".to_owned(), false));
    assert_eq!(found(&stand.store.check(true).await.unwrap()), places);
    let left = stand.store.check(false).await.unwrap();
    assert_eq!(found(&left), all(FindingKind::Undecodable, &["index:user:x \u{fffd}"], false));
    let ttl = task_state_host::DEFAULT_TTL.as_secs() as i64;
    for key in
        ["task:1", "task:2:metadata", "index:service:sync", "index:user:bob", "task:gone:metadata", "index:user:x"]
    {
        assert!((ttl - 60..=ttl + 60).contains(&stand.ttl(key).await), "{key}");
    }
}

#[tokio::test]
async fn records_that_cannot_be_read_are_left_as_they_are() {
    let stand = Stand::new().await;
    let texts: [&[u8]; 4] = [
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{\"task_id\":\"4\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"odd\",\"parameters\":{}}",
    ];
    let mut places = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let id = number.to_string();
        stand.save(&id).await;
        stand.run::<()>(&[&b"SET"[..], format!("task:{id}").as_bytes(), text, b"KEEPTTL"]).await;
        places.push(format!("task:{id}: "));
    }
    for repair in [false, true, false] {
        let report = stand.store.check(repair).await.unwrap();
        let found = found(&report);
        assert_eq!(found.len(), texts.len(), "{found:?}");
        for ((kind, place, repaired), start) in found.iter().zip(&places) {
            assert_eq!((*kind, *repaired), (FindingKind::Unreadable, false));
            assert!(place.starts_with(start), "{place}");
        }
    }
    for (number, text) in texts.iter().enumerate() {
        assert_eq!(stand.run::<Vec<u8>>(&["GET", &format!("task:{number}")]).await, *text);
        assert!(stand.contains("index:user:alice", &number.to_string()).await);
    }
}

#[tokio::test]
async fn keys_of_another_type_are_reported_and_left_while_the_rest_is_mended() {
    let stand = Stand::new().await;
    for id in ["1", "2", "3"] {
        stand.save(id).await;
    }
    stand.run::<()>(&["DEL", "task:1", "task:2:metadata", "index:service:analytics"]).await;
    stand.run::<()>(&["LPUSH", "task:1", "x"]).await;
    stand.run::<()>(&["SET", "task:2:metadata", "x"]).await;
    stand.run::<()>(&["HSET", "index:service:analytics", "a", "b"]).await;
    stand.run::<()>(&["SREM", "index:user:alice", "2", "3"]).await;
    let wrong = all(FindingKind::WrongType, &["task:1", "task:2:metadata", "index:service:analytics"], false);
    let mended = all(FindingKind::MissingEntry, &["index:user:alice 2", "index:user:alice 3"], true);
    assert_eq!(found(&stand.store.check(true).await.unwrap()), [mended, wrong.clone()].concat());
    assert_eq!(found(&stand.store.check(true).await.unwrap()), wrong);
    assert!(stand.contains("index:tasks", "1").await);
}

#[tokio::test]
async fn members_and_keys_that_are_no_text_are_reported_and_left() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.run::<()>(&[&b"SADD"[..], b"index:tasks", b"\xffx"]).await;
    stand.run::<()>(&[&b"SET"[..], b"task:\xff", b"x", b"EX", b"1000"]).await;
    let places = ["index:tasks \u{fffd}x", "the key task:\u{fffd}"];
    stand.finds_and_leaves(FindingKind::Undecodable, &places).await;
}

#[tokio::test]
async fn tasks_with_strange_names_are_checked_too() {
    let stand = Stand::new().await;
    for (id, service, user) in [("a:b", "s:t", "u:v"), ("1", "s:users", "x"), ("2", "s", "y")] {
        stand.plant(id, service, user).await;
    }
    assert_eq!(found(&stand.store.check(true).await.unwrap()), []);
    stand.run::<()>(&["SREM", "index:service:s:t", "a:b"]).await;
    stand.run::<()>(&["SADD", "index:service:s:t:users", "nobody"]).await;
    assert_eq!(
        found(&stand.store.check(true).await.unwrap()),
        [
            (FindingKind::StaleEntry, "index:service:s:t:users nobody".to_owned(), true),
            (FindingKind::MissingEntry, "index:service:s:t a:b".to_owned(), true),
        ]
    );
    assert_eq!(found(&stand.store.check(false).await.unwrap()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_work_look_like_no_disagreement_and_lose_nothing_to_a_repair() {
    let stand = Stand::new().await;
    for number in 0..500 {
        stand.save(&format!("kept-{number}")).await;
    }
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (store, url) = (stand.store.clone(), stand.server.url());
            tokio::spawn(async move {
                let other = connect(&url, |_| {}).await;
                let save = async |id: &TaskId, user: &str| {
                    let service = task_state_host::record::Service::new("analytics").unwrap();
                    let user = task_state_host::record::UserId::new(user).unwrap();
                    let draft = task_state_host::record::Draft::new(service, user).with_id(id.clone());
                    other.save(draft, task_state_host::store::Precondition::None, &Access::ANY).await.unwrap();
                };
                for round in 0..150 {
                    let id = TaskId::new(format!("{writer}-{}", round % 10)).unwrap();
                    save(&id, "alice").await;
                    store.change(&id, Change::logs([round.to_string()]), &Access::ANY).await.unwrap();
                    save(&id, "bob").await;
                    if round % 3 == 0 {
                        store.delete(&id, &Access::ANY).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut checks = 0;
    while checks < 3 || !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(found(&stand.store.check(checks % 2 == 0).await.unwrap()), []);
        checks += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let report = stand.store.check(false).await.unwrap();
    let left = (0..150).rev().take(10).filter(|round| round % 3 != 0).count() as u64 * 4;
    assert_eq!((found(&report), report.records), (vec![], 500 + left));
}

#[tokio::test]
async fn a_repair_works_while_another_writer_puts_things_out_of_order() {
    let stand = Stand::new().await;
    for number in 0..200 {
        stand.save(&number.to_string()).await;
    }
    let spoil = async {
        for number in 0..200 {
            stand.run::<()>(&["SREM", "index:user:alice", &number.to_string()]).await;
            stand.run::<()>(&["SADD", "index:user:alice", &format!("gone-{number}")]).await;
            stand.plant(&format!("late-{number}"), "analytics", "alice").await;
        }
    };
    let repair = async {
        for _ in 0..5 {
            stand.store.check(true).await.unwrap();
        }
    };
    tokio::join!(spoil, repair);
    eventually("it is all in order", async || stand.store.check(true).await.unwrap().found() == 0).await;
    assert_eq!(stand.run::<usize>(&["SCARD", "index:user:alice"]).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_very_much_lists_the_first_and_counts_the_rest() {
    let stand = Stand::new().await;
    let count = MAX_FINDINGS / 2;
    let mut pipeline = redis::pipe();
    for number in 0..count {
        plant_entries(&mut pipeline, &number.to_string(), "analytics", "alice");
    }
    plant(&mut pipeline, "here", "analytics", "alice");
    pipeline.query_async::<()>(&mut stand.db.clone()).await.unwrap();
    for (repair, left) in [(false, count * 4), (true, 0)] {
        let report = stand.store.check(repair).await.unwrap();
        assert_eq!((report.found(), report.remaining(), report.findings.len()), (count * 4, left, MAX_FINDINGS));
    }
    assert_eq!(stand.store.check(false).await.unwrap().found(), 0);
}
