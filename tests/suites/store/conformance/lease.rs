//! Leases: a run holds its task while its host renews that, and no longer.

use std::time::Duration;

use task_state_host::store::Finding;

use super::fixture::*;
use super::{Engine, promises};

promises! {
    a_lease_is_renewed_while_its_run_holds_the_task,
    a_run_whose_lease_has_ended_writes_nothing,
    a_task_whose_lease_has_ended_is_ended_by_a_check_that_repairs,
    a_task_whose_lease_has_ended_is_ended_by_whoever_maintains_the_store,
    what_no_run_holds_or_has_ended_itself_is_left_alone,
    many_leases_are_renewed_at_once,
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3_600);

/// Claims a task for a run of the host `first`.
async fn claimed(store: &SharedStore, id: &str, lease: Duration) -> (TaskId, RunId) {
    let mut claim = claim(id);
    (claim.run, claim.lease) = (RunId::of_host("first"), lease);
    let run = claim.run.clone();
    store.claim(claim).await.unwrap();
    (task_id(id), run)
}

/// Claims a task, and waits until the lease has ended.
async fn orphaned(store: &SharedStore, id: &str) -> (TaskId, RunId) {
    let hold = claimed(store, id, SHORT).await;
    let place = async || orphans(store).await.into_iter().find(|place| place.ends_with(id));
    within(Duration::from_secs(10), "the lease ended", async || place().await).await;
    hold
}

/// Where a check finds tasks whose hosts are gone.
async fn orphans(store: &SharedStore) -> Vec<String> {
    let findings = store.check(false).await.unwrap().findings;
    let is_orphan = |finding: &Finding| finding.kind == FindingKind::Orphan;
    findings.into_iter().filter(is_orphan).map(|finding| finding.place).collect()
}

fn assert_names_the_host(task: &TaskRecord) {
    let log = messages(task);
    let seen = log.last().and_then(|entry| entry.strip_prefix("the host \"first\" is gone: it was last seen at "));
    let seen = seen.unwrap_or_else(|| panic!("{log:?}"));
    assert!(seen.starts_with("20") && seen.contains('T'), "{seen}");
}

async fn a_lease_is_renewed_while_its_run_holds_the_task<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let (id, run) = claimed(&store, "1", LONG).await;
    let hold = (id.clone(), run.clone());
    assert_eq!(store.renew(std::slice::from_ref(&hold), LONG).await.unwrap(), [true]);
    let (deleted, of_deleted) = claimed(&store, "2", LONG).await;
    store.delete(&deleted, &Access::ANY).await.unwrap();
    let strangers = [(id.clone(), RunId::unique()), (task_id("none"), run.clone()), (deleted, of_deleted)];
    assert_eq!(other.renew(&strangers, LONG).await.unwrap(), [false; 3]);
    // The life of the last renewal counts.
    assert_eq!(store.renew(std::slice::from_ref(&hold), SHORT).await.unwrap(), [true]);
    eventually("the lease ended", async || !orphans(&other).await.is_empty()).await;
    assert_eq!(store.renew(&[hold], LONG).await.unwrap(), [false]);
}

async fn a_run_whose_lease_has_ended_writes_nothing<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let (id, run) = orphaned(&store, "1").await;
    let before = get(&store, &id).await.encode();
    let access = Access::ANY.during(run);
    for change in
        [Change::logs(["late"]), Change::status(Status::Completed), Change::finish(Status::Completed), pod("p")]
    {
        assert_fails!(store.change(&id, change, &access).await, Error::NotFound);
    }
    assert_fails!(store.save(draft("1"), Precondition::None, &access).await, Error::NotFound);
    assert!(!store.delete(&id, &access).await.unwrap_or_default());
    assert_eq!(get(&store, &id).await.encode(), before);
}

async fn a_task_whose_lease_has_ended_is_ended_by_a_check_that_repairs<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let (first, _) = orphaned(&store, "1").await;
    let (second, _) = orphaned(&store, "2").await;
    store.change(&second, Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    assert_eq!(get(&store, &first).await.status(), Status::Running);
    let report = other.check(true).await.unwrap();
    assert_eq!((report.found(), report.remaining()), (2, 0), "{report:?}");
    for (id, status) in [(first, Status::Failed), (second, Status::Cancelled)] {
        let task = get(&store, &id).await;
        assert_eq!(task.status(), status);
        assert_names_the_host(&task);
    }
    assert_eq!(other.check(true).await.unwrap().found(), 0);
}

async fn a_task_whose_lease_has_ended_is_ended_by_whoever_maintains_the_store<E: Engine>() {
    let (_engine, [store, other, _]) = hosts::<E>().await;
    let (id, _) = claimed(&store, "1", SHORT).await;
    let (held, run) = claimed(&store, "2", LONG).await;
    let maintained = tokio::spawn(async move { other.maintain().await });
    eventually("the task ended", async || get(&store, &id).await.status() == Status::Failed).await;
    maintained.abort();
    assert_names_the_host(&get(&store, &id).await);
    store.change(&held, Change::logs(["still here"]), &Access::ANY.during(run)).await.unwrap();
}

async fn what_no_run_holds_or_has_ended_itself_is_left_alone<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    // As the Python package leaves it.
    let of_others = save(&store, draft_in("1", Status::Running)).await;
    let (ended, _) = claimed(&store, "2", SHORT).await;
    store.change(&ended, Change::status(Status::Completed), &Access::ANY).await.unwrap();
    let (gone, _) = claimed(&store, "3", SHORT).await;
    store.delete(&gone, &Access::ANY).await.unwrap();
    let (waits, run) = claimed(&store, "5", SHORT).await;
    store.save(draft_in("5", Status::Pending), Precondition::None, &Access::ANY.during(run)).await.unwrap();
    let texts = async || {
        let mut texts = Vec::new();
        for id in [&of_others, &ended, &waits] {
            texts.push(get(&store, id).await.encode());
        }
        texts
    };
    let before = texts().await;
    orphaned(&store, "4").await;
    store.check(true).await.unwrap();
    assert_eq!(texts().await, before);
    assert_eq!(orphans(&store).await, Vec::<String>::new());
}

async fn many_leases_are_renewed_at_once<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut holds = Vec::new();
    for number in 0..3 {
        holds.push(claimed(&store, &number.to_string(), LONG).await);
    }
    // More than one step takes, with runs that hold nothing between those that do.
    let strangers = (0..1_200).map(|number| (task_id(&format!("none-{number}")), RunId::unique()));
    let all: Vec<_> = strangers
        .enumerate()
        .map(|(at, stranger)| if at % 500 == 0 { holds[at / 500].clone() } else { stranger })
        .collect();
    let held = store.renew(&all, LONG).await.unwrap();
    assert_eq!(held.len(), all.len());
    assert!(held.iter().enumerate().all(|(at, held)| *held == (at % 500 == 0)));
}
