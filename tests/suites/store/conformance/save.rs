//! Saves: what they write, when they may, and the ids that they give.

use task_state_host::record::Priority;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_saved_task_is_there_as_it_was_saved,
    a_save_replaces_the_record_whole,
    a_save_is_no_transition,
    a_save_for_an_absent_task_leaves_one_that_is_there,
    a_save_for_an_unchanged_task_compares_instants,
    a_save_for_an_unchanged_task_sees_every_kind_of_change,
    a_save_for_an_unchanged_task_needs_a_task,
    a_save_that_may_not_go_ahead_takes_no_room,
    a_save_under_another_owner_moves_the_task_between_listings,
    a_generated_id_is_the_next_number_that_no_task_has,
    a_generated_id_never_replaces_a_task,
    names_that_a_save_does_not_take_are_refused,
    names_of_every_allowed_kind_are_taken,
}

async fn a_saved_task_is_there_as_it_was_saved<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let mut draft = draft("external-1");
    draft.status = Status::Dispatching;
    draft.parameters = json(r#"{"source":"/data/a","limit":3}"#);
    draft.active_jobs = vec!["job-1".to_owned(), String::new()];
    draft.created_at = Some(time("2025-11-17T01:00:16Z"));
    draft.logs = vec!["2025-11-17T10:00:16+09:00,first".to_owned(), "2025-11-17T10:00:17+09:00,".to_owned()];
    draft.result = TaskResult { pod_status: Some("phase=Pending".to_owned()), launcher_output: None };
    draft.priority = Priority::High;
    assert_eq!(save(&one, draft.clone()).await.as_str(), "external-1");

    let task = get(&other, &task_id("external-1")).await;
    assert_eq!((task.task_id(), task.service(), task.user_id()), ("external-1", "analytics", "alice"));
    assert_eq!((task.status(), task.priority()), (Status::Dispatching, Priority::High));
    assert_eq!(task.parameters(), draft.parameters.as_str());
    assert_eq!(task.active_jobs(), draft.active_jobs);
    assert_eq!(task.created_at().as_str(), "2025-11-17T01:00:16+00:00");
    assert_eq!(task.logs(), draft.logs);
    assert_eq!(task.result(), draft.result);
}

async fn a_save_replaces_the_record_whole<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut full = logged_draft("1", ["one", "two", "three"]);
    full.parameters = json(r#"{"a":1}"#);
    full.active_jobs = vec!["job".to_owned()];
    full.result = TaskResult { pod_status: Some("p".to_owned()), launcher_output: Some("o".to_owned()) };
    full.priority = Priority::High;
    let id = save(&store, full).await;
    save(&store, logged_draft("1", ["one", "other"])).await;
    let task = get(&store, &id).await;
    assert_eq!(task.parameters(), "{}");
    assert_eq!(task.active_jobs(), Vec::<String>::new());
    assert_eq!(task.logs(), ["t,one", "t,other"]);
    assert_eq!(task.result(), TaskResult::default());
    assert_eq!(task.priority(), Priority::Low);
}

async fn a_save_is_no_transition<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for from in Status::ALL {
        for to in Status::ALL {
            save(&store, draft_in("1", from)).await;
            let id = save(&store, draft_in("1", to)).await;
            assert_eq!(store.status(&id, &Access::ANY).await.unwrap(), to);
        }
    }
}

async fn a_save_for_an_absent_task_leaves_one_that_is_there<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = store.save(draft("1"), Precondition::Absent, &Access::ANY).await.unwrap();
    let before = get(&store, &id).await.encode();
    let again = owned_draft("1", "sync", "bob");
    assert_fails!(store.save(again, Precondition::Absent, &Access::ANY).await, Error::Conflict);
    assert_eq!(get(&store, &id).await.encode(), before);
    assert_eq!(listed_in(&store, service_scope("sync")).await, Vec::<String>::new());
    store.delete(&id, &Access::ANY).await.unwrap();
    store.save(draft("1"), Precondition::Absent, &Access::ANY).await.unwrap();
}

async fn a_save_for_an_unchanged_task_compares_instants<E: Engine>() {
    let (_engine, store) = store_with::<E>(stuck_at("2025-11-17T10:00:16.515926+09:00")).await;
    for same in ["2025-11-17T01:00:16.515926Z", "2025-11-17T06:30:16.515926+05:30", "2025-11-16 20:00:16.5159269-05:00"]
    {
        let id = save(&store, draft("1")).await;
        assert_eq!(get(&store, &id).await.updated_at().as_str(), "2025-11-17T10:00:16.515926+09:00");
        let off_by_one = Precondition::UnchangedSince(time("2025-11-17T01:00:16.515925Z"));
        assert_fails!(store.save(draft("1"), off_by_one, &Access::ANY).await, Error::Conflict);
        store.save(draft("1"), Precondition::UnchangedSince(time(same)), &Access::ANY).await.unwrap();
        store.delete(&id, &Access::ANY).await.unwrap();
    }
}

async fn a_save_for_an_unchanged_task_sees_every_kind_of_change<E: Engine>() {
    // Although the clock has stopped.
    let (_engine, store) = store_with::<E>(stuck_at("2025-11-17T10:00:16.515926+09:00")).await;
    let id = save(&store, draft("1")).await;
    for change in [
        Change::logs(["entry"]),
        Change::status(Status::Running),
        Change::active_jobs(vec!["job".to_owned()]),
        output("x"),
    ] {
        let read = get(&store, &id).await.updated_at().clone();
        store.change(&id, change.clone(), &Access::ANY).await.unwrap();
        let changed = get(&store, &id).await.encode();
        let result = store.save(draft("1"), Precondition::UnchangedSince(read), &Access::ANY).await;
        assert_fails!(result, Error::Conflict);
        assert_eq!(get(&store, &id).await.encode(), changed, "after {change:?}");
    }
    let read = get(&store, &id).await.updated_at().clone();
    save(&store, draft("1")).await;
    assert_fails!(store.save(draft("1"), Precondition::UnchangedSince(read), &Access::ANY).await, Error::Conflict);
}

async fn a_save_for_an_unchanged_task_needs_a_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let since = Precondition::UnchangedSince(time("2025-11-17T01:00:16Z"));
    assert_fails!(store.save(draft("1"), since.clone(), &Access::ANY).await, Error::Conflict);
    assert_fails!(store.get(&task_id("1"), &Access::ANY).await, Error::NotFound);
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn a_save_that_may_not_go_ahead_takes_no_room<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, draft("1")).await;
    let denied = store.save(owned_draft("2", "sync", "alice"), Precondition::None, &owner("analytics", "alice")).await;
    assert_fails!(denied, Error::Denied(_));
    assert_eq!(listed_in(&store, Scope::All).await, ["1"]);
    assert_eq!(store.users("sync").await.unwrap(), Vec::<String>::new());
}

async fn a_save_under_another_owner_moves_the_task_between_listings<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, owned_draft("1", "analytics", "alice")).await;
    save(&store, owned_draft("2", "analytics", "alice")).await;
    save(&store, owned_draft("1", "sync", "bob")).await;
    for (service, user, shown) in [("analytics", "alice", "2"), ("sync", "bob", "1")] {
        for scope in [service_scope(service), user_scope(user), pair_scope(service, user)] {
            assert_eq!(listed_in(&store, scope).await, [shown]);
        }
    }
    assert_eq!(listed_in(&store, pair_scope("sync", "alice")).await, [""; 0]);
    assert_eq!(listed_in(&store, Scope::All).await, ["1", "2"]);
    assert_eq!(store.users("analytics").await.unwrap(), ["alice"]);
    assert_eq!(store.users("sync").await.unwrap(), ["bob"]);
    // The last task of a user of a service takes the user with it. A large record may take another way into the store.
    let mut large = owned_draft("2", "analytics", "carol");
    large.result.launcher_output = Some("x".repeat(1 << 20));
    save(&store, large).await;
    assert_eq!(store.users("analytics").await.unwrap(), ["carol"]);
    assert_eq!(listed_in(&store, user_scope("alice")).await, Vec::<String>::new());
}

async fn a_generated_id_is_the_next_number_that_no_task_has<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert_eq!(save(&store, unnamed_draft("analytics", "alice")).await.as_str(), "1");
    assert_eq!(store.next_task_id().await.unwrap(), "2");
    assert_eq!(save(&store, unnamed_draft("analytics", "alice")).await.as_str(), "3");
    save(&store, draft("5")).await;
    save(&store, draft("6")).await;
    assert_eq!(save(&store, unnamed_draft("analytics", "alice")).await.as_str(), "4");
    assert_eq!(save(&store, unnamed_draft("analytics", "alice")).await.as_str(), "7");
}

async fn a_generated_id_never_replaces_a_task<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for number in 1..=20 {
        save(&store, owned_draft(&number.to_string(), "sync", "bob")).await;
    }
    let mut ids = at_once(4, |_| {
        let store = store.clone();
        async move { save(&store, unnamed_draft("analytics", "alice")).await }
    })
    .await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(listed_in(&store, service_scope("sync")).await.len(), 20);
    assert_eq!(listed_in(&store, service_scope("analytics")).await.len(), 4);
}

async fn names_that_a_save_does_not_take_are_refused<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let long = "x".repeat(129);
    for bad in ["a:b", "a{b", "a}b", "a b", "a\nb", "a\0", "\u{85}", long.as_str()] {
        let mut by_id = draft("1");
        by_id.task_id = Some(TaskId::stored(bad).unwrap());
        let mut by_service = draft("1");
        by_service.service = Service::stored(bad).unwrap();
        let mut by_user = draft("1");
        by_user.user_id = UserId::stored(bad).unwrap();
        for draft in [by_id, by_service, by_user] {
            let result = store.save(draft, Precondition::None, &Access::ANY).await;
            assert_fails!(result, Error::InvalidValue(_));
        }
    }
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn names_of_every_allowed_kind_are_taken<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (long, wide) = ("x".repeat(128), "한".repeat(42));
    let names = ["0", "a/b", "*?[a-z]", "%41", "'\"\\", "앨리스", "🦀", "\u{202e}x", "-", "..", &long, &wide];
    for name in names {
        let id = save(&store, owned_draft(name, name, name)).await;
        let task = get(&store, &id).await;
        assert_eq!((task.task_id(), task.service(), task.user_id()), (name, name, name));
        for scope in [service_scope(name), user_scope(name), pair_scope(name, name)] {
            assert_eq!(listed_in(&store, scope).await, [name]);
        }
        assert_eq!(store.users(name).await.unwrap(), [name]);
    }
    assert_eq!(listed_in(&store, Scope::All).await.len(), names.len());
    for name in names {
        assert!(store.delete(&task_id(name), &Access::ANY).await.unwrap());
    }
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}
