//! Every write of a store to a task, each in one place.

use std::sync::Arc;

use task_state_host::store::Result;
use task_state_host::store::redis::RedisStore;
use task_state_tests::proxy::Trigger;

use super::fixture::*;

/// Larger than what goes through a script's arguments.
pub(crate) const LARGE: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Append,
    Move,
    Finish,
    /// One that rewrites the record.
    ResultText,
    Save,
    /// A document that is staged before its script.
    SaveLarge,
    SaveAbsent,
    Delete,
    ClaimNew,
    ClaimPending,
}

use Write::*;

impl Write {
    pub(crate) const CHANGES: [Self; 4] = [Append, Move, Finish, ResultText];
    pub(crate) const ALL: [Self; 10] =
        [Append, Move, Finish, ResultText, Save, SaveLarge, SaveAbsent, Delete, ClaimNew, ClaimPending];

    pub(crate) fn needs_a_task(self) -> bool {
        !matches!(self, SaveAbsent | ClaimNew)
    }

    /// The request that it is carried out by. A save and a claim take the task for a new one first.
    pub(crate) fn trigger(self) -> Trigger {
        Trigger::when(writes).after(u64::from(matches!(self, Save | SaveLarge | ClaimPending)))
    }

    /// Carries it out, and checks the answer. Each but a delete and a claim leaves the message `entry`.
    pub(crate) async fn carry_out(self, store: &Arc<RedisStore>, id: &str) -> Result<()> {
        let id = task_id(id);
        let change = match self {
            Append => Change::default(),
            Move => Change::status(Status::Running),
            Finish => Change::finish(Status::Completed),
            ResultText => pod("p"),
            Save | SaveLarge | SaveAbsent => {
                let large = "x".repeat(if self == SaveLarge { LARGE } else { 0 });
                let draft = logged_draft(id.as_str(), ["entry", &large]);
                let only_if = if self == SaveAbsent { Precondition::Absent } else { Precondition::None };
                return store.save(draft, only_if, &Access::ANY).await.map(|saved| assert_eq!(saved, id));
            }
            Delete => return store.delete(&id, &Access::ANY).await.map(|found| assert!(found)),
            ClaimNew | ClaimPending => {
                return store.claim(claim(id.as_str())).await.map(|claimed| {
                    assert_eq!((claimed.is_new, claimed.task.status()), (self == ClaimNew, Status::Running));
                });
            }
        };
        store.change(&id, change.log("entry"), &Access::ANY).await.map(|_| ())
    }

    /// How often it has taken effect.
    pub(crate) async fn effects(self, store: &Arc<RedisStore>, id: &str) -> usize {
        let task = match store.get(&task_id(id), &Access::ANY).await {
            Err(Error::NotFound) => return usize::from(self == Delete),
            task => task.unwrap(),
        };
        match self {
            Delete => 0,
            ClaimNew | ClaimPending => usize::from(task.status() == Status::Running),
            _ => messages(&task).iter().filter(|message| *message == "entry").count(),
        }
    }
}
