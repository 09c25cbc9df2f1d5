//! Following a task that other programs change, over connections that break.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use task_state_host::record::{Change, Status, TaskId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Error, Progress, Result, TaskStore};
use task_state_tests::proxy::Proxy;
use task_state_tests::redis_server::RedisServer;

use super::stand::{Stand, connect};

/// How long the next item may take. Far more than it should, and less than it takes to notice a change by chance.
const SOON: Duration = Duration::from_secs(8);

type Followed = BoxStream<'static, Result<Progress>>;

fn id() -> TaskId {
    TaskId::new("1").unwrap()
}

async fn follow(store: &RedisStore) -> Followed {
    store.follow(&id(), 0, &Access::ANY).await.unwrap()
}

async fn next(followed: &mut Followed) -> Option<Result<Progress>> {
    tokio::time::timeout(SOON, followed.next()).await.expect("the next item comes soon")
}

async fn progress(followed: &mut Followed) -> (Status, Vec<String>) {
    let progress = next(followed).await.expect("an item").unwrap();
    let message = |entry: &String| entry.split_once(',').unwrap().1.to_owned();
    (progress.status, progress.entries.iter().map(message).collect())
}

/// Reads on until as many entries have come.
async fn entries(followed: &mut Followed, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.extend(progress(followed).await.1);
    }
    seen
}

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

impl Stand {
    async fn append(&self, messages: impl IntoIterator<Item = String>) {
        self.store.change(&id(), Change::logs(messages), &Access::ANY).await.unwrap();
    }

    /// A change as the Python package makes it: reads, changes and writes back.
    async fn change_as_peer(&self, from: &str, to: &str) {
        let text: String = self.run(&["GET", "task:1"]).await;
        assert!(text.contains(from), "{text}");
        self.run::<()>(&["SET", "task:1", &text.replacen(from, to, 1), "EX", "7776000"]).await;
    }

    async fn append_as_peer(&self, message: &str) {
        let entry = format!("\"2026-11-23T10:00:00.000001+09:00,{message}\"],\"result\":");
        let text: String = self.run(&["GET", "task:1"]).await;
        let comma = if text.contains("\"logs\":[]") { "" } else { "," };
        self.change_as_peer("],\"result\":", &format!("{comma}{entry}")).await;
    }
}

#[tokio::test]
async fn a_change_by_another_program_is_seen_soon() {
    let stand = Stand::new().await;
    stand.save("1").await;
    let mut followed = follow(&stand.store).await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec![]));
    stand.append_as_peer("one").await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec!["one".to_owned()]));
    stand.append_as_peer("two").await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec!["two".to_owned()]));
    stand.change_as_peer("\"pending\"", "\"cancel_requested\"").await;
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, vec![]));
    stand.append(numbers(0..2)).await;
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, numbers(0..2)));
    // Another shape altogether.
    let text: String = stand.run(&["GET", "task:1"]).await;
    let reshaped = text.replace("\":", "\": ").replace("\"cancel_requested\"", "\"cancelled\"");
    stand.run::<()>(&["SET", "task:1", &reshaped]).await;
    assert_eq!(progress(&mut followed).await, (Status::Cancelled, vec![]));
    assert!(next(&mut followed).await.is_none());
}

#[tokio::test]
async fn entries_that_another_writer_erases_bring_none_a_second_time() {
    let stand = Stand::new().await;
    stand.save("1").await;
    stand.append(numbers(0..3)).await;
    let mut followed = follow(&stand.store).await;
    assert_eq!(progress(&mut followed).await.1, numbers(0..3));
    let stale: String = stand.run(&["GET", "task:1"]).await;
    stand.append(numbers(3..5)).await;
    assert_eq!(progress(&mut followed).await.1, numbers(3..5));
    // A writer that had read before writes back after, with an entry of its own.
    let written = stale.replacen("],\"result\":", ",\"2026-11-23T10:00:00.000001+09:00,peer\"],\"result\":", 1);
    stand.run::<()>(&["SET", "task:1", &written]).await;
    assert_eq!(progress(&mut followed).await.1, ["peer"]);
    stand.append(numbers(5..6)).await;
    assert_eq!(progress(&mut followed).await.1, numbers(5..6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_entries_of_several_hosts_are_all_seen_once_while_connections_break() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    stand.save("1").await;
    let host = connect(&proxy.url(), |_| {}).await;
    let mut followed = follow(&host).await;
    progress(&mut followed).await;
    let mut writers = Vec::new();
    for writer in 0..3 {
        let store = connect(&stand.server.url(), |_| {}).await;
        writers.push(tokio::spawn(async move {
            for number in 0..100 {
                let change = Change::logs([format!("{writer}-{number}")]);
                store.change(&id(), change, &Access::ANY).await.unwrap();
                if number == 50 {
                    let status = [Status::Running, Status::Dispatching, Status::Running][writer];
                    // The others may have been first.
                    let _ = store.change(&id(), Change::status(status), &Access::ANY).await;
                }
            }
        }));
    }
    let mut seen = Vec::new();
    for part in 1..=5 {
        while seen.len() < part * 50 {
            seen.extend(progress(&mut followed).await.1);
        }
        proxy.cut_all();
    }
    while seen.len() < 300 {
        seen.extend(progress(&mut followed).await.1);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for writer in 0..3 {
        let of_writer: Vec<&String> = seen.iter().filter(|entry| entry.starts_with(&format!("{writer}-"))).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("{writer}-{number}")).collect();
        assert_eq!(of_writer, expected.iter().collect::<Vec<_>>());
    }
    stand.store.change(&id(), Change::status(Status::Completed), &Access::ANY).await.unwrap();
    assert_eq!(progress(&mut followed).await, (Status::Completed, vec![]));
}

#[tokio::test]
async fn changes_while_the_server_cannot_be_reached_are_seen_afterwards() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    stand.save("1").await;
    let host = connect(&proxy.url(), |_| {}).await;
    let mut followed = follow(&host).await;
    progress(&mut followed).await;
    let reading = tokio::spawn(async move {
        let seen = entries(&mut followed, 3).await;
        (seen, followed)
    });
    proxy.refuse().await;
    proxy.cut_all();
    stand.append(numbers(0..3)).await;
    proxy.accept().unwrap();
    let (seen, mut followed) = reading.await.unwrap();
    assert_eq!(seen, numbers(0..3));
    stand.append(numbers(3..4)).await;
    assert_eq!(entries(&mut followed, 1).await, numbers(3..4));
}

#[tokio::test]
async fn many_entries_at_once_are_all_seen() {
    let stand = Stand::new().await;
    stand.save("1").await;
    let mut followed = follow(&stand.store).await;
    progress(&mut followed).await;
    stand.append(numbers(0..20_000)).await;
    assert_eq!(entries(&mut followed, 20_000).await, numbers(0..20_000));
}

#[tokio::test]
async fn only_the_new_part_of_a_long_log_is_read() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let stand = Stand::on(server, |_| {}).await;
    stand.save("1").await;
    stand.append((0..10_000).map(|number| format!("line {number} {}", "x".repeat(80)))).await;
    let host = connect(&proxy.url(), |_| {}).await;
    let mut followed = follow(&host).await;
    assert_eq!(entries(&mut followed, 10_000).await.len(), 10_000);
    for number in 0..10 {
        let before = proxy.counts().bytes_down;
        stand.append(numbers(number..number + 1)).await;
        assert_eq!(entries(&mut followed, 1).await, numbers(number..number + 1));
        let read = proxy.counts().bytes_down - before;
        assert!(read < 4_000, "{read} bytes for one entry");
    }
    let before = proxy.counts().bytes_down;
    stand.store.change(&id(), Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, vec![]));
    assert!(proxy.counts().bytes_down - before < 4_000, "a status move shifts the log, and needs none of it");
}

#[tokio::test]
async fn a_follower_of_a_task_that_goes_is_told_at_once() {
    let stand = Stand::new().await;
    for way in ["DEL", "PEXPIRE"] {
        stand.save("1").await;
        let mut followed = follow(&stand.store).await;
        progress(&mut followed).await;
        stand.run::<()>(&[&[way, "task:1"][..], if way == "DEL" { &[] } else { &["1"] }].concat()).await;
        assert!(matches!(next(&mut followed).await, Some(Err(Error::NotFound))), "{way}");
        assert!(next(&mut followed).await.is_none());
    }
}
