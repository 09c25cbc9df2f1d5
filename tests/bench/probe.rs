//! The store that the guests' host is given: the one that is measured, and a look at the server's counters when a guest
//! says that its measurement begins or ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// What was spent; between the marks, less what the counters were at the first one.
    spent: Mutex<Spent>,
}

impl Probe {
    pub(crate) fn around(store: SharedStore, meter: Meter) -> Arc<ProbedStore> {
        Arc::new(WrappedStore { store, around: Self { meter, spent: Mutex::default() } })
    }

    /// What was spent between the marks since this was last asked.
    pub(crate) fn take(&self) -> Spent {
        std::mem::take(&mut self.spent())
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
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
            let end = self.meter.since(Spent::default()).await.map_err(broken)?;
            let mut spent = self.spent();
            *spent = *spent + end;
        }
        let status = store.change(id, change, access).await?;
        if begins {
            let begin = self.meter.look().await.map_err(broken)?;
            let mut spent = self.spent();
            *spent = *spent - begin;
        }
        Ok(status)
    }
}
