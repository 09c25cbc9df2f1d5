//! Many hosts at once: no update is lost, and none is made twice.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    every_acknowledged_entry_is_there_once_and_in_its_writers_order,
    a_status_and_an_entry_at_once_are_both_there,
    changes_of_every_part_at_once_are_all_there,
    of_many_ends_at_once_exactly_one_stands,
    of_many_saves_for_an_absent_task_exactly_one_goes_ahead,
    of_many_saves_for_an_unchanged_task_exactly_one_goes_ahead,
    a_deleted_task_stays_deleted_however_many_write,
    a_task_that_many_owners_save_is_listed_for_the_last_one_only,
    generated_ids_are_all_different,
    a_call_that_is_given_up_is_made_whole_or_not_at_all,
    a_reader_never_sees_half_a_change,
}

async fn every_acknowledged_entry_is_there_once_and_in_its_writers_order<E: Engine>() {
    const WRITERS: usize = 12;
    const ENTRIES: usize = 40;
    let (_engine, hosts) = hosts::<E>().await;
    let id = save(&hosts[0], draft("1")).await;
    at_once(WRITERS, |writer| {
        let (store, id) = (hosts[writer % 3].clone(), id.clone());
        async move {
            for number in 0..ENTRIES / 2 {
                let change = Change::logs([0, 1].map(|part| format!("{writer} {}", 2 * number + part)));
                store.change(&id, change, &Access::ANY).await.unwrap();
            }
        }
    })
    .await;
    let entries = messages(&get(&hosts[1], &id).await);
    assert_eq!(entries.len(), WRITERS * ENTRIES);
    for writer in 0..WRITERS {
        let prefix = format!("{writer} ");
        let numbers = entries.iter().filter_map(|entry| entry.strip_prefix(&prefix));
        let expected = (0..ENTRIES).map(|number| number.to_string());
        assert!(numbers.eq(expected), "the entries of writer {writer} are not all there in their order");
    }
}

async fn a_status_and_an_entry_at_once_are_both_there<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..20 {
        let id = save(&hosts[0], draft(&format!("task-{round}"))).await;
        let (status, entry) = tokio::join!(
            hosts[0].change(&id, Change::status(Status::Running), &Access::ANY),
            hosts[1].change(&id, Change::logs(["entry"]), &Access::ANY),
        );
        assert_eq!(status.unwrap(), Status::Running);
        assert!(matches!(entry.unwrap(), Status::Pending | Status::Running));
        let task = get(&hosts[2], &id).await;
        assert_eq!((task.status(), messages(&task)), (Status::Running, vec!["entry".to_owned()]));
    }
}

async fn changes_of_every_part_at_once_are_all_there<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let text = |text: &str| Some(text.to_owned());
    for round in 0..10 {
        let id = save(&hosts[0], draft(&format!("task-{round}"))).await;
        let changes = [
            Change::status(Status::Running).log("status"),
            pod("p").log("pod"),
            output("o").log("output"),
            Change::active_jobs(vec!["job".to_owned()]).log("jobs"),
            Change::logs(["logs"]),
        ];
        at_once(changes.len(), |number| {
            let (store, id, change) = (hosts[number % 3].clone(), id.clone(), changes[number].clone());
            async move { store.change(&id, change, &Access::ANY).await.unwrap() }
        })
        .await;
        let task = get(&hosts[0], &id).await;
        assert_eq!(task.status(), Status::Running);
        assert_eq!((task.result().pod_status, task.result().launcher_output), (text("p"), text("o")));
        assert_eq!(task.active_jobs(), ["job"]);
        let entries: BTreeSet<String> = messages(&task).into_iter().collect();
        assert_eq!(entries, ["status", "pod", "output", "jobs", "logs"].map(str::to_owned).into());
        assert_eq!(task.logs().len(), 5);
    }
}

async fn of_many_ends_at_once_exactly_one_stands<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let ends = [Status::Completed, Status::Failed, Status::Cancelled];
    for round in 0..20 {
        let id = save(&hosts[0], draft_in(&format!("task-{round}"), Status::Running)).await;
        let results = at_once(3, |number| {
            let (store, id) = (hosts[number].clone(), id.clone());
            async move { store.change(&id, Change::status(ends[number]).log("end"), &Access::ANY).await }
        })
        .await;
        let won: Vec<Status> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        for result in results {
            assert!(matches!(&result, Ok(_) | Err(Error::InvalidTransition(_))), "{result:?}");
        }
        let task = get(&hosts[1], &id).await;
        assert_eq!((task.status(), task.logs().len()), (won[0], 1));
    }
}

/// The one that went ahead, where all others met a conflict.
fn only_one(results: &[Result<usize, Error>]) -> usize {
    let won: Vec<usize> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(Error::Conflict))), "{results:?}");
    won[0]
}

async fn of_many_saves_for_an_absent_task_exactly_one_goes_ahead<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..10 {
        let id = format!("task-{round}");
        let results = at_once(9, |number| {
            let (store, draft) = (hosts[number % 3].clone(), owned_draft(&id, "analytics", &format!("user-{number}")));
            async move { store.save(draft, Precondition::Absent, &Access::ANY).await.map(|_| number) }
        })
        .await;
        let task = get(&hosts[0], &task_id(&id)).await;
        assert_eq!(task.user_id(), format!("user-{}", only_one(&results)));
    }
}

async fn of_many_saves_for_an_unchanged_task_exactly_one_goes_ahead<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let id = save(&hosts[0], draft("1")).await;
    for _ in 0..10 {
        let read = get(&hosts[0], &id).await.updated_at().clone();
        let results = at_once(9, |number| {
            let (store, draft) = (hosts[number % 3].clone(), owned_draft("1", "analytics", &format!("user-{number}")));
            let only_if = Precondition::UnchangedSince(read.clone());
            async move { store.save(draft, only_if, &Access::ANY).await.map(|_| number) }
        })
        .await;
        assert_eq!(get(&hosts[0], &id).await.user_id(), format!("user-{}", only_one(&results)));
    }
}

async fn a_deleted_task_stays_deleted_however_many_write<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for round in 0..10 {
        let id = save(&hosts[0], draft(&format!("task-{round}"))).await;
        at_once(9, |number| {
            let (store, id) = (hosts[number % 3].clone(), id.clone());
            async move {
                if number == 4 {
                    assert!(store.delete(&id, &Access::ANY).await.unwrap());
                    return;
                }
                for _ in 0..5 {
                    let change = if number % 2 == 0 { Change::logs(["x"]) } else { Change::active_jobs(Vec::new()) };
                    let changed = store.change(&id, change, &Access::ANY).await;
                    assert!(matches!(changed, Ok(_) | Err(Error::NotFound)), "{changed:?}");
                }
            }
        })
        .await;
        assert_fails!(hosts[1].get(&id, &Access::ANY).await, Error::NotFound);
    }
    assert_listed(&hosts[2], &[], &[]).await;
}

async fn a_task_that_many_owners_save_is_listed_for_the_last_one_only<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    for _ in 0..5 {
        at_once(9, |number| {
            let store = hosts[number % 3].clone();
            async move {
                let (service, user) = (format!("service-{}", number % 2), format!("user-{number}"));
                save(&store, owned_draft("1", &service, &user)).await;
            }
        })
        .await;
        let task = get(&hosts[0], &task_id("1")).await;
        for number in 0..9 {
            let user = format!("user-{number}");
            let shown = listed_in(&hosts[0], user_scope(&user)).await;
            assert_eq!(shown.len(), usize::from(user == task.user_id()), "for {user}");
        }
        for service in ["service-0", "service-1"] {
            let users = hosts[0].users(service).await.unwrap();
            let expected = if service == task.service() { vec![task.user_id().to_owned()] } else { vec![] };
            assert_eq!(users, expected);
            assert_eq!(listed_in(&hosts[0], service_scope(service)).await.len(), expected.len());
        }
    }
}

async fn generated_ids_are_all_different<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let ids = at_once(9, |number| {
        let store = hosts[number % 3].clone();
        async move {
            let mut ids = Vec::new();
            for _ in 0..10 {
                let mut claim = claim("x");
                claim.task_id = None;
                ids.push(save(&store, unnamed_draft("analytics", "alice")).await.as_str().to_owned());
                ids.push(store.claim(claim).await.unwrap().task.task_id().to_owned());
            }
            ids
        }
    })
    .await;
    let ids: BTreeSet<String> = ids.into_iter().flatten().collect();
    assert_eq!(ids.len(), 180);
    assert_eq!(listed_in(&hosts[0], service_scope("analytics")).await.len(), 180);
}

async fn a_call_that_is_given_up_is_made_whole_or_not_at_all<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let id = save(&hosts[0], draft("1")).await;
    for round in 0..60 {
        let mut change = Change::logs([format!("a {round}"), format!("b {round}")]);
        if round % 2 == 0 {
            change.active_jobs = Some(vec![round.to_string()]);
        }
        let mut call = pin!(hosts[round % 3].change(&id, change, &Access::ANY));
        // Started, polled a few times, and dropped.
        for _ in 0..round % 4 {
            let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
            if polled {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // What was given up does not come after a later call that the same host has acknowledged for long.
    for (number, store) in hosts.iter().enumerate() {
        store.change(&id, Change::logs([format!("last of {number}")]), &Access::ANY).await.unwrap();
    }
    let entries = messages(&get(&hosts[0], &id).await);
    for round in 0..60 {
        let count = |part: &str| entries.iter().filter(|entry| **entry == format!("{part} {round}")).count();
        assert!(count("a") <= 1 && count("a") == count("b"), "round {round} of {entries:?}");
    }
    for number in 0..3 {
        assert_eq!(entries.iter().filter(|entry| **entry == format!("last of {number}")).count(), 1);
    }
}

async fn a_reader_never_sees_half_a_change<E: Engine>() {
    let (_engine, hosts) = hosts::<E>().await;
    let id = save(&hosts[0], draft("1")).await;
    let writer = tokio::spawn({
        let (store, id) = (hosts[0].clone(), id.clone());
        async move {
            for number in 1..=100 {
                let mut change = Change::logs([number.to_string()]).log(number.to_string());
                change.active_jobs = Some(vec![(2 * number).to_string()]);
                store.change(&id, change, &Access::ANY).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let listed = hosts[2].list(&Query::new(ids_scope(&["1"]))).await.unwrap().tasks.remove(0);
        for task in [get(&hosts[1], &id).await, listed] {
            let jobs = task.active_jobs();
            let written: usize = jobs.first().map_or(0, |job| job.parse().unwrap());
            assert_eq!(task.logs().len(), written);
        }
    }
    writer.await.unwrap();
}
