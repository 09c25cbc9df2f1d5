//! How far a task has come: kept beside its record, of which nothing is changed by it.

use futures_util::StreamExt as _;
use task_state_host::record::Progress;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    the_last_progress_is_kept_beside_the_record,
    a_progress_goes_with_other_changes_and_not_with_those_that_are_refused,
    only_the_run_that_holds_the_task_says_how_far_it_has_come,
    a_progress_begins_anew_with_the_next_run_and_the_next_save,
    a_progress_outlives_the_run_and_goes_with_the_task,
    a_follower_is_told_of_progress,
    a_progress_is_kept_whatever_shape_the_record_is_in,
}

fn at(done: u64) -> Change {
    Change::default().progress(progress(done))
}

fn progress(done: u64) -> Progress {
    Progress::new(done, Some(10), Some("rows \"read\"".to_owned())).unwrap()
}

async fn done(store: &SharedStore, id: &TaskId) -> Option<u64> {
    store.progress(id, &Access::ANY).await.unwrap().map(|progress| progress.done())
}

async fn the_last_progress_is_kept_beside_the_record<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let id = save(&store, logged_draft("1", ["one"])).await;
    assert_eq!(other.progress(&id, &Access::ANY).await.unwrap(), None);
    let before = get(&store, &id).await;
    for number in 0..5 {
        assert_eq!(store.change(&id, at(number), &Access::ANY).await.unwrap(), Status::Pending);
    }
    assert_eq!(other.progress(&id, &Access::ANY).await.unwrap(), Some(progress(4)));
    assert_eq!(get(&other, &id).await.encode(), before.encode());
    store
        .save(logged_draft("1", ["one"]), Precondition::UnchangedSince(before.updated_at().clone()), &Access::ANY)
        .await
        .unwrap();
    store.change(&id, at(4), &Access::ANY).await.unwrap();
    store.change(&id, Change::logs(["two"]), &Access::ANY).await.unwrap();
    let after = get(&other, &id).await;
    assert_eq!((messages(&after), done(&other, &id).await), (vec!["one".to_owned(), "two".to_owned()], Some(4)));
    assert_fails!(store.progress(&id, &owner("sync", "alice")).await, Error::Denied(_));
    assert_fails!(store.progress(&task_id("none"), &Access::ANY).await, Error::NotFound);
}

async fn a_progress_goes_with_other_changes_and_not_with_those_that_are_refused<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let changes = [Change::status(Status::Running).log("began"), output("text"), Change::logs(["more"]), pod("up")];
    for (change, number) in changes.into_iter().zip(1..) {
        store.change(&id, change.progress(progress(number)), &Access::ANY).await.unwrap();
        assert_eq!(done(&store, &id).await, Some(number));
    }
    let refused = Change::status(Status::Pending).progress(progress(9));
    assert_fails!(store.change(&id, refused, &Access::ANY).await, Error::InvalidTransition(_));
    assert_fails!(store.change(&id, at(9), &owner("sync", "bob")).await, Error::Denied(_));
    assert_eq!(done(&store, &id).await, Some(4));
    assert_eq!(messages(&get(&store, &id).await), ["began", "more"]);
}

async fn only_the_run_that_holds_the_task_says_how_far_it_has_come<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let claim = claim("1");
    let id = task_id("1");
    store.claim(claim.clone()).await.unwrap();
    assert_fails!(store.change(&id, at(1), &Access::ANY.during(RunId::unique())).await, Error::NotFound);
    assert_eq!(done(&store, &id).await, None);
    store.change(&id, at(2), &Access::ANY.during(claim.run)).await.unwrap();
    assert_eq!(done(&store, &id).await, Some(2));
    store.delete(&id, &Access::ANY).await.unwrap();
    assert_fails!(store.change(&id, at(3), &Access::ANY).await, Error::NotFound);
    assert_fails!(store.progress(&id, &Access::ANY).await, Error::NotFound);
}

async fn a_progress_begins_anew_with_the_next_run_and_the_next_save<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, at(1), &Access::ANY).await.unwrap();
    let claim = claim("1");
    store.claim(claim.clone()).await.unwrap();
    assert_eq!(done(&store, &id).await, None);
    let own = Access::ANY.during(claim.run);
    store.change(&id, at(2), &own).await.unwrap();
    // Its own save is not a beginning.
    store.save(draft_in("1", Status::Running), Precondition::None, &own).await.unwrap();
    assert_eq!(done(&store, &id).await, Some(2));
    store.change(&id, Change::finish(Status::Completed), &own).await.unwrap();
    save(&store, draft("1")).await;
    assert_eq!(done(&store, &id).await, None);
}

async fn a_progress_outlives_the_run_and_goes_with_the_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let claim = claim("1");
    let id = task_id("1");
    store.claim(claim.clone()).await.unwrap();
    let end = Change::finish(Status::Completed).progress(progress(10));
    store.change(&id, end, &Access::ANY.during(claim.run)).await.unwrap();
    assert_eq!(done(&store, &id).await, Some(10));
    store.delete(&id, &Access::ANY).await.unwrap();
    save(&store, draft("1")).await;
    assert_eq!(done(&store, &id).await, None);
}

async fn a_follower_is_told_of_progress<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, at(1), &Access::ANY).await.unwrap();
    let mut followed = other.follow(&id, 0, &Access::ANY).await.unwrap();
    let first = soon("item", followed.next()).await.unwrap().unwrap();
    assert_eq!((first.progress, first.entries.len()), (Some(progress(1)), 0));
    store.change(&id, at(2), &Access::ANY).await.unwrap();
    let next = soon("item", followed.next()).await.unwrap().unwrap();
    assert_eq!((next.status, next.progress), (Status::Pending, Some(progress(2))));
    store.change(&id, Change::status(Status::Completed), &Access::ANY).await.unwrap();
    let last = soon("item", followed.next()).await.unwrap().unwrap();
    assert_eq!((last.status, last.progress), (Status::Completed, Some(progress(2))));
    assert!(soon("end", followed.next()).await.is_none());
}

async fn a_progress_is_kept_whatever_shape_the_record_is_in<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut long = draft("1");
    // Longer than what a script takes as an argument.
    long.parameters = json(&format!("{{\"text\":\"{}\"}}", "x".repeat(100_000)));
    let id = save(&store, long).await;
    store.change(&id, at(1), &Access::ANY).await.unwrap();
    store.change(&id, output("y").progress(progress(2)), &Access::ANY).await.unwrap();
    assert_eq!(done(&store, &id).await, Some(2));
    let replaced = store.save(draft_in("1", Status::Running), Precondition::None, &Access::ANY).await;
    replaced.unwrap();
    store.change(&id, at(3), &Access::ANY).await.unwrap();
    assert_eq!(done(&store, &id).await, Some(3));
}
