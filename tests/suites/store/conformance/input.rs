//! The input of a task: uploaded in pieces, given to one task, and kept until that has ended.

use std::time::Duration;

use bytes::Bytes;
use task_state_host::store::{InputId, MAX_INPUT_BYTES, MAX_INPUT_PIECE, Wanted};

use super::fixture::*;
use super::{Engine, promises};

promises! {
    an_input_is_read_as_it_was_written,
    an_input_may_be_empty,
    bytes_are_written_only_behind_those_that_are_there,
    what_is_there_already_is_no_conflict,
    pieces_of_any_size_come_back_in_order,
    an_input_has_a_bound,
    a_task_without_an_input_has_none,
    an_input_is_given_to_one_task,
    an_input_that_is_given_away_is_not_written_to,
    a_task_has_one_input,
    an_input_is_given_only_to_a_task_that_may_be_touched_and_has_not_ended,
    an_input_goes_with_the_end_of_its_task,
    an_input_goes_with_a_task_that_is_cancelled_before_it_began,
    an_input_goes_with_its_task,
    an_input_outlives_what_is_no_end,
    a_task_that_takes_the_place_of_another_has_not_its_input,
    an_input_goes_when_its_host_is_gone,
}

/// Bytes that tell where they are.
fn content(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

async fn upload(store: &SharedStore, bytes: &Bytes) -> InputId {
    let id = InputId::unique();
    store.put_input(&id, 0, bytes.clone()).await.unwrap();
    id
}

/// A pending task with an input.
async fn with_input(store: &SharedStore, id: &str, bytes: &Bytes) -> TaskId {
    let task = save(store, draft(id)).await;
    let input = upload(store, bytes).await;
    store.attach_input(&input, &task, &Access::ANY).await.unwrap();
    task
}

/// The whole input of a task, if it has one.
async fn read(store: &SharedStore, task: &TaskId) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let piece = store.input(task, whole.len() as u64, usize::MAX).await.unwrap()?;
        assert!(piece.len() <= MAX_INPUT_PIECE, "{}", piece.len());
        if piece.is_empty() {
            return Some(whole);
        }
        whole.extend_from_slice(&piece);
    }
}

async fn an_input_is_read_as_it_was_written<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    // Larger than several pieces, and written in one go.
    let bytes = content(MAX_INPUT_PIECE * 3 + 17);
    let task = with_input(&store, "1", &bytes).await;
    assert_eq!(read(&other, &task).await.unwrap(), bytes);
    let some = other.input(&task, MAX_INPUT_PIECE as u64 - 3, 6).await.unwrap().unwrap();
    assert!(!some.is_empty() && bytes[MAX_INPUT_PIECE - 3..].starts_with(&some));
    for beyond in [bytes.len() as u64, bytes.len() as u64 + 1, u64::MAX] {
        assert_eq!(other.input(&task, beyond, 10).await.unwrap(), Some(Bytes::new()), "{beyond}");
    }
    assert_eq!(other.input(&task, 0, 0).await.unwrap(), Some(Bytes::new()));
}

async fn an_input_may_be_empty<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &Bytes::new()).await;
    assert_eq!(read(&store, &task).await.unwrap(), b"");
}

async fn bytes_are_written_only_behind_those_that_are_there<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = InputId::unique();
    assert_fails!(store.put_input(&id, 1, Bytes::from_static(b"b")).await, Error::Conflict);
    store.put_input(&id, 0, Bytes::from_static(b"abc")).await.unwrap();
    for (offset, bytes) in [(0, &b"x"[..]), (1, b"bcd"), (2, b"x"), (4, b"e"), (2, b"cd"), (0, b"abcd")] {
        let refused = store.put_input(&id, offset, Bytes::from_static(bytes)).await;
        assert_fails!(refused, Error::Conflict);
    }
    store.put_input(&id, 3, Bytes::from_static(b"d")).await.unwrap();
    let task = save(&store, draft("1")).await;
    store.attach_input(&id, &task, &Access::ANY).await.unwrap();
    assert_eq!(read(&store, &task).await.unwrap(), b"abcd");
}

async fn what_is_there_already_is_no_conflict<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = InputId::unique();
    let bytes = content(MAX_INPUT_PIECE + 5);
    for _ in 0..2 {
        store.put_input(&id, 0, bytes.clone()).await.unwrap();
        store.put_input(&id, 7, bytes.slice(7..)).await.unwrap();
        store.put_input(&id, bytes.len() as u64, Bytes::new()).await.unwrap();
    }
    let task = save(&store, draft("1")).await;
    for _ in 0..2 {
        store.attach_input(&id, &task, &Access::ANY).await.unwrap();
    }
    assert_eq!(read(&store, &task).await.unwrap(), bytes);
}

async fn pieces_of_any_size_come_back_in_order<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (id, bytes) = (InputId::unique(), content(400_000));
    let mut at = 0;
    for size in [1, 1, 0, 10, 70_000, 3, 65_530, 7, 100_000, 2].into_iter().cycle() {
        let end = (at + size).min(bytes.len());
        store.put_input(&id, at as u64, bytes.slice(at..end)).await.unwrap();
        at = end;
        if at == bytes.len() {
            break;
        }
    }
    let task = save(&store, draft("1")).await;
    store.attach_input(&id, &task, &Access::ANY).await.unwrap();
    assert_eq!(read(&store, &task).await.unwrap(), bytes);
}

async fn an_input_has_a_bound<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = InputId::unique();
    for offset in [MAX_INPUT_BYTES, u64::MAX] {
        let refused = store.put_input(&id, offset, Bytes::from_static(b"x")).await;
        assert_fails!(refused, Error::InvalidValue(why) if why.to_string().contains(&MAX_INPUT_BYTES.to_string()));
    }
}

async fn a_task_without_an_input_has_none<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = save(&store, draft("1")).await;
    assert_eq!(read(&store, &task).await, None);
    assert_eq!(read(&store, &task_id("gone")).await, None);
}

async fn an_input_is_given_to_one_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (one, other) = (save(&store, draft("1")).await, save(&store, draft("2")).await);
    assert_fails!(store.attach_input(&InputId::unique(), &one, &Access::ANY).await, Error::NotFound);
    let input = upload(&store, &content(10)).await;
    store.attach_input(&input, &one, &Access::ANY).await.unwrap();
    assert_fails!(store.attach_input(&input, &other, &Access::ANY).await, Error::NotFound);
    assert_eq!(read(&store, &other).await, None);
}

async fn an_input_that_is_given_away_is_not_written_to<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = save(&store, draft("1")).await;
    let input = upload(&store, &content(10)).await;
    store.attach_input(&input, &task, &Access::ANY).await.unwrap();
    assert_fails!(store.put_input(&input, 10, Bytes::from_static(b"more")).await, Error::Conflict);
    assert_eq!(read(&store, &task).await.unwrap(), content(10));
}

async fn a_task_has_one_input<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &content(10)).await;
    let another = upload(&store, &content(20)).await;
    assert_fails!(store.attach_input(&another, &task, &Access::ANY).await, Error::Conflict);
    assert_eq!(read(&store, &task).await.unwrap(), content(10));
}

async fn an_input_is_given_only_to_a_task_that_may_be_touched_and_has_not_ended<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let input = upload(&store, &content(10)).await;
    let task = save(&store, draft("1")).await;
    let refused = store.attach_input(&input, &task, &owner("sync", "alice")).await;
    assert_fails!(refused, Error::Denied(Denied::Service));
    assert_fails!(store.attach_input(&input, &task_id("gone"), &Access::ANY).await, Error::NotFound);
    let ended = save(&store, draft_in("2", Status::Completed)).await;
    assert_fails!(store.attach_input(&input, &ended, &Access::ANY).await, Error::InvalidTransition(_));
    store.attach_input(&input, &task, &owner("analytics", "alice")).await.unwrap();
}

async fn an_input_goes_with_the_end_of_its_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, status) in [("1", Status::Completed), ("2", Status::Failed)] {
        let task = with_input(&store, id, &content(10)).await;
        let claim = claim(id);
        store.claim(claim.clone()).await.unwrap();
        assert_eq!(read(&store, &task).await.unwrap(), content(10));
        let access = Access::ANY.during(claim.run);
        store.change(&task, Change::logs(["entry"]), &access).await.unwrap();
        assert!(read(&store, &task).await.is_some());
        store.change(&task, Change::finish(status), &access).await.unwrap();
        assert_eq!(read(&store, &task).await, None);
    }
}

async fn an_input_goes_with_a_task_that_is_cancelled_before_it_began<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &content(10)).await;
    store.change(&task, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert!(read(&store, &task).await.is_some());
    store.change(&task, Change::status(Status::Cancelled), &Access::ANY).await.unwrap();
    assert_eq!(read(&store, &task).await, None);
    // One that a run finds to have been asked to stop.
    let task = with_input(&store, "2", &content(10)).await;
    store.change(&task, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    store.claim(claim("2")).await.unwrap();
    assert_eq!(read(&store, &task).await, None);
}

async fn an_input_goes_with_its_task<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(2)).await;
    let task = with_input(&store, "1", &content(10)).await;
    store.delete(&task, &Access::ANY).await.unwrap();
    save(&store, draft("1")).await;
    assert_eq!(read(&store, &task).await, None);
    let task = with_input(&store, "2", &content(10)).await;
    expired(&store, &task).await;
    assert_eq!(read(&store, &task).await, None);
    save(&store, draft("2")).await;
    assert_eq!(read(&store, &task).await, None);
}

async fn an_input_outlives_what_is_no_end<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &content(10)).await;
    assert!(store.queue().enqueue(&task, Duration::ZERO, &Access::ANY).await.unwrap());
    for change in [Change::logs(["entry"]), Change::status(Status::Running), pod("up")] {
        store.change(&task, change, &Access::ANY).await.unwrap();
        assert_eq!(read(&store, &task).await.unwrap(), content(10));
    }
    // Another attempt reads it again.
    let wanted = [Wanted::new(Service::new("analytics").unwrap(), 1)];
    for _ in 0..2 {
        let ticket = store.queue().take(&wanted, Duration::from_secs(60)).await.unwrap().pop().unwrap();
        let mut claim = claim("1");
        (claim.ticket, claim.attempts) = (Some(ticket), 3);
        store.claim(claim.clone()).await.unwrap();
        assert_eq!(read(&store, &task).await.unwrap(), content(10));
        store.queue().retry(&task, &claim.run, Duration::ZERO).await.unwrap();
    }
    assert_eq!(read(&store, &task).await.unwrap(), content(10));
}

async fn a_task_that_takes_the_place_of_another_has_not_its_input<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &content(10)).await;
    save(&store, owned_draft("1", "sync", "bob")).await;
    assert_eq!(read(&store, &task).await, None);
    let task = with_input(&store, "2", &content(10)).await;
    save(&store, draft_in("2", Status::Completed)).await;
    assert_eq!(read(&store, &task).await, None);
}

async fn an_input_goes_when_its_host_is_gone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let task = with_input(&store, "1", &content(10)).await;
    let mut claim = claim("1");
    claim.lease = Duration::from_millis(1);
    store.claim(claim).await.unwrap();
    eventually("the task was ended", async || {
        store.check(true).await.unwrap();
        get(&store, &task).await.status() == Status::Failed
    })
    .await;
    assert_eq!(read(&store, &task).await, None);
}
