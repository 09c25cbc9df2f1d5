//! A write that is tried again, and what others have written meanwhile: theirs stands.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::store::Result;
use task_state_host::store::redis::RedisStore;
use task_state_tests::proxy::{Fault, Trigger};

use crate::fixture::*;
use crate::writes::LARGE;

/// A server with one host that reaches it by way of the proxy, and with another writer.
struct Contest {
    fixture: Fixture,
    ours: Arc<RedisStore>,
    theirs: Arc<RedisStore>,
}

impl Contest {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let ours = fixture.host(|options| options.response_timeout = Duration::from_secs(30)).await;
        // Every script has been sent before: a fault meets the operation itself.
        let id = save(&ours, draft("warm")).await;
        ours.change(&id, Change::logs(["warm"]), &Access::ANY).await.unwrap();
        ours.delete(&id, &Access::ANY).await.unwrap();
        let theirs = fixture.store.clone();
        Self { fixture, ours, theirs }
    }

    /// Starts an operation of ours whose answer is lost, lets the other writer work after it was executed, and gives the
    /// answer to the second copy. Some requests that write may go by first.
    async fn interrupt<T>(&self, after: u64, operation: impl Future<Output = Result<T>>, meanwhile: impl Future) -> T {
        let injected = self.fixture.proxy.inject(Trigger::when(writes).after(after), Fault::StallReply);
        let others = async {
            soon("execution", injected.until_executed()).await;
            meanwhile.await;
            // Only now may the host try again.
            self.fixture.proxy.cut_all();
        };
        tokio::join!(operation, others).0.unwrap()
    }

    async fn messages(&self, id: &str) -> Vec<String> {
        messages(&get(&self.theirs, &task_id(id)).await)
    }
}

#[tokio::test]
async fn a_delete_that_is_tried_again_leaves_a_task_that_was_saved_meanwhile() {
    let contest = Contest::new().await;
    let id = save(&contest.theirs, logged_draft("1", ["old"])).await;
    let ours = contest.ours.delete(&id, &Access::ANY);
    let theirs = contest.theirs.save(logged_draft("1", ["new"]), Precondition::Absent, &Access::ANY);
    assert!(contest.interrupt(0, ours, theirs).await);
    assert_eq!(contest.messages("1").await, ["new"]);
}

#[tokio::test]
async fn a_save_that_is_tried_again_overwrites_no_later_save() {
    let contest = Contest::new().await;
    for (id, length) in [("small", 10), ("large", LARGE)] {
        save(&contest.theirs, logged_draft(id, ["old"])).await;
        // The first script takes the task for a new one, and finds that it is not.
        let ours = contest.ours.save(logged_draft(id, ["x".repeat(length)]), Precondition::None, &Access::ANY);
        let theirs = save(&contest.theirs, logged_draft(id, ["theirs"]));
        assert_eq!(contest.interrupt(1, ours, theirs).await.as_str(), id);
        assert_eq!(contest.messages(id).await, ["theirs"]);
    }
}

#[tokio::test]
async fn a_save_that_is_tried_again_brings_back_no_deleted_task() {
    let contest = Contest::new().await;
    for only_if in [Precondition::None, Precondition::Absent] {
        let ours = contest.ours.save(draft("1"), only_if, &Access::ANY);
        let theirs = async { assert!(contest.theirs.delete(&task_id("1"), &Access::ANY).await.unwrap()) };
        contest.interrupt(0, ours, theirs).await;
        assert!(matches!(contest.theirs.get(&task_id("1"), &Access::ANY).await, Err(Error::NotFound)));
    }
}

#[tokio::test]
async fn an_append_that_is_tried_again_does_not_get_into_a_task_that_was_saved_meanwhile() {
    let contest = Contest::new().await;
    let id = save(&contest.theirs, draft("1")).await;
    let ours = contest.ours.change(&id, Change::logs(["ours"]), &Access::ANY);
    let theirs = save(&contest.theirs, logged_draft("1", ["theirs"]));
    assert_eq!(contest.interrupt(0, ours, theirs).await, Status::Pending);
    assert_eq!(contest.messages("1").await, ["theirs"]);
}

#[tokio::test]
async fn a_status_that_is_tried_again_undoes_no_later_one() {
    let contest = Contest::new().await;
    let id = save(&contest.theirs, draft("1")).await;
    let ours = contest.ours.change(&id, Change::status(Status::Running), &Access::ANY);
    let theirs = contest.theirs.change(&id, Change::status(Status::Completed).log("done"), &Access::ANY);
    assert_eq!(contest.interrupt(0, ours, theirs).await, Status::Running);
    assert_eq!(get(&contest.theirs, &id).await.status(), Status::Completed);
    assert_eq!(contest.messages("1").await, ["done"]);
}
