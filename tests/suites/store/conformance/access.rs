//! Who may touch a task: checked against the record as it is stored.

use super::fixture::*;
use super::{Engine, promises};

promises! {
    another_owners_task_can_be_neither_read_nor_changed_nor_removed,
    a_save_needs_both_the_new_owner_and_the_stored_one,
    the_stored_owner_decides_and_not_an_earlier_one,
    a_listing_leaves_out_what_the_owners_do_not_cover,
    a_task_that_is_not_there_is_not_found_whoever_asks,
    a_run_touches_its_task_while_it_holds_it,
    the_statuses_of_several_tasks_are_those_of_each,
    a_run_that_lost_its_task_finds_none,
    a_run_is_still_held_to_its_owners,
}

/// That the access covers nothing of a task, and that nothing became of the attempts.
async fn assert_out_of_reach(store: &SharedStore, id: &str, access: &Access, missing: Denied) {
    let id = task_id(id);
    let before = get(store, &id).await.encode();
    assert_fails!(store.get(&id, access).await, Error::Denied(denied) if denied == missing);
    assert_fails!(store.status(&id, access).await, Error::Denied(denied) if denied == missing);
    assert_fails!(store.delete(&id, access).await, Error::Denied(denied) if denied == missing);
    assert_fails!(store.follow(&id, 0, access).await.map(|_| ()), Error::Denied(denied) if denied == missing);
    for change in [Change::logs(["x"]), Change::status(Status::Failed), Change::active_jobs(vec!["x".to_owned()])] {
        assert_fails!(store.change(&id, change, access).await, Error::Denied(denied) if denied == missing);
    }
    assert_eq!(get(store, &id).await.encode(), before);
}

async fn another_owners_task_can_be_neither_read_nor_changed_nor_removed<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, owned_draft("1", "sync", "alice")).await;
    save(&store, owned_draft("2", "analytics", "bob")).await;
    let access = owner("analytics", "alice");
    assert_out_of_reach(&store, "1", &access, Denied::Service).await;
    assert_out_of_reach(&store, "2", &access, Denied::User).await;
    let nobody = Access::of(Owners { services: Allowed::only::<String>([]), users: Allowed::Any });
    assert_out_of_reach(&store, "1", &nobody, Denied::Service).await;
}

async fn a_save_needs_both_the_new_owner_and_the_stored_one<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, owned_draft("1", "sync", "bob")).await;
    let before = get(&store, &task_id("1")).await.encode();
    let access = Access::of(Owners { services: Allowed::only(["analytics"]), users: Allowed::Any });
    for (draft, missing) in [
        // The stored owner is not granted, the new one is not, neither is.
        (owned_draft("1", "analytics", "alice"), Denied::Service),
        (owned_draft("2", "sync", "alice"), Denied::Service),
        (owned_draft("1", "sync", "bob"), Denied::Service),
    ] {
        for only_if in [Precondition::None, Precondition::Absent] {
            let result = store.save(draft.clone(), only_if.clone(), &access).await;
            let conflict = only_if == Precondition::Absent && draft.task_id == Some(task_id("1"));
            match result {
                Err(Error::Denied(denied)) if denied == missing => {}
                // Which of two reasons is given first is left open.
                Err(Error::Conflict) if conflict => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let user = owner("sync", "alice");
    let saved = store.save(owned_draft("1", "sync", "alice"), Precondition::None, &user).await;
    assert_fails!(saved, Error::Denied(Denied::User));
    assert_eq!(get(&store, &task_id("1")).await.encode(), before);
    assert_eq!(listed_in(&store, Scope::All).await, ["1"]);
    let both = Access::of(Owners { services: Allowed::only(["analytics", "sync"]), users: Allowed::Any });
    store.save(owned_draft("1", "analytics", "alice"), Precondition::None, &both).await.unwrap();
}

async fn the_stored_owner_decides_and_not_an_earlier_one<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let (alice, bob) = (owner("analytics", "alice"), owner("sync", "bob"));
    store.change(&id, Change::logs(["alice's"]), &alice).await.unwrap();
    save(&store, owned_draft("1", "sync", "bob")).await;
    assert_out_of_reach(&store, "1", &alice, Denied::Service).await;
    store.change(&id, Change::logs(["bob's"]), &bob).await.unwrap();
    assert!(store.delete(&id, &bob).await.unwrap());
    save(&store, draft("1")).await;
    store.get(&id, &alice).await.unwrap();
}

async fn a_listing_leaves_out_what_the_owners_do_not_cover<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let tasks = [
        ("1", "analytics", "alice"),
        ("2", "sync", "alice"),
        ("3", "analytics", "bob"),
        ("4", "sync", "bob"),
        ("5", "billing", "alice"),
        ("6", "analytics", "alice"),
    ];
    for (id, service, user) in tasks {
        save(&store, owned_draft(id, service, user)).await;
    }
    let all = tasks.map(|(id, ..)| id);
    let [by_all, by_service, by_user, _, by_ids] = scopes(&all);
    let scopes = [by_all, by_service, service_scope("sync"), by_user, pair_scope("sync", "bob"), by_ids];
    for owners in [
        Owners::only("analytics", "alice"),
        Owners { services: Allowed::only(["analytics"]), users: Allowed::Any },
        Owners { services: Allowed::only(["analytics", "billing"]), users: Allowed::Any },
        Owners { services: Allowed::Any, users: Allowed::only(["bob"]) },
        Owners { services: Allowed::only::<String>([]), users: Allowed::Any },
        Owners::ANY,
    ] {
        for scope in &scopes {
            for limit in [1, 2, 1_000] {
                let mut query = paged(scope.clone(), limit);
                query.owners = owners.clone();
                let covered = tasks.iter().filter(|&&(_, service, user)| {
                    let in_scope = match scope {
                        Scope::Service(name) => name == service,
                        Scope::User(name) => name == user,
                        Scope::ServiceUser(one, other) => one == service && other == user,
                        _ => true,
                    };
                    in_scope && owners.check(service, user).is_ok()
                });
                let expected: Vec<&str> = covered.map(|&(id, ..)| id).collect();
                assert_eq!(listed(&store, query).await, expected, "{scope:?} for {owners:?}");
            }
        }
    }
}

async fn a_task_that_is_not_there_is_not_found_whoever_asks<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = task_id("1");
    for access in [owner("analytics", "alice"), Access::ANY, Access::ANY.during(RunId::unique())] {
        assert_fails!(store.get(&id, &access).await, Error::NotFound);
        assert_fails!(store.status(&id, &access).await, Error::NotFound);
        assert_fails!(store.change(&id, Change::logs(["x"]), &access).await, Error::NotFound);
        assert!(!store.delete(&id, &access).await.unwrap());
    }
}

/// A task that a run holds, and what the run may touch.
async fn claimed(store: &SharedStore, access: Access) -> (TaskId, Access) {
    let claim = claim("1");
    let access = access.during(claim.run.clone());
    store.claim(claim).await.unwrap();
    (task_id("1"), access)
}

async fn a_run_touches_its_task_while_it_holds_it<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (id, access) = claimed(&store, owner("analytics", "alice")).await;
    assert_eq!(store.change(&id, Change::logs(["one"]), &access).await.unwrap(), Status::Running);
    assert_eq!(store.get(&id, &access).await.unwrap().logs().len(), 1);
    assert_eq!(store.status(&id, &access).await.unwrap(), Status::Running);
    // Who does not ask as a run is not held to one.
    store.change(&id, Change::logs(["by somebody"]), &Access::ANY).await.unwrap();
    // The guest may save its own task anew.
    store.save(draft_in("1", Status::Running), Precondition::None, &access).await.unwrap();
    assert_eq!(store.change(&id, Change::logs(["two"]), &access).await.unwrap(), Status::Running);
    assert_eq!(store.change(&id, Change::finish(Status::Completed), &access).await.unwrap(), Status::Completed);
}

async fn a_run_that_lost_its_task_finds_none<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (id, access) = claimed(&store, Access::ANY).await;
    store.delete(&id, &Access::ANY).await.unwrap();
    save(&store, draft_in("1", Status::Running)).await;
    let before = get(&store, &id).await.encode();
    assert_fails!(store.get(&id, &access).await, Error::NotFound);
    assert_fails!(store.status(&id, &access).await, Error::NotFound);
    assert_fails!(store.change(&id, Change::logs(["late"]), &access).await, Error::NotFound);
    assert_fails!(store.change(&id, Change::finish(Status::Failed), &access).await, Error::NotFound);
    assert!(!store.delete(&id, &access).await.unwrap());
    assert_eq!(get(&store, &id).await.encode(), before);
}

async fn a_run_is_still_held_to_its_owners<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (id, access) = claimed(&store, owner("analytics", "alice")).await;
    let mut given_away = owned_draft("1", "sync", "bob");
    given_away.status = Status::Running;
    let everyone = Access { owners: Owners::ANY, ..access.clone() };
    store.save(given_away, Precondition::None, &everyone).await.unwrap();
    let before = get(&store, &id).await.encode();
    let late = store.change(&id, Change::finish(Status::Completed), &access).await;
    assert_fails!(late, Error::Denied(Denied::Service));
    assert_eq!(get(&store, &id).await.encode(), before);
}

async fn the_statuses_of_several_tasks_are_those_of_each<E: Engine>() {
    let (engine, store) = store::<E>().await;
    let (held, during) = claimed(&store, owner("analytics", "alice")).await;
    let long = save(&store, draft_in(&"long".repeat(30), Status::Dispatching)).await;
    let spoilt = save(&store, draft("spoilt")).await;
    engine.spoil("spoilt").await;
    let others = save(&store, owned_draft("others", "sync", "bob")).await;
    let mut tasks = Vec::new();
    for id in [held, long, spoilt, others, task_id("none")] {
        for access in [Access::ANY, owner("analytics", "alice"), during.clone()] {
            tasks.push((id.clone(), access));
        }
    }
    let statuses = store.statuses(&tasks).await.unwrap();
    assert_eq!(statuses.len(), tasks.len());
    for ((id, access), status) in tasks.iter().zip(statuses) {
        let alone = store.status(id, access).await;
        assert_eq!(format!("{status:?}"), format!("{alone:?}"), "{id}: {access:?}");
    }
    assert!(store.statuses(&[]).await.unwrap().is_empty());
}
