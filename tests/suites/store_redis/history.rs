//! Several host processes write to one task, and what they have seen is held against a model.

mod model;
mod worker;

use task_state_tests::proxy::{Fault, Trigger};

use self::model::History;
use self::worker::{Mode, Plan, TASK};
use super::fixture::*;

const WRITERS: usize = 8;
const ENTRIES: usize = 200;

/// Runs eight processes at once, and gives what each of them did and saw.
async fn run(url: &str, mode: Mode) -> Vec<Vec<worker::Event>> {
    let plans = (0..WRITERS).map(|writer| Plan { url: url.to_owned(), writer, entries: ENTRIES, mode });
    futures_util::future::join_all(plans.map(|plan| plan.run())).await
}

/// That every acknowledged entry is there, once, and each writer's in its order.
fn assert_all_there(messages: &[String]) {
    assert_eq!(messages.len(), WRITERS * ENTRIES);
    for writer in 0..WRITERS {
        let own = messages.iter().filter_map(|message| message.strip_prefix(&format!("{writer}-")));
        let expected = (0..ENTRIES).map(|number| number.to_string());
        assert!(own.eq(expected), "the entries of writer {writer} are not all there in their order");
    }
}

#[tokio::test]
async fn the_appends_of_eight_processes_are_all_there_once_and_in_order() {
    let fixture = Fixture::new().await;
    let id = fixture.save(TASK).await;
    run(&fixture.server.url(), Mode::Append).await;
    assert_all_there(&messages(&get(&fixture.store, &id).await));
}

#[tokio::test]
async fn the_appends_of_eight_processes_survive_connections_that_are_cut_at_random() {
    let fixture = Fixture::new().await;
    let id = fixture.save(TASK).await;
    let faults = [Fault::CutBeforeRequest, Fault::CutInRequest, Fault::CutBeforeReply, Fault::CutInReply];
    let injected: Vec<_> = (1..)
        .zip(faults)
        .map(|(seed, fault)| {
            let dice = std::sync::Mutex::new(fastrand::Rng::with_seed(seed));
            fixture.proxy.inject(Trigger::when(move |_| dice.lock().unwrap().f64() < 0.02).always(), fault)
        })
        .collect();
    run(&fixture.proxy.url(), Mode::Append).await;
    for (fault, injected) in faults.iter().zip(&injected) {
        assert!(injected.hits() > 0, "no connection met {fault:?}");
    }
    assert_all_there(&messages(&get(&fixture.store, &id).await));
}

#[tokio::test]
async fn what_eight_processes_see_of_one_task_could_have_happened_one_after_the_other() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    save(store, logged_draft(TASK, [worker::FIRST_LIFE])).await;
    let mut events: Vec<worker::Event> = run(&fixture.server.url(), Mode::Mixed).await.into_iter().flatten().collect();
    events.push(worker::look(store, WRITERS).await);
    let history = History::new(events);
    history.check();
    assert!(history.lives() > 2, "the task was never deleted and made anew");
    // What is there at the end can still be built on.
    if store.get(&task_id(TASK), &Access::ANY).await.is_ok() {
        store.change(&task_id(TASK), Change::logs(["at the end"]), &Access::ANY).await.unwrap();
        assert_eq!(messages(&get(store, &task_id(TASK)).await).last().unwrap(), "at the end");
    }
}
