//! The store that the guests' host is given: the one that is measured, and a look at the server's counters when a guest
//! says that its measurement begins or ends.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use task_state_host::record::{Change, Status, TaskId};
use task_state_host::store::{Access, Error, Result, SharedStore};
use task_state_tests::wrapped_store::{Around, WrappedStore};

use crate::meter::{Meter, Spent};

/// The entry after which a measurement begins. The plugin knows it too.
const BEGIN: &str = "mark-begin";

/// The entry before which it ends.
const END: &str = "mark-end";

/// A store whose server is looked at between two entries.
pub(crate) type ProbedStore = WrappedStore<Probe>;

/// Looks at the server's counters between two entries.
#[derive(Debug)]
pub(crate) struct Probe {
    meter: Meter,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    begin: Option<Spent>,
    spent: Spent,
}

impl Probe {
    pub(crate) fn around(store: SharedStore, meter: Meter) -> Arc<ProbedStore> {
        Arc::new(WrappedStore { store, around: Self { meter, state: Mutex::default() } })
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
impl Around for Probe {
    async fn change(&self, store: &SharedStore, id: &TaskId, change: Change, access: &Access) -> Result<Status> {
        let is_mark = |mark: &str| matches!(change.entries.as_slice(), [entry] if entry.message == mark);
        let begins = is_mark(BEGIN);
        if is_mark(END) {
            self.end().await.map_err(broken)?;
        }
        let status = store.change(id, change, access).await?;
        if begins {
            self.begin().await.map_err(broken)?;
        }
        Ok(status)
    }
}
