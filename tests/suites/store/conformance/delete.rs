//! Deletion: all that is kept of a task, in one step.

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_deleted_task_is_gone_from_everywhere,
    a_delete_says_whether_there_was_a_task,
    a_user_leaves_a_service_with_its_last_task,
    a_task_saved_again_has_nothing_of_the_deleted_one,
    of_many_deletes_at_once_exactly_one_finds_the_task,
}

async fn a_deleted_task_is_gone_from_everywhere<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let id = save(&one, draft("1")).await;
    assert!(one.delete(&id, &Access::ANY).await.unwrap());
    assert_fails!(other.get(&id, &Access::ANY).await, Error::NotFound);
    assert_fails!(other.status(&id, &Access::ANY).await, Error::NotFound);
    assert_listed(&other, &[], &[]).await;
}

async fn a_delete_says_whether_there_was_a_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert!(!store.delete(&task_id("1"), &Access::ANY).await.unwrap());
    let id = save(&store, draft("1")).await;
    assert!(store.delete(&id, &Access::ANY).await.unwrap());
    assert!(!store.delete(&id, &Access::ANY).await.unwrap());
}

async fn a_user_leaves_a_service_with_its_last_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let one = save(&store, draft("1")).await;
    let two = save(&store, draft("2")).await;
    save(&store, owned_draft("3", "sync", "alice")).await;
    save(&store, owned_draft("4", "analytics", "bob")).await;
    store.delete(&one, &Access::ANY).await.unwrap();
    assert_eq!(store.users("analytics").await.unwrap(), ["alice", "bob"]);
    store.delete(&two, &Access::ANY).await.unwrap();
    assert_eq!(store.users("analytics").await.unwrap(), ["bob"]);
    assert_eq!(store.users("sync").await.unwrap(), ["alice"]);
    assert_eq!(listed_in(&store, user_scope("alice")).await, ["3"]);
}

async fn a_task_saved_again_has_nothing_of_the_deleted_one<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    store.change(&id, Change::logs(["one", "two"]), &Access::ANY).await.unwrap();
    store.delete(&id, &Access::ANY).await.unwrap();
    store.save(draft("1"), Precondition::Absent, &Access::ANY).await.unwrap();
    store.change(&id, Change::logs(["three"]), &Access::ANY).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["three"]);
}

async fn of_many_deletes_at_once_exactly_one_finds_the_task<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..10 {
        let id = save(&hosts[0], draft(&format!("task-{round}"))).await;
        let found = at_once(6, |number| {
            let (store, id) = (hosts[number % 3].clone(), id.clone());
            async move { store.delete(&id, &Access::ANY).await.unwrap() }
        })
        .await;
        assert_eq!(found.iter().filter(|&&found| found).count(), 1, "{found:?}");
    }
}
