//! Listings of what other writers leave, of very many tasks, and from a replica.

use task_state_host::record::Head;
use task_state_host::store::{HeadPage, MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, Order};
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::resp;

use super::fixture::*;

#[tokio::test]
async fn an_index_of_another_type_is_an_error_that_names_it_for_its_own_listing_only() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.spoil("index:service:analytics").await;
    for error in [
        fixture.store.list(&Query::new(service_scope("analytics"))).await.unwrap_err(),
        fixture.store.count(&service_scope("analytics"), &Owners::ANY).await.unwrap_err(),
    ] {
        let Error::WrongType { key, found, expected } = error else { panic!("{error}") };
        assert_eq!((key.as_str(), found.as_str(), expected), ("index:service:analytics", "list", "set"));
    }
    assert_eq!(listed_in(&fixture.store, Scope::All).await, ["1"]);
    assert_eq!(listed_in(&fixture.store, user_scope("alice")).await, ["1"]);
    fixture.spoil("index:service:analytics:users").await;
    assert!(matches!(fixture.store.users("analytics").await, Err(Error::WrongType { .. })));
}

#[tokio::test]
async fn records_in_other_shapes_are_listed_filtered_and_counted() {
    let fixture = Fixture::new().await;
    let plain = wire("1", "analytics", "alice");
    let long = format!("x{}", "y".repeat(3_000));
    for (id, text) in [
        ("1", plain.replace("\":", "\": ")),
        ("2", format!("{{\"status\":\"running\",{}", wire("2", "analytics", "alice").trim_start_matches('{'))),
        ("3", wire("3", "analytics", "alice").replace("+09:00", "Z").replace(",\"priority\":\"low\"", "")),
        ("4", wire("4", "analytics", "alice").replace("\"running\"", "\"failed\"")),
        ("5", format!("{{\"unknown\":\"{long}\",{}", wire("5", "analytics", "alice").trim_start_matches('{'))),
    ] {
        fixture.plant(id, "analytics", "alice").await;
        fixture.run::<()>(&["SET", &format!("task:{id}"), &text]).await;
    }
    let mut running = Query::new(service_scope("analytics"));
    running.statuses = [Status::Running].into();
    running.owners = Owners { services: Allowed::only(["analytics"]), users: Allowed::Any };
    assert_eq!(ids(&pages(&fixture.store, running).await), ["1", "2", "3", "5"]);
    let counts = fixture.store.count(&Scope::All, &Owners::ANY).await.unwrap();
    assert_eq!(counts, [(Status::Running, 4), (Status::Failed, 1)].into());
}

#[tokio::test]
async fn an_entry_of_a_task_that_has_another_owner_by_now_is_left_out() {
    let fixture = Fixture::new().await;
    fixture.save_for("1", "sync", "bob").await;
    fixture.run::<()>(&["SADD", "index:service:analytics", "1"]).await;
    fixture.run::<()>(&["SADD", "index:user:alice", "1"]).await;
    assert_eq!(listed_in(&fixture.store, service_scope("analytics")).await, [""; 0]);
    assert_eq!(listed_in(&fixture.store, user_scope("alice")).await, [""; 0]);
    assert_eq!(fixture.store.count(&service_scope("analytics"), &Owners::ANY).await.unwrap(), [].into());
}

/// Requests with a command that went through a proxy since it was last asked.
fn sent(proxy: &Proxy, command: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for mut bytes in proxy.recorded().iter().map(Vec::as_slice) {
        while let Some(length) = resp::message_length(bytes) {
            let words = resp::words(&bytes[..length]);
            if words[0].eq_ignore_ascii_case(command.as_bytes()) {
                found.push(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect());
            }
            bytes = &bytes[length..];
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_over_very_many_tasks_scans_once_and_in_small_steps() {
    const TASKS: usize = 20_000;
    let fixture = Fixture::new().await;
    fixture.proxy.record();
    let host = fixture.host(|_| {}).await;
    for start in (0..TASKS).step_by(1_000) {
        let all = |pipeline: &mut redis::Pipeline| {
            let owner = |number| format!("user-{}", number % 10);
            (start..start + 1_000).for_each(|number| plant(pipeline, &number.to_string(), "analytics", &owner(number)));
        };
        fixture.plant_all(all).await;
    }
    sent(&fixture.proxy, "");
    let pages = pages(&host, Query::new(Scope::All)).await;
    let expected: Vec<String> = (0..TASKS).map(|number| number.to_string()).collect();
    assert_eq!(ids(&pages), expected);
    assert_eq!(pages.len(), TASKS / 1_000);
    let scans = sent(&fixture.proxy, "SSCAN");
    assert_eq!(scans.iter().filter(|scan| scan[2] == "0").count(), 1, "one scan");
    assert!(scans.len() > TASKS / 1_000, "{} steps", scans.len());
    let calls = fixture.server.info("commandstats").await.unwrap();
    for command in ["smembers", "mget", "keys", "sort"] {
        assert!(!calls.contains_key(&format!("cmdstat_{command}")), "{command} keeps the server for long");
    }
    let counts = host.count(&user_scope("user-3"), &Owners::ANY).await.unwrap();
    assert_eq!(counts, [(Status::Running, TASKS as u64 / 10)].into());
}

#[tokio::test]
async fn a_first_page_and_a_count_show_what_is_there_now() {
    let fixture = Fixture::new().await;
    for number in 0..5_u64 {
        fixture.save(&number.to_string()).await;
        assert_eq!(listed_in(&fixture.store, Scope::All).await.len() as u64, number + 1);
        let counts = fixture.store.count(&Scope::All, &Owners::ANY).await.unwrap();
        assert_eq!(counts, [(Status::Pending, number + 1)].into());
    }
}

#[tokio::test]
async fn records_of_another_status_are_passed_over_without_reading_them_whole() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    for id in ["1", "2", "3"] {
        let id = fixture.save(id).await;
        fixture.store.change(&id, Change::logs(["x".repeat(1 << 20)]), &Access::ANY).await.unwrap();
    }
    fixture.store.change(&task_id("3"), Change::status(Status::Running), &Access::ANY).await.unwrap();
    let before = fixture.proxy.counts().bytes_down;
    let mut query = Query::new(Scope::All);
    query.statuses = [Status::Running].into();
    assert_eq!(ids(&pages(&host, query).await), ["3"]);
    let read = fixture.proxy.counts().bytes_down - before;
    assert!(read < (1 << 20) + 20_000, "{read} bytes for one record of a megabyte");
}

#[tokio::test]
async fn a_page_reads_no_more_than_it_may_hold() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    for number in 0..12 {
        let id = fixture.save(&number.to_string()).await;
        fixture.store.change(&id, Change::logs(["x".repeat(1 << 20)]), &Access::ANY).await.unwrap();
    }
    let mut query = Query::new(Scope::All);
    let mut shown = Vec::new();
    loop {
        let before = fixture.proxy.counts().bytes_down;
        let page = host.list(&query).await.unwrap();
        let read = (fixture.proxy.counts().bytes_down - before) as usize;
        assert!(read <= MAX_PAGE_BYTES + 20_000, "{read} bytes for one page");
        shown.extend(ids(std::slice::from_ref(&page)));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(shown, (0..12).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_scan_that_a_broken_connection_interrupts_misses_nothing() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    let all = |pipeline: &mut redis::Pipeline| {
        (0..3_000).for_each(|number| plant(pipeline, &number.to_string(), "analytics", "alice"));
    };
    fixture.plant_all(all).await;
    let cut = fixture.proxy.inject(Trigger::command("SSCAN").after(2), Fault::CutBeforeReply);
    assert_eq!(listed_in(&host, Scope::All).await.len(), 3_000);
    assert_eq!(cut.hits(), 1);
}

#[tokio::test]
async fn a_page_ends_after_a_bounded_number_of_records_that_cannot_be_read() {
    const UNREADABLE: usize = 2_500;
    let fixture = Fixture::new().await;
    fixture.plant("z", "analytics", "alice").await;
    let all = |pipeline: &mut redis::Pipeline| {
        (0..UNREADABLE).for_each(|number| {
            pipeline.cmd("SET").arg(format!("task:{number}")).arg("{").ignore();
            pipeline.cmd("SADD").arg("index:tasks").arg(number).ignore();
        });
    };
    fixture.plant_all(all).await;
    let mut query = Query::new(Scope::All);
    query.limit = 1;
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.list(&query).await.unwrap();
        assert!(page.skipped.len() <= MAX_PAGE_SKIPPED && page.more_skipped == 0);
        query.cursor = page.next.clone();
        pages.push(page);
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!((pages.len(), skipped(&pages).len(), ids(&pages)), (3, UNREADABLE, vec!["z".to_owned()]));
    assert_eq!(fixture.store.count(&Scope::All, &Owners::ANY).await.unwrap().values().sum::<u64>(), 1);
    // Whoever may not see everything learns no name of theirs, not even by a cursor.
    query.owners = Owners::only("analytics", "alice");
    let page = fixture.store.list(&query).await.unwrap();
    assert_eq!((page.tasks.len(), page.next), (1, None));
}

#[tokio::test]
async fn of_a_status_that_is_given_twice_the_last_counts_in_every_question() {
    let fixture = Fixture::new().await;
    let id = fixture.save("1").await;
    let text: String = fixture.run(&["GET", "task:1"]).await;
    let twice = format!("{},\"status\":\"failed\"}}", text.strip_suffix('}').unwrap());
    fixture.run::<()>(&["SET", "task:1", &twice]).await;
    assert_eq!(get(&fixture.store, &id).await.status(), Status::Failed);
    for (status, found) in [(Status::Failed, 1), (Status::Pending, 0)] {
        let mut query = Query::new(Scope::All);
        query.statuses = [status].into();
        assert_eq!(fixture.store.list(&query).await.unwrap().tasks.len(), found, "{status}");
        let counts = fixture.store.count(&Scope::All, &Owners::ANY).await.unwrap();
        assert_eq!(counts.get(&status).copied().unwrap_or_default(), found as u64, "{status}");
    }
}

/// Every page of heads.
async fn head_pages(store: &impl TaskStore, mut query: Query) -> Vec<HeadPage> {
    let mut pages = Vec::new();
    loop {
        let page = store.heads(&query).await.unwrap();
        query.cursor = page.next.clone();
        pages.push(page);
        if query.cursor.is_none() {
            return pages;
        }
    }
}

fn head_ids(pages: &[HeadPage]) -> Vec<&str> {
    pages.iter().flat_map(|page| &page.heads).map(|head| head.task_id.as_str()).collect()
}

#[tokio::test]
async fn heads_are_told_of_records_in_every_shape_and_of_nothing_else() {
    let fixture = Fixture::new().await;
    let long = format!("{{\"text\":\"{}\"}}", "y".repeat(100_000));
    for (id, text) in [
        ("1", wire("1", "analytics", "alice")),
        ("2", wire("2", "analytics", "alice").replace("\":", "\": ")),
        ("3", wire("3", "analytics", "alice").replace("\"parameters\":{}", &format!("\"parameters\":{long}"))),
        ("4", wire("4", "analytics", "alice").replace(",\"priority\":\"low\"", "")),
        ("5", wire("5", "analytics", "alice").replace("\"low\"}", "\"high\",\"status\":\"failed\"}")),
        ("6", wire("6", "analytics", "alice").replace("2025-11-17T10:00:16.515926+09:00", "never")),
        ("7", String::new()),
    ] {
        fixture.plant(id, "analytics", "alice").await;
        fixture.run::<()>(&["SET", &format!("task:{id}"), &text]).await;
    }
    fixture.run::<()>(&["RPUSH", "task:list", "x"]).await;
    fixture.run::<()>(&["SADD", "index:tasks", "list", "gone"]).await;
    fixture.spoil("task:1:metadata").await;
    for limit in [1, 2, 1_000] {
        let heads = head_pages(&*fixture.store, paged(Scope::All, limit)).await;
        let records = pages(&fixture.store, paged(Scope::All, limit)).await;
        let records: Vec<Head> =
            records.iter().flat_map(|page| &page.tasks).map(|record| Head::of(record, None)).collect();
        let found: Vec<&Head> = heads.iter().flat_map(|page| &page.heads).collect();
        assert_eq!(found, records.iter().collect::<Vec<_>>(), "in pages of {limit}");
        assert_eq!(head_ids(&heads), ["1", "2", "3", "4", "5"]);
        let skipped: Vec<&str> = heads.iter().flat_map(|page| &page.skipped).map(|one| one.id.as_str()).collect();
        assert_eq!(skipped, ["6"]);
    }
}

#[tokio::test]
async fn a_page_of_heads_reads_nothing_of_logs_and_results() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    for number in 0..12 {
        let id = fixture.save(&number.to_string()).await;
        fixture.store.change(&id, output(&"x".repeat(1 << 20)), &Access::ANY).await.unwrap();
        fixture.store.change(&id, Change::logs(["x".repeat(1 << 20)]), &Access::ANY).await.unwrap();
    }
    let before = fixture.proxy.counts().bytes_down;
    assert_eq!(head_ids(&head_pages(&*host, Query::new(Scope::All)).await).len(), 12);
    let read = fixture.proxy.counts().bytes_down - before;
    assert!(read < 12 * 2_000 + 10_000, "{read} bytes for twelve heads");
}

#[tokio::test]
async fn heads_name_a_record_that_cannot_be_read_to_nobody_who_may_not_see_everything() {
    const UNREADABLE: usize = 2_500;
    let fixture = Fixture::new().await;
    fixture.plant("z", "analytics", "alice").await;
    let all = |pipeline: &mut redis::Pipeline| {
        (0..UNREADABLE).for_each(|number| {
            pipeline.cmd("SET").arg(format!("task:{number}")).arg("{\"status\":\"a secret of bob\"").ignore();
            pipeline.cmd("SADD").arg("index:tasks").arg(number).ignore();
            pipeline.cmd("SADD").arg("index:service:analytics").arg(number).ignore();
        });
    };
    fixture.plant_all(all).await;
    let everything = head_pages(&*fixture.store, paged(Scope::All, 1)).await;
    let skipped = everything.iter().map(|page| page.skipped.len());
    assert_eq!((skipped.sum::<usize>(), head_ids(&everything)), (UNREADABLE, vec!["z"]));
    for order in [Order::Oldest, Order::Newest] {
        let mut query = paged(Scope::All, 1);
        query.owners = Owners { services: Allowed::only(["analytics"]), users: Allowed::only(["alice", "carol"]) };
        query.order = order;
        // Nor does a page end before a task of theirs.
        let theirs = head_pages(&*fixture.store, query).await;
        assert_eq!(head_ids(&theirs), ["z"]);
        assert!(theirs.iter().all(|page| page.skipped.is_empty()));
    }
}

#[tokio::test]
async fn tasks_that_are_not_shown_cost_a_small_page_few_round_trips() {
    const HIDDEN: usize = 2_000;
    let fixture = Fixture::new().await;
    let all = |pipeline: &mut redis::Pipeline| {
        (0..HIDDEN).for_each(|number| plant(pipeline, &number.to_string(), "analytics", "bob"));
        plant(pipeline, "z", "analytics", "alice");
    };
    fixture.plant_all(all).await;
    let server = &fixture.server;
    let reads = async || -> usize { server.info("stats").await.unwrap()["total_reads_processed"].parse().unwrap() };
    let mut query = paged(Scope::All, 1);
    query.owners = Owners { services: Allowed::Any, users: Allowed::only(["alice", "carol"]) };
    let before = reads().await;
    assert_eq!(head_ids(&head_pages(&*fixture.store, query).await), ["z"]);
    let spent = reads().await - before;
    assert!(spent < HIDDEN / 4, "the server read {spent} times for one head");
}
