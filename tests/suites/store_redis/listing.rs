//! Listings of what other writers leave, of very many tasks, and from a replica.

use std::collections::BTreeSet;
use std::sync::Arc;

use task_state_host::record::{Change, Status, TaskId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{
    Access, Allowed, Error, MAX_PAGE_BYTES, Owners, Page, Query, RedisUrl, Scope, StoreUrl, TaskStore,
};
use task_state_tests::proxy::{Fault, Proxy, Trigger};
use task_state_tests::redis_server::RedisServer;
use task_state_tests::resp;

use super::stand::{Stand, connect, eventually, plant, wire};

fn service(name: &str) -> Scope {
    Scope::Service(name.to_owned())
}

/// Every page of a listing.
async fn pages(store: &RedisStore, mut query: Query) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        query.cursor.clone_from(&page.next);
        pages.push(page);
        if query.cursor.is_none() {
            return pages;
        }
    }
}

async fn listed(store: &RedisStore, scope: Scope) -> Vec<String> {
    ids(&pages(store, Query::new(scope)).await)
}

fn ids(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.tasks).map(|task| task.task_id().to_owned()).collect()
}

#[tokio::test]
async fn an_index_of_another_type_is_an_error_that_names_it_for_its_own_listing_only() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.run::<()>(&["DEL", "index:service:analytics"]).await;
    stand.run::<()>(&["LPUSH", "index:service:analytics", "x"]).await;
    for error in [
        stand.store.list(&Query::new(service("analytics"))).await.unwrap_err(),
        stand.store.count(&service("analytics"), &Owners::ANY).await.unwrap_err(),
    ] {
        let Error::WrongType { key, found, expected } = error else { panic!("{error}") };
        assert_eq!((key.as_str(), found.as_str(), expected), ("index:service:analytics", "list", "set"));
    }
    assert_eq!(listed(&stand.store, Scope::All).await, ["1"]);
    assert_eq!(listed(&stand.store, Scope::User("alice".into())).await, ["1"]);
    stand.run::<()>(&["DEL", "index:service:analytics:users"]).await;
    stand.run::<()>(&["SET", "index:service:analytics:users", "x"]).await;
    assert!(matches!(stand.store.users("analytics").await, Err(Error::WrongType { .. })));
}

#[tokio::test]
async fn what_other_writers_leave_does_not_keep_a_listing_from_the_rest() {
    let stand = Stand::new().await;
    for id in ["1", "2", "3", "a:b"] {
        stand.plant(id, "analytics", "alice").await;
    }
    stand.run::<()>(&["DEL", "task:1"]).await;
    stand.run::<()>(&["LPUSH", "task:1", "x"]).await;
    stand.run::<()>(&["SET", "task:2", "{"]).await;
    stand.run::<()>(&[&b"SADD"[..], b"index:service:analytics", b"\xff\xfe"]).await;
    stand.run::<()>(&["SADD", "index:service:analytics", "gone", "id:sequence", "3:metadata"]).await;
    stand.store.next_task_id().await.unwrap();
    for scope in
        [service("analytics"), Scope::Ids(["1", "2", "3", "a:b", "id:sequence", "3:metadata"].map(String::from).into())]
    {
        for limit in [1, 2, 1_000] {
            let mut query = Query::new(scope.clone());
            query.limit = limit;
            let pages = pages(&stand.store, query).await;
            assert_eq!(ids(&pages), ["3", "a:b"]);
            let skipped: BTreeSet<_> = pages.iter().flat_map(|page| &page.skipped).map(|one| one.id.as_str()).collect();
            assert_eq!(skipped, BTreeSet::from(["2"]));
        }
    }
    assert_eq!(stand.store.count(&service("analytics"), &Owners::ANY).await.unwrap(), [(Status::Running, 2)].into());
}

#[tokio::test]
async fn records_in_other_shapes_are_listed_filtered_and_counted() {
    let stand = Stand::new().await;
    let plain = wire("1", "analytics", "alice");
    let long = format!("x{}", "y".repeat(3_000));
    for (id, text) in [
        ("1", plain.replace("\":", "\": ")),
        ("2", format!("{{\"status\":\"running\",{}", wire("2", "analytics", "alice").trim_start_matches('{'))),
        ("3", wire("3", "analytics", "alice").replace("+09:00", "Z").replace(",\"priority\":\"low\"", "")),
        ("4", wire("4", "analytics", "alice").replace("\"running\"", "\"failed\"")),
        ("5", format!("{{\"unknown\":\"{long}\",{}", wire("5", "analytics", "alice").trim_start_matches('{'))),
    ] {
        stand.plant(id, "analytics", "alice").await;
        stand.run::<()>(&["SET", &format!("task:{id}"), &text]).await;
    }
    let mut running = Query::new(service("analytics"));
    running.status = Some(Status::Running);
    running.owners = Owners { services: Allowed::only(["analytics"]), users: Allowed::Any };
    assert_eq!(ids(&pages(&stand.store, running).await), ["1", "2", "3", "5"]);
    let counts = stand.store.count(&Scope::All, &Owners::ANY).await.unwrap();
    assert_eq!(counts, [(Status::Running, 4), (Status::Failed, 1)].into());
}

#[tokio::test]
async fn an_entry_of_a_task_that_has_another_owner_by_now_is_left_out() {
    let stand = Stand::new().await;
    stand.save_for("1", "sync", "bob").await;
    stand.run::<()>(&["SADD", "index:service:analytics", "1"]).await;
    stand.run::<()>(&["SADD", "index:user:alice", "1"]).await;
    assert_eq!(listed(&stand.store, service("analytics")).await, [""; 0]);
    assert_eq!(listed(&stand.store, Scope::User("alice".into())).await, [""; 0]);
    assert_eq!(stand.store.count(&service("analytics"), &Owners::ANY).await.unwrap(), [].into());
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
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    proxy.record();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |_| {}).await;
    for start in (0..TASKS).step_by(1_000) {
        let mut pipeline = redis::pipe();
        for number in start..start + 1_000 {
            plant(&mut pipeline, &number.to_string(), "analytics", &format!("user-{}", number % 10));
        }
        pipeline.query_async::<()>(&mut stand.db.clone()).await.unwrap();
    }
    sent(&proxy, "");
    let pages = pages(&host, Query::new(Scope::All)).await;
    let expected: Vec<String> = (0..TASKS).map(|number| number.to_string()).collect();
    assert_eq!(ids(&pages), expected);
    assert_eq!(pages.len(), TASKS / 1_000);
    let scans = sent(&proxy, "SSCAN");
    assert_eq!(scans.iter().filter(|scan| scan[2] == "0").count(), 1, "one scan");
    assert!(scans.len() > TASKS / 1_000, "{} steps", scans.len());
    let calls = stand.server.info("commandstats").await.unwrap();
    for command in ["smembers", "mget", "keys", "sort"] {
        assert!(!calls.contains_key(&format!("cmdstat_{command}")), "{command} keeps the server for long");
    }
    let counts = host.count(&Scope::User("user-3".into()), &Owners::ANY).await.unwrap();
    assert_eq!(counts, [(Status::Running, TASKS as u64 / 10)].into());
}

#[tokio::test]
async fn a_first_page_and_a_count_show_what_is_there_now() {
    let stand = Stand::new().await;
    for number in 0..5_u64 {
        stand.save(&number.to_string()).await;
        assert_eq!(listed(&stand.store, Scope::All).await.len() as u64, number + 1);
        let counts = stand.store.count(&Scope::All, &Owners::ANY).await.unwrap();
        assert_eq!(counts, [(Status::Pending, number + 1)].into());
    }
}

#[tokio::test]
async fn records_of_another_status_are_passed_over_without_reading_them_whole() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |_| {}).await;
    for id in ["1", "2", "3"] {
        let id = stand.save(id).await;
        stand.store.change(&id, Change::logs(["x".repeat(1 << 20)]), &Access::ANY).await.unwrap();
    }
    let id = TaskId::new("3").unwrap();
    stand.store.change(&id, Change::status(Status::Running), &Access::ANY).await.unwrap();
    let before = proxy.counts().bytes_down;
    let mut query = Query::new(Scope::All);
    query.status = Some(Status::Running);
    assert_eq!(ids(&pages(&host, query).await), ["3"]);
    let read = proxy.counts().bytes_down - before;
    assert!(read < (1 << 20) + 20_000, "{read} bytes for one record of a megabyte");
}

#[tokio::test]
async fn a_page_reads_no_more_than_it_may_hold() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |_| {}).await;
    for number in 0..12 {
        let id = stand.save(&number.to_string()).await;
        stand.store.change(&id, Change::logs(["x".repeat(1 << 20)]), &Access::ANY).await.unwrap();
    }
    let mut query = Query::new(Scope::All);
    let mut shown = Vec::new();
    loop {
        let before = proxy.counts().bytes_down;
        let page = host.list(&query).await.unwrap();
        let read = (proxy.counts().bytes_down - before) as usize;
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
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    let host = connect(&proxy.url(), |_| {}).await;
    let mut pipeline = redis::pipe();
    for number in 0..3_000 {
        plant(&mut pipeline, &number.to_string(), "analytics", "alice");
    }
    pipeline.query_async::<()>(&mut stand.db.clone()).await.unwrap();
    let cut = proxy.inject(Trigger::command("SSCAN").after(2), Fault::CutBeforeReply);
    assert_eq!(listed(&host, Scope::All).await.len(), 3_000);
    assert_eq!(cut.hits(), 1);
}

/// A primary with a replica behind a proxy, and a host that lists from there.
struct Pair {
    stand: Stand,
    replica: RedisServer,
    proxy: Proxy,
    host: Arc<RedisStore>,
}

fn redis_url(url: &str) -> RedisUrl {
    let StoreUrl::Redis(url) = StoreUrl::parse(url).unwrap() else { panic!("{url}") };
    url
}

impl Pair {
    async fn new() -> Self {
        let primary = RedisServer::start().await.unwrap();
        let replica = RedisServer::builder().replica_of(&primary).start().await.unwrap();
        replica.synchronised().await.unwrap();
        let proxy = Proxy::start(replica.port()).await.unwrap();
        proxy.record();
        let stand = Stand::on(primary, |_| {}).await;
        let host = connect(&stand.server.url(), |options| options.read_url = Some(redis_url(&proxy.url()))).await;
        Self { stand, replica, proxy, host }
    }

    /// Waits until listings come from the replica.
    async fn until_read_from_replica(&self) {
        eventually("listings are read from the replica", async || {
            listed(&self.host, Scope::All).await;
            !sent(&self.proxy, "SSCAN").is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn listings_are_read_from_a_replica_that_keeps_up() {
    let pair = Pair::new().await;
    pair.stand.save("1").await;
    pair.until_read_from_replica().await;
    eventually("the replica has it", async || listed(&pair.host, Scope::All).await == ["1"]).await;
    // What a write depends on is read from the primary.
    sent(&pair.proxy, "");
    pair.host.get(&TaskId::new("1").unwrap(), &Access::ANY).await.unwrap();
    assert_eq!(sent(&pair.proxy, "GET").len(), 0);
}

#[tokio::test]
async fn listings_are_read_from_the_primary_while_the_replica_has_no_link_to_it() {
    let pair = Pair::new().await;
    pair.until_read_from_replica().await;
    let mut replica = pair.replica.connection().await.unwrap();
    // It goes on to answer, from what it has.
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg("1").query_async::<()>(&mut replica).await.unwrap();
    pair.stand.save("1").await;
    eventually("listings show it", async || listed(&pair.host, Scope::All).await == ["1"]).await;
    let port = pair.stand.server.port();
    redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).query_async::<()>(&mut replica).await.unwrap();
    pair.until_read_from_replica().await;
}

#[tokio::test]
async fn listings_are_read_from_the_primary_while_the_replica_is_away_or_stands_still() {
    let mut pair = Pair::new().await;
    pair.until_read_from_replica().await;
    pair.replica.pause().unwrap();
    pair.stand.save("1").await;
    assert_eq!(listed(&pair.host, Scope::All).await, ["1"]);
    pair.replica.resume().unwrap();
    pair.until_read_from_replica().await;
    pair.replica.kill();
    pair.stand.save("2").await;
    assert_eq!(listed(&pair.host, Scope::All).await, ["1", "2"]);
}

#[tokio::test]
async fn listings_are_read_from_the_primary_when_the_other_server_does_not_follow_it() {
    let other = RedisServer::start().await.unwrap();
    let stand = Stand::new().await;
    stand.save("1").await;
    let host = connect(&stand.server.url(), |options| options.read_url = Some(redis_url(&other.url()))).await;
    assert_eq!(listed(&host, Scope::All).await, ["1"]);
}
