//! The check: each kind of disagreement is found where it is, and mended where that is promised.

use task_state_host::store::MAX_FINDINGS;

use super::fixture::*;

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

impl Fixture {
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
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.check(true).await.unwrap(), Report::default());
    let id = fixture.save("1").await;
    fixture.save_for("2", "sync", "bob").await;
    fixture.plant("3", "analytics", "carol").await;
    fixture.store.next_task_id().await.unwrap();
    fixture.store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    let report = fixture.store.check(false).await.unwrap();
    assert_eq!((found(&report), report.records, report.entries), (vec![], 3, 15));
}

#[tokio::test]
async fn entries_without_a_task_are_taken_out() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.save("2").await;
    fixture.run::<()>(&["DEL", "task:1"]).await;
    let places =
        ["index:tasks 1", "index:service:analytics 1", "index:service:analytics:user:alice 1", "index:user:alice 1"];
    fixture.finds_and_mends(FindingKind::StaleEntry, &places).await;
    assert!(fixture.contains("index:service:analytics:users", "alice").await);
}

#[tokio::test]
async fn users_without_tasks_are_taken_out() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&["SADD", "index:service:analytics:users", "nobody", "1"]).await;
    let places = ["index:service:analytics:users nobody", "index:service:analytics:users 1"];
    fixture.finds_and_mends(FindingKind::StaleEntry, &places).await;
}

#[tokio::test]
async fn a_user_whose_last_tasks_are_found_stale_leaves_with_them() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&["DEL", "task:1"]).await;
    assert_eq!(fixture.store.check(true).await.unwrap().remaining(), 0);
    assert_eq!(fixture.run::<Vec<String>>(&["KEYS", "index:*"]).await, Vec::<String>::new());
}

#[tokio::test]
async fn entries_under_a_wrong_owner_are_taken_out() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.save_for("2", "sync", "bob").await;
    for index in ["index:service:sync", "index:service:sync:user:bob", "index:user:bob"] {
        fixture.run::<()>(&["SADD", index, "1"]).await;
    }
    // One of a record whose beginning does not tell its owner.
    let other_order = format!("{{\"status\":\"running\",{}", wire("3", "analytics", "alice").trim_start_matches('{'));
    fixture.plant("3", "analytics", "alice").await;
    fixture.run::<()>(&["SET", "task:3", &other_order, "KEEPTTL"]).await;
    fixture.run::<()>(&["SADD", "index:user:bob", "3"]).await;
    let places = ["index:service:sync 1", "index:service:sync:user:bob 1", "index:user:bob 1", "index:user:bob 3"];
    fixture.finds_and_mends(FindingKind::StaleEntry, &places).await;
    assert!(fixture.contains("index:user:bob", "2").await && fixture.contains("index:user:alice", "3").await);
}

#[tokio::test]
async fn missing_entries_are_put_back() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    for (index, member) in indexes("1") {
        fixture.run::<()>(&["SREM", index, member]).await;
    }
    let places = indexes("1").map(|(index, member)| format!("{index} {member}"));
    fixture.finds_and_mends(FindingKind::MissingEntry, &places.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn metadata_that_is_missing_or_names_another_owner_is_put_right() {
    let fixture = Fixture::new().await;
    for id in ["1", "2", "3"] {
        fixture.save(id).await;
    }
    fixture.run::<()>(&["DEL", "task:1:metadata"]).await;
    fixture.run::<()>(&["HSET", "task:2:metadata", "service", "sync", "kept", "x"]).await;
    fixture.run::<()>(&["HDEL", "task:3:metadata", "user_id"]).await;
    let places = ["task:1:metadata", "task:2:metadata", "task:3:metadata"];
    fixture.finds_and_mends(FindingKind::Metadata, &places).await;
    let fields: Vec<String> = fixture.run(&["HMGET", "task:2:metadata", "service", "user_id", "kept"]).await;
    assert_eq!(fields, ["analytics", "alice", "x"]);
    for key in places {
        assert!(fixture.ttl(key).await >= fixture.ttl("task:1").await, "{key}");
    }
}

#[tokio::test]
async fn keys_that_would_live_for_ever_or_too_shortly_get_their_time() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.save_for("2", "sync", "bob").await;
    fixture.run::<()>(&["PERSIST", "task:1"]).await;
    fixture.run::<()>(&["EXPIRE", "task:2:metadata", "60"]).await;
    fixture.run::<()>(&["PERSIST", "index:service:sync"]).await;
    fixture.run::<()>(&["EXPIRE", "index:user:bob", "60"]).await;
    // Nobody's, and so nobody would ever remove them.
    fixture.run::<()>(&["HSET", "task:gone:metadata", "service", "sync"]).await;
    fixture.run::<()>(&[&b"SADD"[..], b"index:user:x", b"\xff"]).await;
    let keys =
        ["task:1", "task:2:metadata", "index:service:sync", "index:user:bob", "task:gone:metadata", "index:user:x"];
    let mut places = all(FindingKind::Expiry, &keys, true);
    places.push((FindingKind::Undecodable, "index:user:x \u{fffd}".to_owned(), false));
    assert_eq!(found(&fixture.store.check(true).await.unwrap()), places);
    let left = fixture.store.check(false).await.unwrap();
    assert_eq!(found(&left), all(FindingKind::Undecodable, &["index:user:x \u{fffd}"], false));
    let ttl = TTL as i64;
    for key in keys {
        assert!((ttl - 60..=ttl + 60).contains(&fixture.ttl(key).await), "{key}");
    }
}

#[tokio::test]
async fn records_that_cannot_be_read_are_left_as_they_are() {
    let fixture = Fixture::new().await;
    let texts: [&[u8]; 4] = [
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{\"task_id\":\"4\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"odd\",\"parameters\":{}}",
    ];
    let mut places = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let id = number.to_string();
        fixture.save(&id).await;
        fixture.run::<()>(&[&b"SET"[..], format!("task:{id}").as_bytes(), text, b"KEEPTTL"]).await;
        places.push(format!("task:{id}: "));
    }
    for repair in [false, true, false] {
        let report = fixture.store.check(repair).await.unwrap();
        let found = found(&report);
        assert_eq!(found.len(), texts.len(), "{found:?}");
        for ((kind, place, repaired), start) in found.iter().zip(&places) {
            assert_eq!((*kind, *repaired), (FindingKind::Unreadable, false));
            assert!(place.starts_with(start), "{place}");
        }
    }
    for (number, text) in texts.iter().enumerate() {
        assert_eq!(fixture.run::<Vec<u8>>(&["GET", &format!("task:{number}")]).await, *text);
        assert!(fixture.contains("index:user:alice", &number.to_string()).await);
    }
}

#[tokio::test]
async fn keys_of_another_type_are_reported_and_left_while_the_rest_is_mended() {
    let fixture = Fixture::new().await;
    for id in ["1", "2", "3"] {
        fixture.save(id).await;
    }
    let spoilt = ["task:1", "task:2:metadata", "index:service:analytics"];
    for key in spoilt {
        fixture.spoil(key).await;
    }
    fixture.run::<()>(&["SREM", "index:user:alice", "2", "3"]).await;
    let wrong = all(FindingKind::WrongType, &spoilt, false);
    let mended = all(FindingKind::MissingEntry, &["index:user:alice 2", "index:user:alice 3"], true);
    assert_eq!(found(&fixture.store.check(true).await.unwrap()), [mended, wrong.clone()].concat());
    assert_eq!(found(&fixture.store.check(true).await.unwrap()), wrong);
    assert!(fixture.contains("index:tasks", "1").await);
}

#[tokio::test]
async fn members_and_keys_that_are_no_text_are_reported_and_left() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&[&b"SADD"[..], b"index:tasks", b"\xffx"]).await;
    fixture.run::<()>(&[&b"SET"[..], b"task:\xff", b"x", b"EX", b"1000"]).await;
    let places = ["index:tasks \u{fffd}x", "the key task:\u{fffd}"];
    fixture.finds_and_leaves(FindingKind::Undecodable, &places).await;
}

#[tokio::test]
async fn tasks_with_strange_names_are_checked_too() {
    let fixture = Fixture::new().await;
    for (id, service, user) in [("a:b", "s:t", "u:v"), ("1", "s:users", "x"), ("2", "s", "y")] {
        fixture.plant(id, service, user).await;
    }
    assert_eq!(found(&fixture.store.check(true).await.unwrap()), []);
    fixture.run::<()>(&["SREM", "index:service:s:t", "a:b"]).await;
    fixture.run::<()>(&["SADD", "index:service:s:t:users", "nobody"]).await;
    let stale = all(FindingKind::StaleEntry, &["index:service:s:t:users nobody"], true);
    let missing = all(FindingKind::MissingEntry, &["index:service:s:t a:b"], true);
    assert_eq!(found(&fixture.store.check(true).await.unwrap()), [stale, missing].concat());
    assert_eq!(found(&fixture.store.check(false).await.unwrap()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_work_look_like_no_disagreement_and_lose_nothing_to_a_repair() {
    let fixture = Fixture::new().await;
    for number in 0..500 {
        fixture.save(&format!("kept-{number}")).await;
    }
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (store, url) = (fixture.store.clone(), fixture.server.url());
            tokio::spawn(async move {
                let other = connect(&url, |_| {}).await;
                for round in 0..150 {
                    let name = format!("{writer}-{}", round % 10);
                    let id = save(&other, draft(&name)).await;
                    store.change(&id, Change::logs([round.to_string()]), &Access::ANY).await.unwrap();
                    save(&other, owned_draft(&name, "analytics", "bob")).await;
                    if round % 3 == 0 {
                        store.delete(&id, &Access::ANY).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut checks = 0;
    while checks < 3 || !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(found(&fixture.store.check(checks % 2 == 0).await.unwrap()), []);
        checks += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let report = fixture.store.check(false).await.unwrap();
    let left = (0..150).rev().take(10).filter(|round| round % 3 != 0).count() as u64 * 4;
    assert_eq!((found(&report), report.records), (vec![], 500 + left));
}

#[tokio::test]
async fn a_repair_works_while_another_writer_puts_things_out_of_order() {
    let fixture = Fixture::new().await;
    for number in 0..200 {
        fixture.save(&number.to_string()).await;
    }
    let spoil = async {
        for number in 0..200 {
            fixture.run::<()>(&["SREM", "index:user:alice", &number.to_string()]).await;
            fixture.run::<()>(&["SADD", "index:user:alice", &format!("gone-{number}")]).await;
            fixture.plant(&format!("late-{number}"), "analytics", "alice").await;
        }
    };
    let repair = async {
        for _ in 0..5 {
            fixture.store.check(true).await.unwrap();
        }
    };
    tokio::join!(spoil, repair);
    eventually("it is all in order", async || fixture.store.check(true).await.unwrap().found() == 0).await;
    assert_eq!(fixture.run::<usize>(&["SCARD", "index:user:alice"]).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_of_very_much_lists_the_first_and_counts_the_rest() {
    let fixture = Fixture::new().await;
    let count = MAX_FINDINGS / 2;
    let all = |pipeline: &mut redis::Pipeline| {
        (0..count).for_each(|number| plant_entries(pipeline, &number.to_string(), "analytics", "alice"));
        plant(pipeline, "here", "analytics", "alice");
    };
    fixture.plant_all(all).await;
    for (repair, left) in [(false, count * 4), (true, 0)] {
        let report = fixture.store.check(repair).await.unwrap();
        assert_eq!((report.found(), report.remaining(), report.findings.len()), (count * 4, left, MAX_FINDINGS));
    }
    assert_eq!(fixture.store.check(false).await.unwrap().found(), 0);
}

#[tokio::test]
async fn an_empty_record_is_named_and_removed_with_all_that_names_it() {
    let fixture = Fixture::new().await;
    fixture.save("kept").await;
    fixture.save("e1").await;
    fixture.run::<()>(&["SET", "task:e1", ""]).await;
    let stale = ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice", "index:user:alice"];
    for (repair, repaired) in [(false, false), (true, true)] {
        let mut expected = all(
            FindingKind::StaleEntry,
            &stale.map(|index| format!("{index} e1")).each_ref().map(String::as_str),
            repaired,
        );
        expected.extend(all(FindingKind::Empty, &["task:e1"], repaired));
        assert_eq!(found(&fixture.store.check(repair).await.unwrap()), expected);
    }
    assert!(!fixture.exists("task:e1").await && fixture.exists("task:kept").await);
    assert_eq!(found(&fixture.store.check(false).await.unwrap()), []);
}

#[tokio::test]
async fn keys_that_only_begin_like_an_index_are_reported_and_left() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.run::<()>(&["SADD", "index:other:thing", "a", "b"]).await;
    fixture.run::<()>(&["SET", "index:other", "x"]).await;
    fixture.finds_and_leaves(FindingKind::Foreign, &["index:other", "index:other:thing"]).await;
    assert_eq!(fixture.run::<usize>(&["SCARD", "index:other:thing"]).await, 2);
    assert_eq!((fixture.ttl("index:other:thing").await, fixture.ttl("index:other").await), (-1, -1));
}
