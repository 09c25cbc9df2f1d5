//! The journal without a guest: the tests are the guest.

use std::pin::Pin;
use std::task::Poll;

use super::*;
use crate::record::{Service, SystemClock, TimeZone, UserId};
use crate::store::Claim;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

async fn journal() -> Journal {
    let clock = Arc::new(SystemClock::new(TimeZone::utc()));
    let store: SharedStore = Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock).unwrap());
    let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
    let run = RunId::unique();
    let claimed = store.claim(Claim::new(service, user, run.clone(), Duration::from_secs(60))).await.unwrap();
    Journal::new(store, &claimed.task, run).unwrap()
}

async fn stored(journal: &Journal) -> Vec<String> {
    let logs = journal.store.get(&journal.id, &Access::ANY).await.unwrap().logs();
    logs.iter().filter_map(|entry| Some(entry.split_once(',')?.1.to_owned())).collect()
}

async fn waits<T>(mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn an_entry_is_held_back_until_something_follows_it() {
    let journal = journal().await;
    assert_eq!(journal.log("one".to_owned()).await.unwrap(), Status::Running);
    assert!(stored(&journal).await.is_empty());
    journal.change(Change::logs(["two"])).await.unwrap();
    assert_eq!(stored(&journal).await, ["one", "two"]);
    journal.log("three".to_owned()).await.unwrap();
    drop(journal.enter().await.unwrap());
    assert_eq!(stored(&journal).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn what_is_held_back_is_bounded() {
    let journal = journal().await;
    for number in 0..=MAX_ENTRIES {
        journal.log(number.to_string()).await.unwrap();
    }
    assert_eq!(stored(&journal).await.len(), MAX_ENTRIES + 1);
    journal.log("x".repeat(MAX_BYTES)).await.unwrap();
    assert_eq!(stored(&journal).await.len(), MAX_ENTRIES + 1);
    journal.log("y".to_owned()).await.unwrap();
    assert_eq!(stored(&journal).await.len(), MAX_ENTRIES + 3);
}

#[tokio::test]
async fn a_refused_change_does_not_cost_the_entries_before_it() {
    let journal = journal().await;
    journal.log("before".to_owned()).await.unwrap();
    let refused = journal.change(Change::status(Status::Pending).log("refused")).await;
    assert!(matches!(refused, Err(Error::InvalidTransition(_))), "{refused:?}");
    assert_eq!(stored(&journal).await, ["before"]);
}

#[tokio::test]
async fn a_refused_move_tells_of_a_cancellation_too() {
    let journal = journal().await;
    journal.store.change(&journal.id, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert!(journal.change(Change::status(Status::Running)).await.is_err());
    assert!(journal.is_cancelled());
}

#[tokio::test]
async fn once_it_is_closed_or_the_task_is_gone_a_guest_waits_for_its_end() {
    let closed = journal().await;
    closed.close();
    assert!(waits(closed.log("late".to_owned()).as_mut()).await);
    assert!(waits(closed.enter().as_mut()).await);

    let gone = journal().await;
    assert!(gone.store.delete(&gone.id, &Access::ANY).await.unwrap());
    let change = tokio::time::timeout(Duration::from_secs(30), async {
        let mut change = gone.change(Change::logs(["late"]));
        while lock(&gone.state).gone.is_none() {
            assert!(waits(change.as_mut()).await);
            tokio::task::yield_now().await;
        }
        waits(change.as_mut()).await
    });
    assert!(change.await.unwrap());
    assert!(!gone.is_calling());
    assert!(waits(gone.log("later".to_owned()).as_mut()).await);
}
