//! A claimed task without a guest: the tests are the guest.

use std::pin::Pin;
use std::task::Poll;

use super::super::held::{MAX_BYTES, MAX_ENTRIES};
use super::*;
use crate::record::{Service, SystemClock, TimeZone, UserId};
use crate::store::Claim;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

async fn claimed() -> ClaimedTask {
    let clock = Arc::new(SystemClock::new(TimeZone::utc()));
    let store: SharedStore = Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock).unwrap());
    let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
    let run = RunId::unique();
    let claimed = store.claim(Claim::new(service, user, run.clone(), Duration::from_secs(60))).await.unwrap();
    ClaimedTask::new(store, &claimed.task, run, Instant::now() + Duration::from_secs(60), Events::default()).unwrap()
}

async fn stored(task: &ClaimedTask) -> Vec<String> {
    let logs = task.store.get(&task.id, &Access::ANY).await.unwrap().logs();
    logs.iter().filter_map(|entry| Some(entry.split_once(',')?.1.to_owned())).collect()
}

/// Supervises a task until its log holds a message.
async fn supervised_until(task: &ClaimedTask, message: &str) {
    let written = async {
        while !stored(task).await.iter().any(|stored| stored == message) {
            tokio::task::yield_now().await;
        }
    };
    let supervised = async {
        tokio::select! { () = written => {}, () = task.supervise() => {} }
    };
    tokio::time::timeout(Duration::from_secs(30), supervised).await.expect("the entry was never written");
}

async fn waits<T>(mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn an_entry_is_held_back_until_something_follows_it() {
    let task = claimed().await;
    assert_eq!(task.log("one".to_owned()).await.unwrap(), Status::Running);
    assert!(stored(&task).await.is_empty());
    task.change(Change::logs(["two"])).await.unwrap();
    assert_eq!(stored(&task).await, ["one", "two"]);
    task.log("three".to_owned()).await.unwrap();
    drop(task.enter().await.unwrap());
    assert_eq!(stored(&task).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn what_is_held_back_is_bounded() {
    let task = claimed().await;
    for number in 0..=MAX_ENTRIES {
        task.log(number.to_string()).await.unwrap();
    }
    assert_eq!(stored(&task).await.len(), MAX_ENTRIES + 1);
    task.log("x".repeat(MAX_BYTES)).await.unwrap();
    assert_eq!(stored(&task).await.len(), MAX_ENTRIES + 1);
    task.log("y".to_owned()).await.unwrap();
    assert_eq!(stored(&task).await.len(), MAX_ENTRIES + 3);
}

#[tokio::test]
async fn a_refused_change_does_not_cost_the_entries_before_it() {
    let task = claimed().await;
    task.log("before".to_owned()).await.unwrap();
    let refused = task.change(Change::status(Status::Pending).log("refused")).await;
    assert!(matches!(refused, Err(Error::InvalidTransition(_))), "{refused:?}");
    assert_eq!(stored(&task).await, ["before"]);
}

#[tokio::test]
async fn a_refused_move_tells_of_a_cancellation_too() {
    let task = claimed().await;
    task.store.change(&task.id, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert!(task.change(Change::status(Status::Running)).await.is_err());
    assert!(task.is_cancelled());
}

#[tokio::test]
async fn once_it_is_closed_or_the_task_is_gone_a_guest_waits_for_its_end() {
    let closed = claimed().await;
    closed.close();
    assert!(waits(closed.log("late".to_owned()).as_mut()).await);
    assert!(waits(closed.enter().as_mut()).await);

    let gone = claimed().await;
    assert!(gone.store.delete(&gone.id, &Access::ANY).await.unwrap());
    let change = tokio::time::timeout(Duration::from_secs(30), async {
        let mut change = gone.change(Change::logs(["late"]));
        while lock(&gone.state).known.gone.is_none() {
            assert!(waits(change.as_mut()).await);
            tokio::task::yield_now().await;
        }
        waits(change.as_mut()).await
    });
    assert!(change.await.unwrap());
    assert!(!gone.is_calling());
    assert!(waits(gone.log("later".to_owned()).as_mut()).await);
}

#[tokio::test]
async fn a_cancellation_is_written_although_entries_before_it_were_lost() {
    let task = claimed().await;
    lock(&task.state).held.lost(Error::Unavailable("away".to_owned()));
    task.cancel("stop");
    supervised_until(&task, "stop").await;
    assert!(matches!(task.log("told".to_owned()).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn an_entry_behind_a_failed_write_is_written_and_the_failure_is_told_once() {
    let task = claimed().await;
    task.log("behind".to_owned()).await.unwrap();
    lock(&task.state).held.lost(Error::Unavailable("away".to_owned()));
    supervised_until(&task, "behind").await;
    assert!(matches!(task.log("told".to_owned()).await, Err(Error::Unavailable(_))));
    task.change(Change::logs(["after"])).await.unwrap();
    assert_eq!(stored(&task).await, ["behind", "after"]);
}
