//! The queue: what waits for a host, in which order, and who has it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use task_state_host::record::Priority;
use task_state_host::store::{Pause, Standing, Ticket, Wanted};

use super::fixture::*;
use super::{Engine, promises};

promises! {
    what_is_queued_is_taken_once,
    accepted_twice_is_once,
    a_task_that_no_run_claims_in_time_waits_again,
    what_is_given_back_keeps_its_place,
    a_queued_task_is_claimed_although_it_is_running,
    a_ticket_that_is_over_claims_nothing,
    a_task_that_has_ended_or_is_held_is_not_queued,
    only_a_task_that_is_there_and_granted_is_queued,
    high_comes_first_and_low_is_not_starved,
    users_take_turns,
    a_priority_can_be_changed_while_a_task_waits,
    what_is_delayed_waits_unless_it_is_hastened,
    what_is_paused_stays,
    users_have_no_more_than_their_room,
    a_task_is_taken_out_of_the_queue,
    a_ticket_is_discarded_by_the_one_who_has_it,
    a_task_that_was_lost_and_saved_anew_is_queued_anew,
    an_ended_or_deleted_task_leaves_the_queue,
    a_waiting_task_that_an_operator_ends_leaves_the_queue,
    a_run_puts_its_task_back_for_another_attempt,
    a_task_of_a_lost_host_is_tried_as_often_as_it_may,
    what_waits_is_counted,
    who_runs_what_is_told,
    arrivals_are_told,
    many_hosts_take_each_task_once,
}

const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(200);

fn service(name: &str) -> Service {
    Service::new(name).unwrap()
}

fn all(most: usize) -> Wanted {
    Wanted::new(service("analytics"), most)
}

/// Registers a task of a user and puts it into the queue.
async fn queued_for(store: &SharedStore, id: &str, user: &str, priority: Priority) -> TaskId {
    let mut draft = draft(id);
    (draft.user_id, draft.priority) = (UserId::new(user).unwrap(), priority);
    let id = save(store, draft).await;
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    id
}

async fn queued(store: &SharedStore, id: &str) -> TaskId {
    queued_for(store, id, "alice", Priority::Low).await
}

async fn take(store: &SharedStore, most: usize) -> Vec<Ticket> {
    store.queue().take(&[all(most)], LONG).await.unwrap()
}

/// The ids of the tasks that are taken one after the other, at most so many.
async fn order(store: &SharedStore, most: usize) -> Vec<String> {
    let mut order = Vec::new();
    while order.len() < most {
        let [ticket] = &take(store, 1).await[..] else { break };
        order.push(ticket.task_id.as_str().to_owned());
    }
    order
}

fn claim_with(ticket: &Ticket, attempts: u32, lease: Duration) -> Claim {
    let mut claim = claim(ticket.task_id.as_str());
    (claim.user_id, claim.run, claim.lease) = (ticket.user_id.clone(), RunId::of_host("first"), lease);
    (claim.ticket, claim.attempts) = (Some(ticket.clone()), attempts);
    claim
}

async fn what_is_queued_is_taken_once<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    assert_eq!(take(&store, 10).await, []);
    queued(&store, "1").await;
    let tickets = take(&other, 10).await;
    let [ticket] = &tickets[..] else { panic!("{tickets:?}") };
    assert_eq!(
        (ticket.task_id.as_str(), ticket.service.as_str(), ticket.user_id.as_str()),
        ("1", "analytics", "alice")
    );
    assert_eq!(ticket.priority, Priority::Low);
    assert_eq!(take(&store, 10).await, []);
    let claimed = other.claim(claim_with(ticket, 1, LONG)).await.unwrap();
    assert_eq!((claimed.task.status(), claimed.is_new, claimed.attempt), (Status::Running, false, 1));
    assert_eq!(take(&store, 10).await, []);
}

async fn accepted_twice_is_once<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = queued(&store, "1").await;
    let again = async || store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap();
    assert!(!again().await);
    let tickets = take(&store, 10).await;
    assert_eq!(tickets.len(), 1);
    assert!(!again().await);
    store.claim(claim_with(&tickets[0], 1, LONG)).await.unwrap();
    assert!(!again().await);
    assert_eq!(take(&store, 10).await, []);
}

async fn a_task_that_no_run_claims_in_time_waits_again<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    queued(&store, "1").await;
    let lost = store.queue().take(&[all(1)], SHORT).await.unwrap().remove(0);
    let ticket = within(Duration::from_secs(10), "it waits again", async || take(&other, 1).await.pop()).await;
    assert_eq!(ticket.task_id, lost.task_id);
    other.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    assert_fails!(store.claim(claim_with(&lost, 1, LONG)).await, Error::Held);
}

async fn what_is_given_back_keeps_its_place<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for id in ["1", "2", "3"] {
        queued(&store, id).await;
    }
    let tickets = take(&store, 2).await;
    store.queue().give_back(&tickets[0]).await.unwrap();
    // The other one is still taken.
    assert_eq!(order(&store, 9).await, ["1", "3"]);
    store.queue().give_back(&tickets[1]).await.unwrap();
    let again = take(&store, 1).await.remove(0);
    assert_eq!(again.task_id.as_str(), "2");
    store.claim(claim_with(&again, 1, LONG)).await.unwrap();
    store.queue().give_back(&again).await.unwrap();
    assert_eq!(order(&store, 9).await, [""; 0]);
}

async fn a_queued_task_is_claimed_although_it_is_running<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = queued(&store, "1").await;
    store.change(&id, Change::status(Status::Running).log("set by others"), &Access::ANY).await.unwrap();
    assert_fails!(store.claim(claim("1")).await, Error::InvalidTransition(_));
    let ticket = take(&store, 1).await.remove(0);
    let claimed = store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    assert_eq!((claimed.task.status(), messages(&claimed.task)), (Status::Running, vec!["set by others".to_owned()]));
    // One that was asked to stop is cancelled, and has left the queue.
    let id = queued(&store, "2").await;
    store.change(&id, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    let ticket = take(&store, 1).await.remove(0);
    let claimed = store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    assert_eq!(claimed.task.status(), Status::Cancelled);
    assert!(!store.queue().dequeue(&id).await.unwrap());
}

async fn a_ticket_that_is_over_claims_nothing<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    queued(&store, "1").await;
    let ticket = take(&store, 1).await.remove(0);
    store.queue().give_back(&ticket).await.unwrap();
    assert_fails!(store.claim(claim_with(&ticket, 1, LONG)).await, Error::Held);
    assert_eq!(get(&store, &ticket.task_id).await.status(), Status::Pending);
    let ticket = take(&store, 1).await.remove(0);
    store.delete(&ticket.task_id, &Access::ANY).await.unwrap();
    assert_fails!(store.claim(claim_with(&ticket, 1, LONG)).await, Error::NotFound);
    assert_fails!(store.get(&ticket.task_id, &Access::ANY).await, Error::NotFound);
    // Nor does the ticket of a task that was queued anew.
    queued(&store, "2").await;
    let old = take(&store, 1).await.remove(0);
    store.claim(claim("2")).await.unwrap();
    assert_fails!(store.claim(claim_with(&old, 1, LONG)).await, Error::Held);
}

async fn a_task_that_has_ended_or_is_held_is_not_queued<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let ended = save(&store, draft_in("1", Status::Completed)).await;
    assert_fails!(store.queue().enqueue(&ended, Duration::ZERO, &Access::ANY).await, Error::InvalidTransition(_));
    store.claim(claim("2")).await.unwrap();
    assert_fails!(store.queue().enqueue(&task_id("2"), Duration::ZERO, &Access::ANY).await, Error::Held);
    assert_eq!(take(&store, 9).await, []);
}

async fn only_a_task_that_is_there_and_granted_is_queued<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let enqueue = async |id: &str, access: Access| store.queue().enqueue(&task_id(id), Duration::ZERO, &access).await;
    assert_fails!(enqueue("1", Access::ANY).await, Error::NotFound);
    save(&store, draft("1")).await;
    assert_fails!(enqueue("1", Access::of(Owners::only("sync", "alice"))).await, Error::Denied(_));
    assert_eq!(take(&store, 9).await, []);
    assert!(enqueue("1", Access::of(Owners::only("analytics", "alice"))).await.unwrap());
    assert_fails!(
        store.queue().enqueue(&TaskId::stored("a:b").unwrap(), LONG, &Access::ANY).await,
        Error::InvalidValue(_)
    );
}

async fn high_comes_first_and_low_is_not_starved<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for n in 0..3 {
        queued(&store, &format!("low-{n}")).await;
    }
    for n in 0..8 {
        queued_for(&store, &format!("high-{n}"), "alice", Priority::High).await;
    }
    let expected =
        ["high-0", "high-1", "high-2", "high-3", "low-0", "high-4", "high-5", "high-6", "high-7", "low-1", "low-2"];
    assert_eq!(order(&store, 99).await, expected);
}

async fn users_take_turns<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for n in 0..4 {
        queued_for(&store, &format!("many-{n}"), "alice", Priority::Low).await;
    }
    assert_eq!(order(&store, 1).await, ["many-0"]);
    queued_for(&store, "bob-0", "bob", Priority::Low).await;
    queued_for(&store, "carol-0", "carol", Priority::Low).await;
    queued_for(&store, "bob-1", "bob", Priority::Low).await;
    // One run of another at most comes before a user's first.
    assert_eq!(order(&store, 99).await, ["many-1", "bob-0", "carol-0", "many-2", "bob-1", "many-3"]);
    // Several at once are taken in the same order.
    for (id, user) in [("x", "dave"), ("y", "dave"), ("z", "erin")] {
        queued_for(&store, id, user, Priority::Low).await;
    }
    let taken: Vec<_> = take(&store, 99).await.into_iter().map(|ticket| String::from(ticket.task_id)).collect();
    assert_eq!(taken, ["x", "z", "y"]);
}

async fn a_priority_can_be_changed_while_a_task_waits<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for id in ["1", "2", "3", "4"] {
        queued(&store, id).await;
    }
    let before = get(&store, &task_id("3")).await;
    store.change(&task_id("3"), Change::priority(Priority::High), &Access::ANY).await.unwrap();
    let after = get(&store, &task_id("3")).await;
    assert_eq!((after.priority(), after.status(), after.logs()), (Priority::High, before.status(), before.logs()));
    assert!(after.updated_at() > before.updated_at());
    let ticket = take(&store, 1).await.remove(0);
    assert_eq!((ticket.task_id.as_str(), ticket.priority), ("3", Priority::High));
    // One that is taken keeps its place by it, and one that is not queued has none.
    store.change(&task_id("3"), Change::priority(Priority::Low), &Access::ANY).await.unwrap();
    assert_eq!(order(&store, 1).await, ["1"]);
    let other = save(&store, draft("5")).await;
    store.change(&other, Change::priority(Priority::High), &Access::ANY).await.unwrap();
    assert_eq!(get(&store, &other).await.priority(), Priority::High);
    assert_eq!(order(&store, 9).await, ["2", "4"]);
}

async fn what_is_delayed_waits_unless_it_is_hastened<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, delay) in [("1", LONG), ("2", SHORT), ("3", LONG)] {
        let id = save(&store, draft(id)).await;
        assert!(store.queue().enqueue(&id, delay, &Access::ANY).await.unwrap());
    }
    let ticket = within(Duration::from_secs(10), "a delay is over", async || take(&store, 9).await.pop()).await;
    assert_eq!(ticket.task_id.as_str(), "2");
    for _ in 0..2 {
        store.queue().hasten(&task_id("3")).await.unwrap();
    }
    store.queue().hasten(&task_id("none")).await.unwrap();
    assert_eq!(order(&store, 9).await, ["3"]);
    // What was taken is not taken again for that.
    store.queue().hasten(&task_id("3")).await.unwrap();
    assert_eq!(order(&store, 9).await, [""; 0]);
}

async fn what_is_paused_stays<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    queued(&store, "1").await;
    queued_for(&store, "2", "bob", Priority::High).await;
    let user = |name: &str| Pause::User(UserId::new(name).unwrap());
    let pauses = [Pause::All, Pause::Service(service("analytics")), user("alice"), user("bob")];
    for pause in &pauses {
        for _ in 0..2 {
            store.queue().pause(pause).await.unwrap();
        }
    }
    assert_eq!(other.queue().pauses().await.unwrap(), BTreeSet::from(pauses.clone()));
    assert_eq!(order(&other, 9).await, [""; 0]);
    for pause in &pauses[..3] {
        other.queue().resume(pause).await.unwrap();
    }
    assert_eq!(store.queue().pauses().await.unwrap(), BTreeSet::from([user("bob")]));
    assert_eq!(order(&store, 9).await, ["1"]);
    store.queue().resume(&user("bob")).await.unwrap();
    store.queue().resume(&user("nobody")).await.unwrap();
    assert_eq!(order(&store, 9).await, ["2"]);
}

async fn users_have_no_more_than_their_room<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for n in 0..3 {
        queued_for(&store, &format!("alice-{n}"), "alice", Priority::Low).await;
        queued_for(&store, &format!("bob-{n}"), "bob", Priority::Low).await;
    }
    let taken = async |wanted: Wanted| -> Vec<String> {
        let tickets = store.queue().take(&[wanted], LONG).await.unwrap();
        tickets.into_iter().map(|ticket| ticket.task_id.into()).collect()
    };
    let mut wanted = all(9);
    (wanted.most_of_user, wanted.of_user) = (1, [("bob".to_owned(), 0)].into());
    assert_eq!(taken(wanted.clone()).await, ["alice-0"]);
    wanted.users = Allowed::only(["bob", "carol"]);
    assert_eq!(taken(wanted.clone()).await, [""; 0]);
    wanted.of_user.clear();
    assert_eq!(taken(wanted).await, ["bob-0"]);
    assert_eq!(taken(Wanted::new(service("sync"), 9)).await, [""; 0]);
    assert_eq!(order(&store, 9).await, ["alice-1", "bob-1", "alice-2", "bob-2"]);
}

async fn a_task_is_taken_out_of_the_queue<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = queued(&store, "1").await;
    assert!(store.queue().dequeue(&id).await.unwrap());
    assert!(!store.queue().dequeue(&id).await.unwrap());
    assert_eq!(order(&store, 9).await, [""; 0]);
    // It may be put there again.
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    let ticket = take(&store, 1).await.remove(0);
    assert!(store.queue().dequeue(&id).await.unwrap());
    assert_fails!(store.claim(claim_with(&ticket, 1, LONG)).await, Error::Held);
    let id = queued(&store, "2").await;
    let ticket = take(&store, 1).await.remove(0);
    store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    assert!(!store.queue().dequeue(&id).await.unwrap());
}

async fn a_ticket_is_discarded_by_the_one_who_has_it<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    queued(&store, "1").await;
    let ticket = take(&store, 1).await.remove(0);
    assert!(store.queue().discard(&ticket).await.unwrap());
    assert!(!store.queue().discard(&ticket).await.unwrap());
    assert_eq!(order(&store, 9).await, [""; 0]);
    assert!(store.queue().enqueue(&ticket.task_id, Duration::ZERO, &Access::ANY).await.unwrap());
    let ticket = take(&store, 1).await.remove(0);
    store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    assert!(!store.queue().discard(&ticket).await.unwrap());
    assert!(!store.queue().enqueue(&ticket.task_id, Duration::ZERO, &Access::ANY).await.unwrap());
}

async fn a_task_that_was_lost_and_saved_anew_is_queued_anew<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = queued(&store, "1").await;
    let ticket = take(&store, 1).await.remove(0);
    store.claim(claim_with(&ticket, 1, SHORT)).await.unwrap();
    let anew = async || store.save(draft("1"), Precondition::None, &Access::ANY).await.ok();
    within(Duration::from_secs(10), "the lease ended", anew).await;
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    let ticket = take(&store, 1).await.remove(0);
    assert_eq!(store.claim(claim_with(&ticket, 1, LONG)).await.unwrap().attempt, 1);
}

async fn an_ended_or_deleted_task_leaves_the_queue<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let deleted = queued(&store, "1").await;
    assert!(store.delete(&deleted, &Access::ANY).await.unwrap());
    queued(&store, "2").await;
    assert_eq!(order(&store, 9).await, ["2"]);
    let id = queued(&store, "3").await;
    let ticket = take(&store, 1).await.remove(0);
    let claim = claim_with(&ticket, 1, LONG);
    let run = claim.run.clone();
    store.claim(claim).await.unwrap();
    store.change(&id, Change::finish(Status::Completed), &Access::ANY.during(run)).await.unwrap();
    assert!(!store.queue().dequeue(&id).await.unwrap());
    // Saved anew, it may be queued anew.
    store.save(draft("3"), Precondition::None, &Access::ANY).await.unwrap();
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    assert_eq!(order(&store, 9).await, ["3"]);
    // One that is given to another owner is not run for the old one.
    let id = queued(&store, "4").await;
    let mut moved = draft("4");
    moved.user_id = UserId::new("bob").unwrap();
    store.save(moved, Precondition::None, &Access::ANY).await.unwrap();
    assert_eq!(order(&store, 9).await, [""; 0]);
    assert!(store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
}

async fn a_waiting_task_that_an_operator_ends_leaves_the_queue<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for status in [Status::Cancelled, Status::Failed, Status::Completed] {
        let id = queued(&store, status.as_str()).await;
        store.change(&id, Change::finish(status), &Access::ANY).await.unwrap();
        assert_eq!(store.queue().waiting().await.unwrap().iter().map(|of| of.ready).sum::<u64>(), 0, "{status}");
        assert!(!store.queue().dequeue(&id).await.unwrap(), "{status}");
        assert_eq!(take(&store, 9).await, [], "{status}");
    }
}

async fn a_run_puts_its_task_back_for_another_attempt<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = queued(&store, "1").await;
    queued(&store, "2").await;
    for attempt in 1..=3 {
        let ticket = take(&store, 1).await.remove(0);
        assert_eq!(ticket.task_id, id);
        let claim = claim_with(&ticket, 3, LONG);
        let run = claim.run.clone();
        assert_eq!(store.claim(claim).await.unwrap().attempt, attempt);
        store.queue().retry(&id, &run, Duration::ZERO).await.unwrap();
        assert_eq!(get(&store, &id).await.status(), Status::Running);
        // The run has lost the task by that.
        let late = store.change(&id, Change::logs(["late"]), &Access::ANY.during(run.clone())).await;
        assert_fails!(late, Error::NotFound);
        assert_fails!(store.queue().retry(&id, &run, Duration::ZERO).await, Error::NotFound);
        assert!(!store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
    }
    // It keeps its place.
    assert_eq!(order(&store, 9).await, ["1", "2"]);
    let claim = claim("3");
    let run = claim.run.clone();
    store.claim(claim).await.unwrap();
    assert_fails!(store.queue().retry(&task_id("3"), &run, Duration::ZERO).await, Error::NotFound);
}

async fn a_task_of_a_lost_host_is_tried_as_often_as_it_may<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let id = queued(&store, "1").await;
    for attempt in 1..=2 {
        let ticket = take(&store, 1).await.remove(0);
        store.claim(claim_with(&ticket, 2, SHORT)).await.unwrap();
        eventually("the lost host is found", async || {
            other.check(true).await.unwrap();
            messages(&get(&store, &id).await).len() == attempt
        })
        .await;
    }
    let task = get(&store, &id).await;
    let log = messages(&task);
    assert!(
        log[0].starts_with("the host \"first\" is gone: ") && log[0].ends_with("; attempt 2 of 2 follows"),
        "{log:?}"
    );
    assert!(log[1].starts_with("the host \"first\" is gone: it was last seen at 20"), "{log:?}");
    assert_eq!(task.status(), Status::Failed);
    assert_eq!(order(&store, 9).await, [""; 0]);
}

async fn what_waits_is_counted<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert_eq!(store.queue().waiting().await.unwrap(), []);
    for (id, user) in [("1", "alice"), ("2", "bob"), ("3", "bob")] {
        queued_for(&store, id, user, Priority::Low).await;
    }
    queued_for(&store, "4", "bob", Priority::High).await;
    let delayed = save(&store, draft("5")).await;
    store.queue().enqueue(&delayed, LONG, &Access::ANY).await.unwrap();
    let waiting = store.queue().waiting().await.unwrap();
    let counts: Vec<_> = waiting
        .iter()
        .map(|of| (of.service.as_str(), of.priority, of.ready, of.delayed, of.users, of.longest.is_some()))
        .collect();
    assert_eq!(counts, [("analytics", Priority::High, 1, 0, 1, true), ("analytics", Priority::Low, 3, 1, 2, true)]);
    take(&store, 9).await;
    let waiting = store.queue().waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|of| (of.ready, of.delayed, of.longest)).collect::<Vec<_>>(), [(0, 1, None)]);
}

async fn who_runs_what_is_told<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert_eq!(store.queue().held(9).await.unwrap(), []);
    let standing = async |id: &str| store.queue().standing(&task_id(id)).await.unwrap();
    assert_eq!(standing("1").await, Standing::default());
    queued(&store, "1").await;
    let waiting = standing("1").await;
    assert!(waiting.waits && waiting.held.is_none());
    let ticket = take(&store, 1).await.remove(0);
    store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
    store.claim(claim("2")).await.unwrap();
    let held = store.queue().held(9).await.unwrap();
    let first = held.iter().find(|held| held.task_id == "1").unwrap();
    assert_eq!((first.host.as_str(), first.attempt, first.seen.is_some()), ("first", Some(1), true));
    let second = held.iter().find(|held| held.task_id == "2").unwrap();
    assert_eq!((held.len(), second.attempt), (2, None));
    for one in &held {
        let standing = standing(&one.task_id).await;
        assert!(!standing.waits && standing.held.as_ref() == Some(one), "{standing:?}");
    }
    assert_eq!(store.queue().held(1).await.unwrap().len(), 1);
}

async fn arrivals_are_told<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let mut arrivals = other.queue().arrivals();
    for id in ["1", "2"] {
        queued(&store, id).await;
        loop {
            arrivals.next().await.unwrap();
            if !take(&other, 1).await.is_empty() {
                break;
            }
        }
    }
}

async fn many_hosts_take_each_task_once<E: Engine>() {
    let (_engine, stores) = hosts::<E>().await;
    for n in 0..60 {
        queued_for(&stores[0], &n.to_string(), ["alice", "bob"][n % 2], Priority::Low).await;
    }
    let mut hosts = tokio::task::JoinSet::new();
    for store in stores {
        hosts.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let tickets = take(&store, 3).await;
                if tickets.is_empty() {
                    return taken;
                }
                for ticket in tickets {
                    store.claim(claim_with(&ticket, 1, LONG)).await.unwrap();
                    taken.push(ticket.task_id.as_str().parse::<usize>().unwrap());
                }
            }
        });
    }
    let mut taken: Vec<usize> = hosts.join_all().await.into_iter().flatten().collect();
    taken.sort_unstable();
    assert_eq!(taken, (0..60).collect::<Vec<_>>());
}
