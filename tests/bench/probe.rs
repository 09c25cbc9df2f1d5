//! The store that the guests' host is given: the one that is measured, and a look at the server's counters when a guest
//! says that its measurement begins or ends.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use task_state_host::record::{Change, Draft, Status, TaskId, TaskRecord, Timestamp};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{
    Access, Claim, Claimed, Counts, Error, Owners, Page, Precondition, Progress, Query, Report, Result, Scope,
    TaskStore,
};

use crate::meter::{Meter, Spent};

/// The entry after which a measurement begins. The plugin knows it too.
const BEGIN: &str = "mark-begin";

/// The entry before which it ends.
const END: &str = "mark-end";

/// A store that looks at the server's counters between two entries.
#[derive(Debug)]
pub(crate) struct Probe {
    store: Arc<RedisStore>,
    meter: Meter,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    begin: Option<Spent>,
    spent: Spent,
}

impl Probe {
    pub(crate) fn new(store: Arc<RedisStore>, meter: Meter) -> Self {
        Self { store, meter, state: Mutex::default() }
    }

    /// What was spent between the marks since this was last asked.
    pub(crate) fn take(&self) -> Spent {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).spent)
    }

    async fn begin(&self) -> anyhow::Result<()> {
        let now = self.meter.look().await?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).begin = Some(now);
        Ok(())
    }

    async fn end(&self) -> anyhow::Result<()> {
        let begin = self.state.lock().unwrap_or_else(PoisonError::into_inner).begin.take();
        if let Some(begin) = begin {
            let spent = self.meter.since(begin).await?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.spent = state.spent + spent;
        }
        Ok(())
    }
}

fn broken(error: anyhow::Error) -> Error {
    Error::Failed(format!("the meter is broken: {error:#}"))
}

#[async_trait]
impl TaskStore for Probe {
    async fn change(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let mark = match change.entries.as_slice() {
            [entry] if entry.message == BEGIN => Some(BEGIN),
            [entry] if entry.message == END => Some(END),
            _ => None,
        };
        if mark == Some(END) {
            self.end().await.map_err(broken)?;
        }
        let status = self.store.change(id, change, access).await?;
        if mark == Some(BEGIN) {
            self.begin().await.map_err(broken)?;
        }
        Ok(status)
    }

    async fn next_task_id(&self) -> Result<String> {
        self.store.next_task_id().await
    }

    async fn peek_next_task_id(&self) -> Result<String> {
        self.store.peek_next_task_id().await
    }

    async fn save(&self, draft: Draft, only_if: Precondition, access: &Access) -> Result<TaskId> {
        self.store.save(draft, only_if, access).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed> {
        self.store.claim(claim).await
    }

    async fn get(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        self.store.get(id, access).await
    }

    async fn status(&self, id: &TaskId, access: &Access) -> Result<Status> {
        self.store.status(id, access).await
    }

    async fn delete(&self, id: &TaskId, access: &Access) -> Result<bool> {
        self.store.delete(id, access).await
    }

    async fn list(&self, query: &Query) -> Result<Page> {
        self.store.list(query).await
    }

    async fn count(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        self.store.count(scope, owners).await
    }

    async fn users(&self, service: &str) -> Result<Vec<String>> {
        self.store.users(service).await
    }

    async fn follow(&self, id: &TaskId, skip: usize, access: &Access) -> Result<BoxStream<'static, Result<Progress>>> {
        self.store.follow(id, skip, access).await
    }

    async fn check(&self, repair: bool) -> Result<Report> {
        self.store.check(repair).await
    }

    async fn maintain(&self) {
        self.store.maintain().await;
    }

    fn now(&self) -> Timestamp {
        self.store.now()
    }

    fn location(&self) -> String {
        self.store.location()
    }
}
