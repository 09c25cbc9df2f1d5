//! Following a task that other programs change, over connections that break.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{News, Result};

use super::fixture::*;

/// How long the next item may take. Far more than it should, and less than it takes to notice a change by chance.
const SOON: Duration = Duration::from_secs(8);

type Followed = BoxStream<'static, Result<News>>;

async fn follow(store: &Arc<RedisStore>) -> Followed {
    store.follow(&task_id("1"), 0, &Access::ANY).await.unwrap()
}

async fn next(followed: &mut Followed) -> Option<Result<News>> {
    tokio::time::timeout(SOON, followed.next()).await.expect("the next item comes soon")
}

async fn progress(followed: &mut Followed) -> (Status, Vec<String>) {
    let progress = next(followed).await.expect("an item").unwrap();
    (progress.status, progress.entries.iter().map(|entry| message(entry).to_owned()).collect())
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

impl Fixture {
    async fn append(&self, messages: impl IntoIterator<Item = String>) {
        self.store.change(&task_id("1"), Change::logs(messages), &Access::ANY).await.unwrap();
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
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let mut followed = follow(&fixture.store).await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec![]));
    fixture.append_as_peer("one").await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec!["one".to_owned()]));
    fixture.append_as_peer("two").await;
    assert_eq!(progress(&mut followed).await, (Status::Pending, vec!["two".to_owned()]));
    fixture.change_as_peer("\"pending\"", "\"cancel_requested\"").await;
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, vec![]));
    fixture.append(numbers(0..2)).await;
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, numbers(0..2)));
    // Another shape altogether.
    let text: String = fixture.run(&["GET", "task:1"]).await;
    let reshaped = text.replace("\":", "\": ").replace("\"cancel_requested\"", "\"cancelled\"");
    fixture.run::<()>(&["SET", "task:1", &reshaped]).await;
    assert_eq!(progress(&mut followed).await, (Status::Cancelled, vec![]));
    assert!(next(&mut followed).await.is_none());
}

#[tokio::test]
async fn entries_that_another_writer_erases_bring_none_a_second_time() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.append(numbers(0..3)).await;
    let mut followed = follow(&fixture.store).await;
    assert_eq!(progress(&mut followed).await.1, numbers(0..3));
    let stale: String = fixture.run(&["GET", "task:1"]).await;
    fixture.append(numbers(3..5)).await;
    assert_eq!(progress(&mut followed).await.1, numbers(3..5));
    // A writer that had read before writes back after, with an entry of its own.
    let written = stale.replacen("],\"result\":", ",\"2026-11-23T10:00:00.000001+09:00,peer\"],\"result\":", 1);
    fixture.run::<()>(&["SET", "task:1", &written]).await;
    assert_eq!(progress(&mut followed).await.1, ["peer"]);
    fixture.append(numbers(5..6)).await;
    assert_eq!(progress(&mut followed).await.1, numbers(5..6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_entries_of_several_hosts_are_all_seen_once_while_connections_break() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let host = fixture.host(|_| {}).await;
    let mut followed = follow(&host).await;
    progress(&mut followed).await;
    let mut writers = Vec::new();
    for writer in 0..3 {
        let store = connect(&fixture.server.url(), |_| {}).await;
        writers.push(tokio::spawn(async move {
            for number in 0..100 {
                let change = Change::logs([format!("{writer}-{number}")]);
                store.change(&task_id("1"), change, &Access::ANY).await.unwrap();
                if number == 50 {
                    let status = [Status::Running, Status::Dispatching, Status::Running][writer];
                    // The others may have been first.
                    let _ = store.change(&task_id("1"), Change::status(status), &Access::ANY).await;
                }
            }
        }));
    }
    let mut seen = Vec::new();
    for part in 1..=6 {
        while seen.len() < part * 50 {
            seen.extend(progress(&mut followed).await.1);
        }
        fixture.proxy.cut_all();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for writer in 0..3 {
        let of_writer: Vec<&String> = seen.iter().filter(|entry| entry.starts_with(&format!("{writer}-"))).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("{writer}-{number}")).collect();
        assert_eq!(of_writer, expected.iter().collect::<Vec<_>>());
    }
    fixture.store.change(&task_id("1"), Change::status(Status::Completed), &Access::ANY).await.unwrap();
    assert_eq!(progress(&mut followed).await, (Status::Completed, vec![]));
}

#[tokio::test]
async fn changes_while_the_server_cannot_be_reached_are_seen_afterwards() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let host = fixture.host(|_| {}).await;
    let mut followed = follow(&host).await;
    progress(&mut followed).await;
    let reading = tokio::spawn(async move {
        let seen = entries(&mut followed, 3).await;
        (seen, followed)
    });
    fixture.proxy.refuse().await;
    fixture.proxy.cut_all();
    fixture.append(numbers(0..3)).await;
    fixture.proxy.accept().unwrap();
    let (seen, mut followed) = reading.await.unwrap();
    assert_eq!(seen, numbers(0..3));
    fixture.append(numbers(3..4)).await;
    assert_eq!(entries(&mut followed, 1).await, numbers(3..4));
}

#[tokio::test]
async fn many_entries_at_once_are_all_seen() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let mut followed = follow(&fixture.store).await;
    progress(&mut followed).await;
    fixture.append(numbers(0..20_000)).await;
    assert_eq!(entries(&mut followed, 20_000).await, numbers(0..20_000));
}

#[tokio::test]
async fn only_the_new_part_of_a_long_log_is_read() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    fixture.append((0..10_000).map(|number| format!("line {number} {}", "x".repeat(80)))).await;
    let host = fixture.host(|_| {}).await;
    let mut followed = follow(&host).await;
    assert_eq!(entries(&mut followed, 10_000).await.len(), 10_000);
    for number in 0..10 {
        let before = fixture.proxy.counts().bytes_down;
        fixture.append(numbers(number..number + 1)).await;
        assert_eq!(entries(&mut followed, 1).await, numbers(number..number + 1));
        let read = fixture.proxy.counts().bytes_down - before;
        assert!(read < 4_000, "{read} bytes for one entry");
    }
    let before = fixture.proxy.counts().bytes_down;
    fixture.store.change(&task_id("1"), Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert_eq!(progress(&mut followed).await, (Status::CancelRequested, vec![]));
    assert!(fixture.proxy.counts().bytes_down - before < 4_000, "a status move shifts the log, and needs none of it");
}

#[tokio::test]
async fn a_follower_of_a_task_that_goes_is_told_at_once() {
    let fixture = Fixture::new().await;
    for way in ["DEL", "PEXPIRE"] {
        fixture.save("1").await;
        let mut followed = follow(&fixture.store).await;
        progress(&mut followed).await;
        fixture.run::<()>(&[&[way, "task:1"][..], if way == "DEL" { &[] } else { &["1"] }].concat()).await;
        assert!(matches!(next(&mut followed).await, Some(Err(Error::NotFound))), "{way}");
        assert!(next(&mut followed).await.is_none());
    }
}
