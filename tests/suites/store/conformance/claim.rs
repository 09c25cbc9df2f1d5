//! Claims: how a run takes its task, and how it is the only one.

use std::time::Duration;

use task_state_host::record::Priority;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_claim_registers_a_new_task_as_running,
    a_claim_without_an_id_takes_the_next_number_that_no_task_has,
    a_claim_takes_a_task_that_waits,
    a_claim_on_a_running_or_ended_task_is_refused,
    a_claim_on_a_task_that_was_asked_to_stop_cancels_it,
    a_claim_on_another_owners_task_is_denied,
    parameters_are_taken_for_a_new_task_only,
    the_owner_and_then_the_status_come_before_the_parameters,
    names_that_a_save_does_not_take_are_not_claimed,
    a_held_task_is_saved_by_its_run_alone,
    a_held_task_is_refused_even_if_its_run_sets_it_back,
    a_save_of_its_run_cannot_take_back_that_a_task_was_asked_to_stop,
    a_run_cannot_end_its_task_and_begin_it_anew,
    a_hold_ends_at_its_deadline,
    a_run_that_has_ended_holds_its_task_no_longer,
    of_many_claims_at_once_exactly_one_wins,
    of_many_claims_on_a_new_task_exactly_one_wins,
}

async fn a_claim_registers_a_new_task_as_running<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut claim = claim("1");
    claim.parameters = Some(json(r#"{"format":"json"}"#));
    claim.priority = Priority::High;
    let claimed = store.claim(claim).await.unwrap();
    assert!(claimed.is_new);
    let task = get(&store, &task_id("1")).await;
    assert_eq!(claimed.task.encode(), task.encode());
    assert_eq!((task.service(), task.user_id(), task.status()), ("analytics", "alice", Status::Running));
    assert_eq!((task.parameters(), task.priority()), (r#"{"format":"json"}"#, Priority::High));
    assert_eq!(task.logs(), Vec::<String>::new());
    assert_eq!(listed_in(&store, pair_scope("analytics", "alice")).await, ["1"]);
}

async fn a_claim_without_an_id_takes_the_next_number_that_no_task_has<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save(&store, draft("1")).await;
    let mut claim = claim("x");
    claim.task_id = None;
    let claimed = store.claim(claim).await.unwrap();
    assert!(claimed.is_new);
    assert_eq!(claimed.task.task_id(), "2");
    assert_eq!(store.next_task_id().await.unwrap(), "3");
}

async fn a_claim_takes_a_task_that_waits<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for status in [Status::Pending, Status::Dispatching] {
        let mut waiting = logged_draft(status.as_str(), ["queued"]);
        (waiting.status, waiting.parameters) = (status, json(r#"{"a":1}"#));
        let id = save(&store, waiting).await;
        let claimed = store.claim(claim(status.as_str())).await.unwrap();
        assert!(!claimed.is_new);
        assert_eq!(claimed.task.encode(), get(&store, &id).await.encode());
        assert_eq!(claimed.task.status(), Status::Running);
        assert_eq!((claimed.task.parameters(), claimed.task.logs().len()), (r#"{"a":1}"#, 1));
    }
}

async fn a_claim_on_a_running_or_ended_task_is_refused<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for status in [Status::Running, Status::Completed, Status::Failed, Status::Cancelled] {
        let id = save(&store, draft_in("1", status)).await;
        let before = get(&store, &id).await.encode();
        let result = store.claim(claim("1")).await;
        assert_fails!(result, Error::InvalidTransition(refusal) if refusal.from == status);
        assert_eq!(get(&store, &id).await.encode(), before);
    }
}

async fn a_claim_on_a_task_that_was_asked_to_stop_cancels_it<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft_in("1", Status::CancelRequested)).await;
    let first = claim("1");
    let claimed = store.claim(first.clone()).await.unwrap();
    assert_eq!((claimed.task.status(), claimed.is_new), (Status::Cancelled, false));
    assert_eq!(get(&store, &id).await.status(), Status::Cancelled);
    // No run holds it.
    assert_fails!(store.status(&id, &Access::ANY.during(first.run)).await, Error::NotFound);
    save(&store, draft("1")).await;
    store.claim(claim("1")).await.unwrap();
}

async fn a_claim_on_another_owners_task_is_denied<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (service, user, missing) in [("sync", "alice", Denied::Service), ("analytics", "bob", Denied::User)] {
        let id = save(&store, owned_draft("1", service, user)).await;
        let before = get(&store, &id).await.encode();
        assert_fails!(store.claim(claim("1")).await, Error::Denied(denied) if denied == missing);
        assert_eq!(get(&store, &id).await.encode(), before);
    }
}

async fn parameters_are_taken_for_a_new_task_only<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let before = get(&store, &id).await.encode();
    let mut with_parameters = claim("1");
    with_parameters.parameters = Some(json("{}"));
    assert_fails!(store.claim(with_parameters).await, Error::InvalidValue(_));
    assert_eq!(get(&store, &id).await.encode(), before);
    store.claim(claim("1")).await.unwrap();
}

async fn the_owner_and_then_the_status_come_before_the_parameters<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut with_parameters = claim("1");
    with_parameters.parameters = Some(json("{}"));
    for status in Status::ALL {
        for user in ["alice", "bob"] {
            let mut saved = owned_draft("1", "analytics", user);
            saved.status = status;
            let id = save(&store, saved).await;
            let before = get(&store, &id).await.encode();
            let result = store.claim(with_parameters.clone()).await;
            match (user, status) {
                ("bob", _) => assert_fails!(result, Error::Denied(Denied::User)),
                (_, Status::Pending | Status::Dispatching | Status::CancelRequested) => {
                    assert_fails!(result, Error::InvalidValue(_));
                }
                _ => assert_fails!(result, Error::InvalidTransition(refusal) if refusal.from == status),
            }
            assert_eq!(get(&store, &id).await.encode(), before);
        }
    }
}

async fn names_that_a_save_does_not_take_are_not_claimed<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut by_id = claim("1");
    by_id.task_id = Some(TaskId::stored("a:b").unwrap());
    let mut by_service = claim("1");
    by_service.service = Service::stored("a:b").unwrap();
    let mut by_user = claim("1");
    by_user.user_id = UserId::stored("a:b").unwrap();
    for claim in [by_id, by_service, by_user] {
        assert_fails!(store.claim(claim).await, Error::InvalidValue(_));
    }
    assert_eq!(listed_in(&store, Scope::All).await, Vec::<String>::new());
}

async fn a_held_task_is_saved_by_its_run_alone<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let first = claim("1");
    one.claim(first.clone()).await.unwrap();
    let before = get(&one, &task_id("1")).await.encode();
    for (draft, access) in [
        (draft("1"), Access::ANY),
        (owned_draft("1", "analytics", "mallory"), Access::ANY),
        (draft("1"), owner("analytics", "alice")),
    ] {
        assert_fails!(other.save(draft, Precondition::None, &access).await, Error::Held);
    }
    assert_fails!(other.save(draft("1"), Precondition::None, &owner("sync", "alice")).await, Error::Denied(_));
    assert_fails!(other.save(draft("1"), Precondition::Absent, &Access::ANY).await, Error::Conflict);
    let another = Access::ANY.during(RunId::unique());
    assert_fails!(other.save(draft("1"), Precondition::None, &another).await, Error::NotFound);
    assert_eq!(get(&one, &task_id("1")).await.encode(), before);
    let own = owner("analytics", "alice").during(first.run);
    assert_fails!(one.save(owned_draft("1", "analytics", "bob"), Precondition::None, &own).await, Error::Denied(_));
    one.save(logged_draft("1", ["mine"]), Precondition::None, &own).await.unwrap();
    assert_eq!(messages(&get(&other, &task_id("1")).await), ["mine"]);
}

async fn a_save_of_its_run_cannot_take_back_that_a_task_was_asked_to_stop<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let claim = claim("1");
    store.claim(claim.clone()).await.unwrap();
    let (id, own) = (task_id("1"), Access::ANY.during(claim.run));
    store.save(draft_in("1", Status::Running), Precondition::None, &own).await.unwrap();
    let asked = Change::status(Status::CancelRequested).log("asked by an operator");
    store.change(&id, asked, &Access::ANY).await.unwrap();
    let before = get(&store, &id).await;
    let save = async |status: Status, logs: Vec<String>| {
        let mut draft = draft_in("1", status);
        draft.logs = logs;
        store.save(draft, Precondition::None, &own).await
    };
    for status in [Status::Pending, Status::Running] {
        let refused = save(status, before.logs()).await;
        assert_fails!(refused, Error::InvalidTransition(refused) if refused.from == Status::CancelRequested);
    }
    for status in [Status::CancelRequested, Status::Cancelled, Status::Completed] {
        assert_fails!(save(status, vec![]).await, Error::Conflict);
        assert_fails!(save(status, vec!["t,not what is there".to_owned()]).await, Error::Conflict);
    }
    assert_eq!(get(&store, &id).await.encode(), before.encode());
    let more = before.logs().into_iter().chain(["t,and more".to_owned()]).collect();
    save(Status::Cancelled, more).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["asked by an operator", "and more"]);
    assert_fails!(save(Status::Running, get(&store, &id).await.logs()).await, Error::InvalidTransition(_));
    // A stale precondition comes first, whatever else is wrong.
    let stale = Precondition::UnchangedSince(before.created_at().clone());
    assert_fails!(store.save(draft_in("1", Status::Running), stale, &own).await, Error::Conflict);
}

async fn a_run_cannot_end_its_task_and_begin_it_anew<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, end) in [("1", Status::Completed), ("2", Status::Failed), ("3", Status::Cancelled)] {
        let claim = claim(id);
        store.claim(claim.clone()).await.unwrap();
        let (id, own) = (task_id(id), Access::ANY.during(claim.run));
        let asked = Change::status(Status::CancelRequested).log("asked by an operator");
        store.change(&id, asked, &Access::ANY).await.unwrap();
        store.change(&id, Change::status(end), &own).await.unwrap();
        let before = get(&store, &id).await.encode();
        for status in Status::ALL {
            let anew = store.save(draft_in(id.as_str(), status), Precondition::None, &own).await;
            assert_fails!(anew, Error::InvalidTransition(_) | Error::Conflict);
        }
        assert_eq!(get(&store, &id).await.encode(), before);
    }
}

async fn a_held_task_is_refused_even_if_its_run_sets_it_back<E: Engine>() {
    let (_engine, [one, other, _]) = hosts::<E>().await;
    let first = claim("1");
    let id = task_id("1");
    one.claim(first.clone()).await.unwrap();
    assert_fails!(other.claim(claim("1")).await, Error::Held | Error::InvalidTransition(_));
    let own = Access::ANY.during(first.run.clone());
    for status in [Status::Pending, Status::Dispatching] {
        one.save(draft_in("1", status), Precondition::None, &own).await.unwrap();
        assert_fails!(other.claim(claim("1")).await, Error::Held);
        // The run is remembered through the save.
        assert_eq!(one.status(&id, &own).await.unwrap(), status);
    }
    // A task that was removed and saved again is another one.
    one.delete(&id, &Access::ANY).await.unwrap();
    save(&one, draft("1")).await;
    assert_fails!(one.status(&id, &own).await, Error::NotFound);
    other.claim(claim("1")).await.unwrap();
}

async fn a_hold_ends_at_its_deadline<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut short = claim("1");
    short.lease = Duration::from_secs(1);
    store.claim(short.clone()).await.unwrap();
    eventually("the hold ended", async || match store.save(draft("1"), Precondition::None, &Access::ANY).await {
        Ok(_) => true,
        Err(Error::Held) => false,
        Err(error) => panic!("{error}"),
    })
    .await;
    let (id, next) = (task_id("1"), claim("1"));
    store.claim(next.clone()).await.unwrap();
    let late = Change::logs(["late"]);
    assert_fails!(store.change(&id, late, &Access::ANY.during(short.run)).await, Error::NotFound);
    store.change(&id, Change::logs(["in time"]), &Access::ANY.during(next.run)).await.unwrap();
    assert_eq!(messages(&get(&store, &id).await), ["in time"]);
}

async fn a_run_that_has_ended_holds_its_task_no_longer<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let first = claim("1");
    store.claim(first.clone()).await.unwrap();
    let id = task_id("1");
    // A terminal status that the plugin sets is not yet the end of the run.
    store.change(&id, Change::status(Status::Completed), &Access::ANY).await.unwrap();
    assert_fails!(store.save(draft("1"), Precondition::None, &Access::ANY).await, Error::Held);
    assert_fails!(store.claim(claim("1")).await, Error::Held | Error::InvalidTransition(_));
    let end = Change::finish(Status::Completed);
    store.change(&id, end, &Access::ANY.during(first.run)).await.unwrap();
    save(&store, draft("1")).await;
    store.claim(claim("1")).await.unwrap();
}

async fn of_many_claims_at_once_exactly_one_wins<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..10 {
        let id = save(&hosts[0], draft(&format!("task-{round}"))).await;
        exactly_one_wins(&hosts, &id).await;
    }
}

async fn of_many_claims_on_a_new_task_exactly_one_wins<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..10 {
        exactly_one_wins(&hosts, &task_id(&format!("task-{round}"))).await;
    }
}

async fn exactly_one_wins(hosts: &[SharedStore; 3], id: &TaskId) {
    let results = at_once(8, |number| {
        let (store, claim) = (hosts[number % 3].clone(), claim(id.as_str()));
        async move {
            let run = claim.run.clone();
            (run, store.claim(claim).await.map(|_| ()))
        }
    })
    .await;
    let winners = results.iter().filter(|(_, result)| result.is_ok()).count();
    assert_eq!(winners, 1, "{results:?}");
    for (run, result) in results {
        let holds = hosts[0].status(id, &Access::ANY.during(run)).await;
        match result {
            Ok(()) => assert_eq!(holds.unwrap(), Status::Running),
            Err(error) => {
                assert!(matches!(error, Error::Held | Error::InvalidTransition(_)), "{error}");
                assert_fails!(holds, Error::NotFound);
            }
        }
    }
}
