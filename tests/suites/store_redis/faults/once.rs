//! Every operation under every fault of a connection: acknowledged means once, unavailable means at most once.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;
use crate::writes::{LARGE, Write, Write::*};

/// Short enough to be waited for, and long enough for a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);

/// Sees to it that there is the task that a write needs. Gives its id.
async fn prepare(fixture: &Fixture, write: Write) -> String {
    let id = format!("{write:?}");
    if write.needs_a_task() {
        fixture.save(&id).await;
    }
    id
}

/// A host that has sent every script before, so that a fault meets the operation and not its script's text.
async fn warm_host(fixture: &Fixture, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
    let store = fixture.host(set).await;
    for write in [SaveAbsent, Append, Save, Delete] {
        write.carry_out(&store, "warm").await.unwrap();
    }
    store
}

/// Every write under a fault that is over when the host tries again: it is acknowledged, and has happened once.
async fn each_is_acknowledged_and_happens_once(fault: Fault) {
    let fixture = Fixture::new().await;
    let store = warm_host(&fixture, |options| options.response_timeout = RESPONSE_TIMEOUT).await;
    for write in Write::ALL {
        let id = prepare(&fixture, write).await;
        let injected = fixture.proxy.inject(write.trigger(), fault);
        let answer = soon("answer", write.carry_out(&store, &id)).await;
        assert!(answer.is_ok(), "{write:?} under {fault:?}: {answer:?}");
        assert_eq!(injected.hits(), 1, "{write:?} met no fault");
        assert_eq!(write.effects(&fixture.store, &id).await, 1, "{write:?} under {fault:?}");
        // A copy that comes now finds that it has been carried out.
        let before = fixture.dump().await;
        if matches!(fault, Fault::StallRequest | Fault::StallReply) {
            injected.release();
            soon("late copy", injected.until_executed()).await;
        }
        assert_eq!(fixture.dump().await, before, "a late copy of {write:?} did something");
        fixture.proxy.clear();
    }
    next_ids_are_never_given_twice(&fixture, &store, fault).await;
}

async fn next_ids_are_never_given_twice(fixture: &Fixture, store: &Arc<RedisStore>, fault: Fault) {
    let mut given: Vec<u64> = Vec::new();
    for _ in 0..3 {
        let injected = fixture.proxy.inject(Trigger::when(writes), fault);
        given.push(soon("number", store.next_task_id()).await.unwrap().parse().unwrap());
        assert_eq!(injected.hits(), 1);
        injected.release();
        given.push(store.next_task_id().await.unwrap().parse().unwrap());
    }
    assert!(given.is_sorted_by(|one, next| one < next), "{given:?} under {fault:?}");
    fixture.proxy.clear();
}

macro_rules! under_each_fault {
    ($($test:ident: $fault:ident,)*) => {
        $(#[tokio::test]
        async fn $test() {
            each_is_acknowledged_and_happens_once(Fault::$fault).await;
        })*
    };
}

under_each_fault! {
    a_cut_before_the_request_loses_nothing: CutBeforeRequest,
    a_cut_in_the_middle_of_the_request_loses_nothing: CutInRequest,
    a_cut_between_execution_and_answer_doubles_nothing: CutBeforeReply,
    a_cut_in_the_middle_of_the_answer_doubles_nothing: CutInReply,
    a_swallowed_answer_doubles_nothing: SwallowReply,
    a_swallowed_request_loses_nothing: SwallowRequest,
    a_request_that_arrives_after_its_second_copy_does_nothing: StallRequest,
    an_answer_that_arrives_after_the_second_copys_doubles_nothing: StallReply,
}

#[tokio::test]
async fn a_request_that_arrives_after_its_deadline_does_nothing() {
    let fixture = Fixture::new().await;
    for write in Write::ALL {
        // Each on a host of its own, so that no later operation of its slot helps to tell the copy for a late one.
        let store = warm_host(&fixture, |options| {
            options.deadline = Duration::from_secs(1);
            options.response_timeout = Duration::from_secs(30);
        })
        .await;
        let id = prepare(&fixture, write).await;
        let before = fixture.dump().await;
        let injected = fixture.proxy.inject(write.trigger(), Fault::StallRequest);
        let answer = soon("answer", write.carry_out(&store, &id)).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{write:?}: {answer:?}");
        injected.release();
        soon("late copy", injected.until_executed()).await;
        assert_eq!(fixture.dump().await, before, "{write:?} happened after it was given up");
        fixture.proxy.clear();
    }
}

#[tokio::test]
async fn what_is_answered_unavailable_has_happened_at_most_once() {
    for fault in [Fault::CutBeforeRequest, Fault::CutInRequest, Fault::CutBeforeReply, Fault::CutInReply] {
        let fixture = Fixture::new().await;
        for write in Write::ALL {
            let store = warm_host(&fixture, |options| {
                options.deadline = Duration::from_millis(300);
                options.max_backoff = Duration::from_millis(20);
            })
            .await;
            let id = prepare(&fixture, write).await;
            let injected = fixture.proxy.inject(write.trigger().always(), fault);
            let answer = soon("answer", write.carry_out(&store, &id)).await;
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{write:?} under {fault:?}: {answer:?}");
            assert!(injected.hits() > 1, "{write:?} was tried once only");
            let expected = if matches!(fault, Fault::CutBeforeReply | Fault::CutInReply) { 1 } else { 0 };
            assert_eq!(write.effects(&fixture.store, &id).await, expected, "{write:?} under {fault:?}");
            fixture.proxy.clear();
        }
    }
}

#[tokio::test]
async fn a_document_staged_late_gets_into_no_other_record() {
    let fixture = Fixture::new().await;
    let store = warm_host(&fixture, |options| {
        options.deadline = Duration::from_secs(1);
        options.response_timeout = Duration::from_secs(30);
    })
    .await;
    let large = |id: &str, mark: &str| logged_draft(id, [mark.repeat(LARGE)]);
    // One after the other, both documents take the same slot.
    let late = fixture.proxy.inject(Trigger::command("SET"), Fault::StallRequest);
    let answer = store.save(large("late", "a"), Precondition::None, &Access::ANY).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");

    let script = fixture.proxy.inject(Trigger::when(writes), Fault::StallRequest);
    let second = tokio::spawn({
        let (store, draft) = (store.clone(), large("second", "b"));
        async move { store.save(draft, Precondition::None, &Access::ANY).await }
    });
    soon("second document's script", script.until_hit()).await;
    late.release();
    soon("late document", late.until_executed()).await;
    script.release();
    let saved = soon("answer", second).await.unwrap();
    if saved.is_ok() {
        let record = get(&store, &task_id("second")).await;
        assert_eq!(record.task_id(), "second");
        assert_eq!(messages(&record), ["b".repeat(LARGE)]);
    }
    eventually("answer that the second save was in time for", async || {
        store.save(large("second", "b"), Precondition::None, &Access::ANY).await.is_ok()
    })
    .await;
    assert!(matches!(store.get(&task_id("late"), &Access::ANY).await, Err(Error::NotFound)));
    assert_eq!(messages(&get(&store, &task_id("second")).await), ["b".repeat(LARGE)]);
}
