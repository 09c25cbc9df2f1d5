//! Which tasks were written to: whoever watches a store hears of every one, whichever host writes.

use std::collections::BTreeSet;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use task_state_host::record::Progress;
use task_state_host::store::Changed;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    the_first_item_says_that_anything_may_have_changed,
    every_kind_of_write_of_another_host_is_heard,
    a_deleted_and_an_expired_task_are_heard_of,
    of_many_tasks_each_is_named,
    each_of_several_watchers_hears_of_everything,
    a_watcher_comes_when_others_have_gone,
    what_is_written_before_the_first_item_can_be_read_then,
}

type Watched = BoxStream<'static, Changed>;

/// One who has heard that anything may have changed, and hears of what is written from here on.
async fn watch(store: &SharedStore) -> Watched {
    let mut changes = store.changes();
    assert_eq!(next(&mut changes).await, Changed::All);
    changes
}

async fn next(changes: &mut Watched) -> Changed {
    soon("a change", changes.next()).await.expect("it never ends")
}

/// Waits until all of these tasks were named.
async fn hears(changes: &mut Watched, ids: &[&str]) {
    let mut awaited: BTreeSet<String> = ids.iter().map(|&id| id.to_owned()).collect();
    while !awaited.is_empty() {
        match next(changes).await {
            Changed::All => return,
            Changed::Tasks(ids) => {
                assert!(!ids.is_empty());
                ids.iter().for_each(|id| _ = awaited.remove(id));
            }
        }
    }
}

/// Waits until nothing more comes of what was written: until another task was named.
async fn hears_no_more(changes: &mut Watched, store: &SharedStore, id: &str) {
    save(store, draft(id)).await;
    hears(changes, &[id]).await;
}

async fn the_first_item_says_that_anything_may_have_changed<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, draft("1")).await;
    let (mut one, mut other) = (watch(&store).await, watch(&store).await);
    save(&store, draft("2")).await;
    hears(&mut one, &["2"]).await;
    hears(&mut other, &["2"]).await;
}

async fn every_kind_of_write_of_another_host_is_heard<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let mut changes = watch(&store).await;
    let id = save(&other, draft("1")).await;
    hears(&mut changes, &["1"]).await;
    let claimed = claim("1");
    other.claim(claimed.clone()).await.unwrap();
    hears(&mut changes, &["1"]).await;
    let access = Access::ANY.during(claimed.run.clone());
    let mut number = 0;
    for change in [
        Change::logs(["entry"]),
        Change::default().progress(Progress::new(1, Some(2), None).unwrap()),
        pod("up"),
        output("o"),
        Change::status(Status::CancelRequested),
        Change::finish(Status::Cancelled),
    ] {
        number += 1;
        hears_no_more(&mut changes, &other, &format!("between-{number}")).await;
        other.change(&id, change, &access).await.unwrap();
        hears(&mut changes, &["1"]).await;
    }
    hears_no_more(&mut changes, &other, "between").await;
    save(&other, draft("1")).await;
    hears(&mut changes, &["1"]).await;
}

async fn a_deleted_and_an_expired_task_are_heard_of<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    let keeper = tokio::spawn({
        let store = store.clone();
        async move { store.maintain().await }
    });
    let mut changes = watch(&store).await;
    let id = save(&store, draft("deleted")).await;
    hears(&mut changes, &["deleted"]).await;
    store.delete(&id, &Access::ANY).await.unwrap();
    hears(&mut changes, &["deleted"]).await;
    let id = save(&store, draft("expired")).await;
    hears(&mut changes, &["expired"]).await;
    expired(&store, &id).await;
    // An engine that only sweeps removes it with the next write or sweep.
    save(&store, draft("expired")).await;
    hears(&mut changes, &["expired"]).await;
    keeper.abort();
}

async fn of_many_tasks_each_is_named<E: Engine>() {
    let (_engine, [store, one, other]) = hosts::<E>().await;
    let mut changes = watch(&store).await;
    let ids: Vec<String> = (0..300).map(|number| format!("task-{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        save(if number % 2 == 0 { &one } else { &other }, draft(id)).await;
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    hears(&mut changes, &ids).await;
}

async fn each_of_several_watchers_hears_of_everything<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut watchers = Vec::new();
    for _ in 0..20 {
        watchers.push(watch(&store).await);
    }
    for id in ["1", "2", "3"] {
        save(&store, draft(id)).await;
    }
    for changes in &mut watchers {
        hears(changes, &["1", "2", "3"]).await;
        assert_eq!(changes.next().now_or_never(), None);
    }
}

async fn a_watcher_comes_when_others_have_gone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for round in 0..3 {
        let mut changes = watch(&store).await;
        let id = format!("round-{round}");
        save(&store, draft(&id)).await;
        hears(&mut changes, &[&id]).await;
    }
}

async fn what_is_written_before_the_first_item_can_be_read_then<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    for round in 0..10 {
        let id = task_id(&format!("round-{round}"));
        let mut changes = store.changes();
        let saved = tokio::spawn({
            let (other, draft) = (other.clone(), draft(id.as_str()));
            async move { save(&other, draft).await }
        });
        assert_eq!(next(&mut changes).await, Changed::All);
        if store.get(&id, &Access::ANY).await.is_err() {
            hears(&mut changes, &[id.as_str()]).await;
        }
        saved.await.unwrap();
    }
}
