//! Expiry: a task whose time is over is as one that was never saved.

use std::time::{Duration, Instant};

use task_state_host::record::{Change, ResultChange, Status};
use task_state_host::store::{Access, Counts, Error, Owners, Precondition, Scope};

use super::fixture::*;
use super::{Engine, Options, promises};

promises! {
    $ expiry expiry_promises:
    an_expired_task_is_gone_from_everywhere,
    a_change_never_brings_back_an_expired_task,
    an_expired_task_frees_its_id,
    an_expired_task_can_be_claimed_anew,
    every_write_gives_a_task_its_whole_time_again,
    an_expired_task_leaves_the_others_alone,
}

fn short_lived() -> Options {
    Options { ttl: Duration::from_secs(1), ..Options::default() }
}

async fn an_expired_task_is_gone_from_everywhere<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived()).await;
    let keeper = tokio::spawn({
        let store = store.clone();
        async move { store.maintain().await }
    });
    let id = save(&store, draft("1")).await;
    expired(&store, &id).await;
    assert_fails!(store.status(&id, &Access::ANY).await, Error::NotFound);
    assert_fails!(store.follow(&id, 0, &Access::ANY).await.map(|_| ()), Error::NotFound);
    assert!(!store.delete(&id, &Access::ANY).await.unwrap());
    for scope in [
        Scope::All,
        service_scope("analytics"),
        user_scope("alice"),
        pair_scope("analytics", "alice"),
        ids_scope(&["1"]),
    ] {
        assert_eq!(listed_in(&store, scope).await, Vec::<String>::new());
    }
    assert_eq!(store.count(&Scope::All, &Owners::ANY).await.unwrap(), Counts::new());
    // An engine whose indexes are not one with its records may need a moment.
    eventually("the user was gone", async || store.users("analytics").await.unwrap().is_empty().then_some(())).await;
    keeper.abort();
}

async fn a_change_never_brings_back_an_expired_task<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived()).await;
    let id = save(&store, draft("1")).await;
    expired(&store, &id).await;
    let pod = ResultChange { pod_status: Some("p".to_owned()), ..ResultChange::default() };
    for change in [Change::logs(["late"]), Change::status(Status::Running), Change::result(pod)] {
        assert_fails!(store.change(&id, change, &Access::ANY).await, Error::NotFound);
    }
    assert_fails!(store.get(&id, &Access::ANY).await, Error::NotFound);
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn an_expired_task_frees_its_id<E: Engine>() {
    let (_engine, store) = store_with::<E>(short_lived()).await;
    let mut old = draft("1");
    old.logs = vec!["t,old".to_owned()];
    let id = save(&store, old).await;
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
    let (_engine, store) = store_with::<E>(short_lived()).await;
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
    let options = Options { ttl: Duration::from_secs(2), ..Options::default() };
    let (_engine, store) = store_with::<E>(options).await;
    let saved = Instant::now();
    for id in ["logs", "status", "save", "result"] {
        save(&store, draft(id)).await;
    }
    while saved.elapsed() < Duration::from_millis(3_500) {
        let pod = ResultChange { pod_status: Some("p".to_owned()), ..ResultChange::default() };
        for (id, change) in [
            ("logs", Change::logs(["alive"])),
            ("status", Change::status(Status::Running)),
            ("result", Change::result(pod)),
        ] {
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
    let options = Options { ttl: Duration::from_secs(2), ..Options::default() };
    let (_engine, store) = store_with::<E>(options).await;
    let id = save(&store, draft("1")).await;
    save(&store, draft("2")).await;
    eventually("the first task expired", async || {
        store.change(&task_id("2"), Change::logs(["alive"]), &Access::ANY).await.unwrap();
        matches!(store.get(&id, &Access::ANY).await, Err(Error::NotFound)).then_some(())
    })
    .await;
    for scope in [Scope::All, service_scope("analytics"), user_scope("alice"), pair_scope("analytics", "alice")] {
        assert_eq!(listed_in(&store, scope).await, ["2"]);
    }
    assert_eq!(store.users("analytics").await.unwrap(), ["alice"]);
    get(&store, &task_id("2")).await;
}
