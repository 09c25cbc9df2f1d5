//! Every operation under every fault of a connection: acknowledged means once, unavailable means at most once.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::{Change, ResultChange, Service, Status as In, UserId};
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_host::store::{Access, Claim, Error, Precondition, Result, RunId, TaskStore};
use task_state_tests::proxy::{Fault, Trigger};

use super::{Bench, draft, eventually, get, messages, save, soon, task_id, writes};

/// Short enough to be waited for, and long enough for a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(300);

/// Larger than what goes through a script's arguments.
const LARGE: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Append,
    Status,
    /// One that rewrites the record.
    ResultText,
    Save,
    /// A document that is staged before its script.
    SaveLarge,
    SaveAbsent,
    Delete,
    ClaimNew,
    ClaimPending,
    NextId,
}

use Operation::*;

const OPERATIONS: [Operation; 10] =
    [Append, Status, ResultText, Save, SaveLarge, SaveAbsent, Delete, ClaimNew, ClaimPending, NextId];

impl Operation {
    fn needs_a_task(self) -> bool {
        !matches!(self, SaveAbsent | ClaimNew | NextId)
    }

    /// The request that it is carried out by. A save and a claim take the task for a new one first.
    fn trigger(self) -> Trigger {
        Trigger::when(writes).after(u64::from(matches!(self, Save | SaveLarge | ClaimPending)))
    }

    /// Carries it out, and checks the answer.
    async fn carry_out(self, store: &RedisStore, id: &str) -> Result<()> {
        let id = task_id(id);
        let change = match self {
            Append => Change::logs(["entry"]),
            Status => Change::status(In::Running).log("entry"),
            ResultText => {
                let pod = ResultChange { pod_status: Some("p".to_owned()), ..ResultChange::default() };
                Change::result(pod).log("entry")
            }
            Save | SaveLarge | SaveAbsent => {
                let mut draft = draft(id.as_str());
                draft.logs = vec!["t,entry".to_owned()];
                if self == SaveLarge {
                    draft.logs.push(format!("t,{}", "x".repeat(LARGE)));
                }
                let only_if = if self == SaveAbsent { Precondition::Absent } else { Precondition::None };
                return store.save(draft, only_if, &Access::ANY).await.map(|saved| assert_eq!(saved, id));
            }
            Delete => return store.delete(&id, &Access::ANY).await.map(|found| assert!(found)),
            ClaimNew | ClaimPending => {
                let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
                let mut claim = Claim::new(service, user, RunId::unique(), Duration::from_secs(60));
                claim.task_id = Some(id);
                return store.claim(claim).await.map(|claimed| {
                    assert_eq!(claimed.is_new, self == ClaimNew);
                    assert_eq!(claimed.task.status(), In::Running);
                });
            }
            NextId => return store.next_task_id().await.map(|_| ()),
        };
        store.change(&id, change, &Access::ANY).await.map(|_| ())
    }

    /// How often it has taken effect.
    async fn effects(self, store: &RedisStore, id: &str) -> usize {
        let task = store.get(&task_id(id), &Access::ANY).await;
        let task = match task {
            Err(Error::NotFound) => return usize::from(self == Delete),
            task => task.unwrap(),
        };
        match self {
            Delete => 0,
            ClaimNew | ClaimPending => usize::from(task.status() == In::Running),
            _ => messages(&task).iter().filter(|message| *message == "entry").count(),
        }
    }
}

/// A host that has sent every script before, so that a fault meets the operation and not its script's text.
async fn warm_host(bench: &Bench, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
    let store = bench.host(set).await;
    for operation in [SaveAbsent, Append, Save, Delete] {
        operation.carry_out(&store, "warm").await.unwrap();
    }
    store
}

/// Every operation under a fault that is over when the host tries again: it is acknowledged, and has happened once.
async fn each_is_acknowledged_and_happens_once(fault: Fault) {
    let bench = Bench::new().await;
    let store = warm_host(&bench, |options| options.response_timeout = RESPONSE_TIMEOUT).await;
    let behind = bench.other_host().await;
    for operation in OPERATIONS {
        let id = format!("{operation:?}");
        if operation.needs_a_task() {
            save(&behind, draft(&id)).await;
        }
        if operation == NextId {
            next_ids_are_never_given_twice(&bench, &store, fault).await;
            continue;
        }
        let injected = bench.proxy.inject(operation.trigger(), fault);
        let answer = soon("answer", operation.carry_out(&store, &id)).await;
        assert!(answer.is_ok(), "{operation:?} under {fault:?}: {answer:?}");
        assert_eq!(injected.hits(), 1, "{operation:?} met no fault");
        assert_eq!(operation.effects(&behind, &id).await, 1, "{operation:?} under {fault:?}");
        // A copy that comes now finds that it has been carried out.
        let before = bench.dump().await;
        if matches!(fault, Fault::StallRequest | Fault::StallReply) {
            injected.release();
            soon("late copy", injected.until_executed()).await;
        }
        assert_eq!(bench.dump().await, before, "a late copy of {operation:?} did something");
        bench.proxy.clear();
    }
}

async fn next_ids_are_never_given_twice(bench: &Bench, store: &RedisStore, fault: Fault) {
    let mut given: Vec<u64> = Vec::new();
    for _ in 0..3 {
        let injected = bench.proxy.inject(Trigger::when(writes), fault);
        given.push(soon("number", store.next_task_id()).await.unwrap().parse().unwrap());
        assert_eq!(injected.hits(), 1);
        injected.release();
        given.push(store.next_task_id().await.unwrap().parse().unwrap());
    }
    assert!(given.is_sorted_by(|one, next| one < next), "{given:?} under {fault:?}");
    bench.proxy.clear();
}

#[tokio::test]
async fn a_cut_before_the_request_loses_nothing() {
    each_is_acknowledged_and_happens_once(Fault::CutBeforeRequest).await;
}

#[tokio::test]
async fn a_cut_in_the_middle_of_the_request_loses_nothing() {
    each_is_acknowledged_and_happens_once(Fault::CutInRequest).await;
}

#[tokio::test]
async fn a_cut_between_execution_and_answer_doubles_nothing() {
    each_is_acknowledged_and_happens_once(Fault::CutBeforeReply).await;
}

#[tokio::test]
async fn a_cut_in_the_middle_of_the_answer_doubles_nothing() {
    each_is_acknowledged_and_happens_once(Fault::CutInReply).await;
}

#[tokio::test]
async fn a_swallowed_answer_doubles_nothing() {
    each_is_acknowledged_and_happens_once(Fault::SwallowReply).await;
}

#[tokio::test]
async fn a_swallowed_request_loses_nothing() {
    each_is_acknowledged_and_happens_once(Fault::SwallowRequest).await;
}

#[tokio::test]
async fn a_request_that_arrives_after_its_second_copy_does_nothing() {
    each_is_acknowledged_and_happens_once(Fault::StallRequest).await;
}

#[tokio::test]
async fn an_answer_that_arrives_after_the_second_copys_doubles_nothing() {
    each_is_acknowledged_and_happens_once(Fault::StallReply).await;
}

#[tokio::test]
async fn a_request_that_arrives_after_its_deadline_does_nothing() {
    let bench = Bench::new().await;
    let behind = bench.other_host().await;
    for operation in OPERATIONS.into_iter().filter(|operation| *operation != NextId) {
        // Each on a host of its own, so that no later operation of its slot helps to tell the copy for a late one.
        let store = warm_host(&bench, |options| {
            options.deadline = Duration::from_secs(1);
            options.response_timeout = Duration::from_secs(30);
        })
        .await;
        let id = format!("{operation:?}");
        if operation.needs_a_task() {
            save(&behind, draft(&id)).await;
        }
        let before = bench.dump().await;
        let injected = bench.proxy.inject(operation.trigger(), Fault::StallRequest);
        let answer = soon("answer", operation.carry_out(&store, &id)).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{operation:?}: {answer:?}");
        injected.release();
        soon("late copy", injected.until_executed()).await;
        assert_eq!(bench.dump().await, before, "{operation:?} happened after it was given up");
        bench.proxy.clear();
    }
}

#[tokio::test]
async fn what_is_answered_unavailable_has_happened_at_most_once() {
    for fault in [Fault::CutBeforeRequest, Fault::CutInRequest, Fault::CutBeforeReply, Fault::CutInReply] {
        let bench = Bench::new().await;
        let behind = bench.other_host().await;
        for operation in OPERATIONS.into_iter().filter(|operation| *operation != NextId) {
            let store = warm_host(&bench, |options| {
                options.deadline = Duration::from_millis(300);
                options.max_backoff = Duration::from_millis(20);
            })
            .await;
            let id = format!("{operation:?}");
            if operation.needs_a_task() {
                save(&behind, draft(&id)).await;
            }
            let injected = bench.proxy.inject(operation.trigger().always(), fault);
            let answer = soon("answer", operation.carry_out(&store, &id)).await;
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{operation:?} under {fault:?}: {answer:?}");
            assert!(injected.hits() > 1, "{operation:?} was tried once only");
            let expected = if matches!(fault, Fault::CutBeforeReply | Fault::CutInReply) { 1 } else { 0 };
            assert_eq!(operation.effects(&behind, &id).await, expected, "{operation:?} under {fault:?}");
            bench.proxy.clear();
        }
    }
}

#[tokio::test]
async fn a_document_staged_late_gets_into_no_other_record() {
    let bench = Bench::new().await;
    let store = warm_host(&bench, |options| {
        options.deadline = Duration::from_secs(1);
        options.response_timeout = Duration::from_secs(30);
    })
    .await;
    let large = |id: &str, mark: &str| {
        let mut draft = draft(id);
        draft.logs = vec![format!("t,{}", mark.repeat(LARGE))];
        draft
    };
    // One after the other, both documents take the same slot.
    let late = bench.proxy.inject(Trigger::command("SET"), Fault::StallRequest);
    let answer = store.save(large("late", "a"), Precondition::None, &Access::ANY).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");

    let script = bench.proxy.inject(Trigger::when(writes), Fault::StallRequest);
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
