//! Inputs in Redis: what others do to tasks, and what goes wrong on the way.

use std::time::Duration;

use bytes::Bytes;
use task_state_host::store::{InputId, MAX_INPUT_PIECE};
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;

/// Bytes among which no length of a request is found.
fn content(bytes: usize) -> Bytes {
    (0..bytes).map(|at| b'a' + (at % 23) as u8).collect()
}

async fn with_input(fixture: &Fixture, id: &str, bytes: &Bytes) -> (TaskId, String) {
    let (task, input) = (fixture.save(id).await, InputId::unique());
    fixture.store.put_input(&input, 0, bytes.clone()).await.unwrap();
    fixture.store.attach_input(&input, &task, &Access::ANY).await.unwrap();
    (task, format!("task-state:input:{input}"))
}

async fn whole(store: &impl TaskStore, task: &TaskId) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let piece = store.input(task, whole.len() as u64, usize::MAX).await.unwrap().unwrap();
        if piece.is_empty() {
            return whole;
        }
        whole.extend_from_slice(&piece);
    }
}

/// The largest part of the requests that went through a proxy.
fn largest(requests: &[u8]) -> usize {
    let number = |at: usize| {
        let digits: Vec<u8> = requests[at + 1..].iter().copied().take_while(u8::is_ascii_digit).collect();
        String::from_utf8(digits).unwrap().parse().unwrap_or(0)
    };
    (0..requests.len()).filter(|&at| requests[at] == b'$').map(number).max().unwrap_or(0)
}

#[tokio::test]
async fn no_request_and_no_answer_has_more_than_a_piece_of_an_input() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    fixture.proxy.cut_all();
    fixture.proxy.record();
    let bytes = content(4 * MAX_INPUT_PIECE + 9);
    let (task, input) = (fixture.save("1").await, InputId::unique());
    host.put_input(&input, 0, bytes.clone()).await.unwrap();
    host.attach_input(&input, &task, &Access::ANY).await.unwrap();
    let sent: Vec<Vec<u8>> = fixture.proxy.recorded();
    let largest = sent.iter().map(|requests| largest(requests)).max().unwrap();
    assert_eq!(largest, MAX_INPUT_PIECE);
    let piece = host.input(&task, 0, usize::MAX).await.unwrap().unwrap();
    assert_eq!(piece.len(), MAX_INPUT_PIECE);
    assert_eq!(whole(&*host, &task).await, bytes);
}

#[tokio::test]
async fn an_input_whose_answers_are_lost_is_written_once() {
    let fixture = Fixture::new().await;
    let host = fixture.host(|_| {}).await;
    for fault in [Fault::CutBeforeRequest, Fault::CutInRequest, Fault::CutBeforeReply, Fault::CutInReply] {
        let bytes = content(3 * MAX_INPUT_PIECE + 1);
        let (task, input) = (fixture.save(&format!("{fault:?}")).await, InputId::unique());
        // The text of a script goes once to a server that does not know it.
        host.put_input(&InputId::unique(), 0, Bytes::from_static(b"x")).await.unwrap();
        let put = fixture.proxy.inject(Trigger::containing(input.as_str()).after(1).times(2), fault);
        host.put_input(&input, 0, bytes.clone()).await.unwrap();
        assert_eq!(put.hits(), 2, "{fault:?}");
        let attached = fixture.proxy.inject(Trigger::containing("task-state:inputs").times(1), fault);
        host.attach_input(&input, &task, &Access::ANY).await.unwrap();
        assert_eq!(attached.hits(), 1, "{fault:?}");
        let read = fixture.proxy.inject(Trigger::containing("task-state:input:").times(1), fault);
        assert_eq!(whole(&*host, &task).await, bytes, "{fault:?}");
        assert_eq!(read.hits(), 1, "{fault:?}");
        fixture.proxy.clear();
    }
}

#[tokio::test]
async fn the_end_of_a_task_and_its_deletion_leave_nothing_of_its_input() {
    let fixture = Fixture::new().await;
    let bytes = content(100);
    let (task, key) = with_input(&fixture, "1", &bytes).await;
    let claim = claim("1");
    fixture.store.claim(claim.clone()).await.unwrap();
    assert!(fixture.exists(&key).await);
    let end = Change::finish(Status::Completed);
    fixture.store.change(&task, end, &Access::ANY.during(claim.run)).await.unwrap();
    assert!(!fixture.exists(&key).await);
    assert_eq!(fixture.run::<Option<String>>(&["HGET", "task:1:metadata", "input"]).await, None);
    let (task, key) = with_input(&fixture, "2", &bytes).await;
    fixture.store.delete(&task, &Access::ANY).await.unwrap();
    assert!(!fixture.exists(&key).await);
    // One that can only be written whole: another writer has changed its shape.
    let (task, key) = with_input(&fixture, "3", &bytes).await;
    let spaced = wire("3", "analytics", "alice").replace(":", ": ").replace("10: 00: 16", "10:00:16");
    fixture.run::<()>(&["SET", "task:3", &spaced.replace("+09: 00", "+09:00")]).await;
    fixture.store.change(&task, Change::finish(Status::Failed), &Access::ANY).await.unwrap();
    assert!(!fixture.exists(&key).await);
}

#[tokio::test]
async fn an_expired_task_takes_its_input_along() {
    let fixture = Fixture::new().await;
    let _host = fixture.maintained_by(&fixture.host(no_sweeps).await).await;
    let (task, key) = with_input(&fixture, "1", &content(100)).await;
    fixture.expire("1").await;
    assert_eq!(fixture.store.input(&task, 0, 10).await.unwrap(), None);
    eventually("it is gone", async || !fixture.exists(&key).await).await;
}

#[tokio::test]
async fn what_others_end_or_delete_takes_its_input_along() {
    // Of tasks that live for seconds the inputs are looked after every second.
    let fixture = Fixture::with(|options| options.task_ttl = Duration::from_secs(60)).await;
    let short = connect(&fixture.server.url(), |options| options.task_ttl = Duration::from_secs(2)).await;
    let mut keys = Vec::new();
    for id in ["deleted", "ended", "kept"] {
        let (task, input) = (fixture.save(id).await, InputId::unique());
        short.put_input(&input, 0, content(100)).await.unwrap();
        short.attach_input(&input, &task, &Access::ANY).await.unwrap();
        keys.push(format!("task-state:input:{input}"));
    }
    let _host = Maintenance::start(&short);
    fixture.run::<()>(&["DEL", "task:deleted", "task:deleted:metadata"]).await;
    let ended = wire("ended", "analytics", "alice").replace("running", "completed");
    fixture.run::<()>(&["SET", "task:ended", &ended]).await;
    for key in &keys[..2] {
        eventually("it is gone", async || !fixture.exists(key).await).await;
    }
    let kept: i64 = fixture.run(&["ZCARD", "task-state:inputs"]).await;
    assert!(kept == 1 && fixture.exists(&keys[2]).await);
}

#[tokio::test]
async fn an_input_lives_longer_than_its_task_and_one_that_nobody_takes_for_an_hour() {
    let fixture = Fixture::new().await;
    let input = InputId::unique();
    fixture.store.put_input(&input, 0, content(10)).await.unwrap();
    let life = fixture.ttl(&format!("task-state:upload:{input}")).await;
    assert!((3_500..=3_600).contains(&life), "{life}");
    let (_, key) = with_input(&fixture, "1", &content(10)).await;
    assert!(fixture.ttl(&key).await >= TTL as i64);
}

#[tokio::test]
async fn an_input_that_is_gone_before_its_task_is_no_empty_one() {
    let fixture = Fixture::new().await;
    let (task, key) = with_input(&fixture, "1", &content(10)).await;
    fixture.run::<()>(&["DEL", &key]).await;
    let answer = fixture.store.input(&task, 0, 10).await;
    assert!(matches!(&answer, Err(Error::Failed(why)) if why.contains("gone")), "{answer:?}");
}

#[tokio::test]
async fn an_input_is_in_no_key_that_others_read() {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let before: Vec<String> = fixture.dump().await.into_keys().collect();
    with_input(&fixture, "1", &content(10)).await;
    let after: Vec<String> = fixture.dump().await.into_keys().collect();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_key_that_another_has_put_in_the_metadata_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.save("victim").await;
    let task = fixture.save("1").await;
    fixture.run::<()>(&["HSET", "task:1:metadata", "input", "task:victim"]).await;
    assert_eq!(fixture.store.input(&task, 0, 10).await.unwrap(), None);
    fixture.store.change(&task, Change::status(Status::Failed), &Access::ANY).await.unwrap();
    fixture.store.change(&task, Change::finish(Status::Failed), &Access::ANY).await.unwrap();
    fixture.store.delete(&task, &Access::ANY).await.unwrap();
    assert!(fixture.exists("task:victim").await);
}
