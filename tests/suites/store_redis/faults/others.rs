//! A write that is tried again, and what others have written meanwhile: theirs stands.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::{Change, Draft, Status};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Error, Precondition, Result, TaskStore};
use task_state_tests::proxy::{Fault, Trigger};

use super::{Bench, draft, get, messages, save, soon, task_id, writes};

fn with_entry(id: &str, message: &str) -> Draft {
    let mut draft = draft(id);
    draft.logs = vec![format!("t,{message}")];
    draft
}

/// Starts an operation whose answer is lost, lets another writer work after it was executed, and gives the answer to the
/// second copy.
async fn interrupted<T>(
    bench: &Bench,
    store: &Arc<RedisStore>,
    trigger: Trigger,
    operation: impl AsyncFnOnce(Arc<RedisStore>) -> Result<T>,
    meanwhile: impl AsyncFnOnce(),
) -> Result<T> {
    let injected = bench.proxy.inject(trigger, Fault::StallReply);
    let ours = operation(Arc::clone(store));
    let others = async {
        soon("execution", injected.until_executed()).await;
        meanwhile().await;
        // Only now may the host try again.
        bench.proxy.cut_all();
    };
    let (answer, ()) = tokio::join!(ours, others);
    answer
}

async fn hosts(bench: &Bench) -> (Arc<RedisStore>, Arc<RedisStore>) {
    let store = bench.host(|options| options.response_timeout = Duration::from_secs(30)).await;
    let other = bench.other_host().await;
    // Every script has been sent before: a fault meets the operation itself.
    let id = save(&store, draft("warm")).await;
    store.change(&id, Change::logs(["warm"]), &Access::ANY).await.unwrap();
    store.delete(&id, &Access::ANY).await.unwrap();
    (store, other)
}

#[tokio::test]
async fn a_delete_that_is_tried_again_leaves_a_task_that_was_saved_meanwhile() {
    let bench = Bench::new().await;
    let (store, other) = hosts(&bench).await;
    let id = save(&other, with_entry("1", "old")).await;
    let deleted = interrupted(
        &bench,
        &store,
        Trigger::when(writes),
        async |store| store.delete(&task_id("1"), &Access::ANY).await,
        async || {
            other.save(with_entry("1", "new"), Precondition::Absent, &Access::ANY).await.unwrap();
        },
    )
    .await;
    assert!(deleted.unwrap());
    assert_eq!(messages(&get(&other, &id).await), ["new"]);
}

#[tokio::test]
async fn a_save_that_is_tried_again_overwrites_no_later_save() {
    let bench = Bench::new().await;
    let (store, other) = hosts(&bench).await;
    for (id, large) in [("small", 10), ("large", 100_000)] {
        save(&other, with_entry(id, "old")).await;
        // The first script takes the task for a new one, and finds that it is not.
        let ours = with_entry(id, &"x".repeat(large));
        let saved = interrupted(
            &bench,
            &store,
            Trigger::when(writes).after(1),
            async |store| store.save(ours, Precondition::None, &Access::ANY).await,
            async || {
                save(&other, with_entry(id, "theirs")).await;
            },
        )
        .await;
        assert_eq!(saved.unwrap().as_str(), id);
        assert_eq!(messages(&get(&other, &task_id(id)).await), ["theirs"]);
    }
}

#[tokio::test]
async fn a_save_that_is_tried_again_brings_back_no_deleted_task() {
    let bench = Bench::new().await;
    let (store, other) = hosts(&bench).await;
    for only_if in [Precondition::None, Precondition::Absent] {
        let saved = interrupted(
            &bench,
            &store,
            Trigger::when(writes),
            async |store| store.save(draft("1"), only_if, &Access::ANY).await,
            async || assert!(other.delete(&task_id("1"), &Access::ANY).await.unwrap()),
        )
        .await;
        assert!(saved.is_ok());
        assert!(matches!(other.get(&task_id("1"), &Access::ANY).await, Err(Error::NotFound)));
    }
}

#[tokio::test]
async fn an_append_that_is_tried_again_does_not_get_into_a_task_that_was_saved_meanwhile() {
    let bench = Bench::new().await;
    let (store, other) = hosts(&bench).await;
    let id = save(&other, draft("1")).await;
    let appended = interrupted(
        &bench,
        &store,
        Trigger::when(writes),
        async |store| store.change(&task_id("1"), Change::logs(["ours"]), &Access::ANY).await,
        async || {
            save(&other, with_entry("1", "theirs")).await;
        },
    )
    .await;
    assert_eq!(appended.unwrap(), Status::Pending);
    assert_eq!(messages(&get(&other, &id).await), ["theirs"]);
}

#[tokio::test]
async fn a_status_that_is_tried_again_undoes_no_later_one() {
    let bench = Bench::new().await;
    let (store, other) = hosts(&bench).await;
    let id = save(&other, draft("1")).await;
    let moved = interrupted(
        &bench,
        &store,
        Trigger::when(writes),
        async |store| store.change(&task_id("1"), Change::status(Status::Running), &Access::ANY).await,
        async || {
            other.change(&id, Change::status(Status::Completed).log("done"), &Access::ANY).await.unwrap();
        },
    )
    .await;
    assert_eq!(moved.unwrap(), Status::Running);
    let task = get(&other, &id).await;
    assert_eq!((task.status(), messages(&task)), (Status::Completed, vec!["done".to_owned()]));
}
