//! Following a task: its present state, then everything that happens, to its end.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use task_state_host::store::{News, Result};

use super::fixture::*;
use super::{Engine, promises};

promises! {
    the_first_item_is_the_present_state,
    a_follower_is_told_where_entries_stand_and_what_the_workload_left,
    a_follower_sees_what_another_host_does,
    a_follower_sees_every_entry_once_and_in_order,
    a_follower_ends_after_the_task_has_ended,
    a_task_that_has_ended_is_one_item,
    a_follower_of_a_deleted_task_is_told_that_it_is_gone,
    a_follower_of_an_expired_task_is_told_that_it_is_gone,
    a_follower_of_a_task_that_was_given_away_sees_no_more_of_it,
    a_follower_sees_what_comes_after_a_replaced_log,
    a_task_that_is_not_there_cannot_be_followed,
}

type Followed = BoxStream<'static, Result<News>>;

async fn follow(store: &SharedStore, skip: usize) -> Followed {
    store.follow(&task_id("1"), skip, &Access::ANY).await.unwrap()
}

async fn next(followed: &mut Followed) -> Option<Result<News>> {
    soon("item", followed.next()).await
}

async fn progress(followed: &mut Followed) -> (Status, Vec<String>) {
    let progress = next(followed).await.expect("an item").unwrap();
    (progress.status, progress.entries.iter().map(|entry| message(entry).to_owned()).collect())
}

/// Reads on until as many entries have come. Gives them with the status last seen.
async fn entries(followed: &mut Followed, count: usize) -> (Status, Vec<String>) {
    let (mut status, mut seen) = (Status::Pending, Vec::new());
    while seen.len() < count {
        let (now, new) = progress(followed).await;
        status = now;
        seen.extend(new);
    }
    (status, seen)
}

async fn the_first_item_is_the_present_state<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let change = Change::status(Status::Running).log("one").log("two").log("three");
    store.change(&id, change, &Access::ANY).await.unwrap();
    for (skip, shown) in [(0, vec!["one", "two", "three"]), (2, vec!["three"]), (3, vec![]), (9, vec![])] {
        let first = progress(&mut follow(&store, skip).await).await;
        assert_eq!(first, (Status::Running, shown.into_iter().map(str::to_owned).collect()));
    }
}

async fn a_follower_is_told_where_entries_stand_and_what_the_workload_left<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["one", "two"]), &Access::ANY).await.unwrap();
    let mut followed = follow(&store, 1).await;
    let first = next(&mut followed).await.unwrap().unwrap();
    assert_eq!((first.from, first.total, first.entries.len()), (1, 2, 1));
    assert_eq!(first.result, TaskResult::default());
    let result = |text: &str| TaskResult { launcher_output: Some(text.to_owned()), ..TaskResult::default() };
    store.change(&id, Change::result(result("\"out\"")), &Access::ANY).await.unwrap();
    let told = next(&mut followed).await.unwrap().unwrap();
    assert_eq!((told.from, told.total, told.result), (2, 2, result("\"out\"")));
    store.change(&id, Change::logs(["three"]), &Access::ANY).await.unwrap();
    let told = next(&mut followed).await.unwrap().unwrap();
    assert_eq!((told.from, told.total, told.result), (2, 3, result("\"out\"")));
}

async fn a_follower_sees_what_another_host_does<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let id = save(&one, draft("1")).await;
    let mut followers = [follow(&one, 0).await, follow(&other, 0).await];
    for followed in &mut followers {
        assert_eq!(progress(followed).await, (Status::Pending, vec![]));
    }
    other.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    for followed in &mut followers {
        assert_eq!(progress(followed).await, (Status::Pending, vec!["entry".to_owned()]));
    }
    other.change(&id, Change::status(Status::Running), &Access::ANY).await.unwrap();
    for followed in &mut followers {
        assert_eq!(progress(followed).await, (Status::Running, vec![]));
    }
}

async fn a_follower_sees_every_entry_once_and_in_order<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let id = save(&one, draft_in("1", Status::Running)).await;
    let mut followed = follow(&one, 0).await;
    let writer = tokio::spawn({
        let id = id.clone();
        async move {
            for number in 0..200 {
                other.change(&id, Change::logs([number.to_string()]), &Access::ANY).await.unwrap();
                tokio::task::yield_now().await;
            }
            other.change(&id, Change::status(Status::Completed).log("end"), &Access::ANY).await.unwrap();
        }
    });
    let (status, seen) = entries(&mut followed, 201).await;
    writer.await.unwrap();
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).chain(["end".to_owned()]).collect();
    assert_eq!((status, seen), (Status::Completed, expected));
    assert!(next(&mut followed).await.is_none());
}

async fn a_follower_ends_after_the_task_has_ended<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft_in("1", Status::Running)).await;
    let mut followed = follow(&store, 0).await;
    progress(&mut followed).await;
    store.change(&id, Change::finish(Status::Failed).log("why"), &Access::ANY).await.unwrap();
    assert_eq!(progress(&mut followed).await, (Status::Failed, vec!["why".to_owned()]));
    assert!(next(&mut followed).await.is_none());
}

async fn a_task_that_has_ended_is_one_item<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft_in("1", Status::Cancelled)).await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    let mut followed = follow(&store, 0).await;
    assert_eq!(progress(&mut followed).await, (Status::Cancelled, vec!["entry".to_owned()]));
    assert!(next(&mut followed).await.is_none());
}

/// Reads on to the error that ends the stream, which says that there is no task.
async fn assert_gone(mut followed: Followed) {
    while let Some(item) = next(&mut followed).await {
        if item.is_err() {
            assert_fails!(item, Error::NotFound);
            assert!(next(&mut followed).await.is_none());
            return;
        }
    }
    panic!("the stream ended without an error");
}

async fn a_follower_of_a_deleted_task_is_told_that_it_is_gone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let mut followed = follow(&store, 0).await;
    progress(&mut followed).await;
    store.delete(&id, &Access::ANY).await.unwrap();
    assert_gone(followed).await;
}

async fn a_follower_of_an_expired_task_is_told_that_it_is_gone<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    save(&store, draft("1")).await;
    assert_gone(follow(&store, 0).await).await;
}

async fn a_follower_of_a_task_that_was_given_away_sees_no_more_of_it<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let mut followed = store.follow(&id, 0, &owner("analytics", "alice")).await.unwrap();
    progress(&mut followed).await;
    let mut given_away = owned_draft("1", "sync", "bob");
    given_away.logs = vec!["t,secret".to_owned()];
    save(&store, given_away).await;
    assert_fails!(next(&mut followed).await.expect("an item"), Error::Denied(_) | Error::NotFound);
    assert!(next(&mut followed).await.is_none());
}

async fn a_follower_sees_what_comes_after_a_replaced_log<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["one", "two", "three"]), &Access::ANY).await.unwrap();
    let mut followed = follow(&store, 0).await;
    assert_eq!(progress(&mut followed).await.1.len(), 3);
    save(&store, draft("1")).await;
    store.change(&id, Change::logs(["new"]), &Access::ANY).await.unwrap();
    assert_eq!(entries(&mut followed, 1).await.1, ["new"]);
}

async fn a_task_that_is_not_there_cannot_be_followed<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert_fails!(store.follow(&task_id("1"), 0, &Access::ANY).await.map(|_| ()), Error::NotFound);
}
