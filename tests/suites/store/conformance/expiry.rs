//! Expiry: a task whose time is over is as one that was never saved.

use std::time::{Duration, Instant};

use super::fixture::*;
use super::{Engine, promises};

promises! {
    an_expired_task_is_gone_from_everywhere,
    a_change_never_brings_back_an_expired_task,
    an_expired_task_frees_its_id,
    an_expired_task_can_be_claimed_anew,
    every_write_gives_a_task_its_whole_time_again,
    an_expired_task_leaves_the_others_alone,
}

async fn an_expired_task_is_gone_from_everywhere<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    let keeper = tokio::spawn({
        let store = store.clone();
        async move { store.maintain().await }
    });
    let id = save(&store, draft("1")).await;
    expired(&store, &id).await;
    assert_fails!(store.status(&id, &Access::ANY).await, Error::NotFound);
    assert_fails!(store.follow(&id, 0, &Access::ANY).await.map(|_| ()), Error::NotFound);
    assert!(!store.delete(&id, &Access::ANY).await.unwrap());
    for scope in scopes(&["1"]) {
        assert_eq!(listed_in(&store, scope).await, [""; 0]);
    }
    assert_eq!(store.count(&Scope::All, &Owners::ANY).await.unwrap(), Counts::new());
    // An engine whose indexes are not one with its records may need a moment.
    eventually("the user was gone", async || store.users("analytics").await.unwrap().is_empty()).await;
    keeper.abort();
}

async fn a_change_never_brings_back_an_expired_task<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    let id = save(&store, draft("1")).await;
    expired(&store, &id).await;
    for change in [Change::logs(["late"]), Change::status(Status::Running), pod("p")] {
        assert_fails!(store.change(&id, change, &Access::ANY).await, Error::NotFound);
    }
    assert_fails!(store.get(&id, &Access::ANY).await, Error::NotFound);
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn an_expired_task_frees_its_id<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    let id = save(&store, logged_draft("1", ["old"])).await;
    expired(&store, &id).await;
    // Another owner may have it, and nothing of the old task is left in it.
    let access = owner("sync", "bob");
    store.save(owned_draft("1", "sync", "bob"), Precondition::Absent, &access).await.unwrap();
    assert_eq!(get(&store, &id).await.logs(), Vec::<String>::new());
    assert_eq!(listed_in(&store, service_scope("analytics")).await, Vec::<String>::new());
    expired(&store, &id).await;
    assert_eq!(save(&store, unnamed_draft("analytics", "alice")).await.as_str(), "1");
}

async fn an_expired_task_can_be_claimed_anew<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(1)).await;
    let first = claim("1");
    store.claim(first.clone()).await.unwrap();
    let id = task_id("1");
    expired(&store, &id).await;
    let mut second = claim("1");
    second.parameters = Some(json(r#"{"new":true}"#));
    let claimed = store.claim(second).await.unwrap();
    assert!(claimed.is_new);
    assert_eq!(claimed.task.parameters(), r#"{"new":true}"#);
    assert_fails!(store.status(&id, &Access::ANY.during(first.run)).await, Error::NotFound);
}

async fn every_write_gives_a_task_its_whole_time_again<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(2)).await;
    let saved = Instant::now();
    for id in ["logs", "status", "save", "result"] {
        save(&store, draft(id)).await;
    }
    while saved.elapsed() < Duration::from_millis(3_500) {
        let changes =
            [("logs", Change::logs(["alive"])), ("status", Change::status(Status::Running)), ("result", pod("p"))];
        for (id, change) in changes {
            store.change(&task_id(id), change, &Access::ANY).await.unwrap();
        }
        let read = get(&store, &task_id("save")).await.updated_at().clone();
        store.save(draft("save"), Precondition::UnchangedSince(read), &Access::ANY).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(listed_in(&store, Scope::All).await, ["logs", "result", "save", "status"]);
    assert_eq!(listed_in(&store, pair_scope("analytics", "alice")).await, ["logs", "result", "save", "status"]);
    assert_eq!(store.users("analytics").await.unwrap(), ["alice"]);
}

async fn an_expired_task_leaves_the_others_alone<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived(2)).await;
    let id = save(&store, draft("1")).await;
    save(&store, draft("2")).await;
    eventually("the first task expired", async || {
        store.change(&task_id("2"), Change::logs(["alive"]), &Access::ANY).await.unwrap();
        matches!(store.get(&id, &Access::ANY).await, Err(Error::NotFound))
    })
    .await;
    assert_listed(&store, &["2"], &["alice"]).await;
    get(&store, &task_id("2")).await;
}
