//! A run, from outside: its handle and its outcome.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::SetOnce;

use super::RunEvents;
use super::claimed_task::ClaimedTask;
use super::events::Events;
use crate::record::{Status, TaskId, TaskRecord};
use crate::store::{self, Access, SharedStore};

/// What the log of a task says that was cancelled through its [`Run`].
const CANCELLED: &str = "cancellation requested by the host";

/// Why a run did not start. Nothing was written, except as the store's errors say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store did not give the task to the run.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// As many runs as may wait are waiting already.
    #[error("the host is full: {running} runs are under way and {queued} are waiting")]
    Full {
        /// How many run.
        running: usize,
        /// How many wait.
        queued: usize,
    },
    /// The host is shutting down.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// A directory that the plugin is lent cannot be opened.
    #[error("cannot lend the directory {path:?} of capabilities.directories: {error}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The value of a secret cannot be read, or cannot be kept secret.
    #[error("cannot read the secret {name} of capabilities.secrets: {why}")]
    Secret {
        /// Its name.
        name: String,
        /// Why not; nothing of the value is in it.
        why: String,
    },
    /// The input cannot be opened.
    #[error("cannot read the input {path:?}: {error}")]
    Input {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A run that is under way. It goes on when its handles are dropped. Cheap to clone; all clones are the same run.
#[derive(Debug, Clone)]
pub struct Run(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    task_id: TaskId,
    /// None if the task had been asked to stop before it started.
    task: Option<Arc<ClaimedTask>>,
    events: Events,
    outcome: SetOnce<Outcome>,
}

/// Tells the outcome of a run to all who hold it. If it is dropped before, the host has ended, and that is told.
pub(super) struct Ending(Run);

/// How a run has ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The status that the run came to. The stored one, unless the store could not be reached; `cancelled` if the task
    /// was gone.
    pub status: Status,
    /// Whether the task is in the queue again: the attempt has failed, and another follows. The status is `running` then.
    pub is_retried: bool,
    /// Whether the store has it; the error if the task was deleted or given to another owner in the meantime, or the
    /// store could not be reached.
    pub written: store::Result<()>,
    pub(super) location: Option<Location>,
}

/// Where the task of a run is.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) store: SharedStore,
    pub(super) id: TaskId,
    pub(super) access: Access,
}

impl Outcome {
    /// Reads the task's record as it is now. Others may have changed it since the run ended.
    ///
    /// # Errors
    /// Why the status was not [written](Self::written), or the record cannot be read.
    pub async fn task(&self) -> store::Result<TaskRecord> {
        self.written.clone()?;
        let Some(Location { store, id, access }) = &self.location else { return Err(store::Error::NotFound) };
        store.get(id, access).await
    }
}

impl Run {
    pub(super) fn new(task_id: TaskId, task: Option<Arc<ClaimedTask>>, events: Events) -> Self {
        Self(Arc::new(Shared { task_id, task, events, outcome: SetOnce::new() }))
    }

    /// The task that is run.
    pub fn task_id(&self) -> &TaskId {
        &self.0.task_id
    }

    /// The same, as the run has it.
    pub(super) fn claimed(&self) -> Option<&Arc<ClaimedTask>> {
        self.0.task.as_ref()
    }

    /// Asks the task to stop: it becomes `cancel_requested`, the guest has its grace period, and is then interrupted.
    /// May be called from any thread, any number of times. Nothing happens if the guest has ended, and its end is being
    /// written.
    pub fn cancel(&self) {
        self.cancel_for(CANCELLED);
    }

    /// The same. False if the guest has ended: the task may be tried again.
    pub(crate) fn cancel_if_open(&self) -> bool {
        self.cancel_for(CANCELLED)
    }

    /// The same, with what the task's log is to say.
    pub(super) fn cancel_for(&self, notice: &str) -> bool {
        self.claimed().is_none_or(|task| task.cancel(notice))
    }

    /// Subscribes to what happens in the run from now on; the present status comes first. Whoever is to miss nothing
    /// subscribes before the start: [`RunRequest::events`](super::RunRequest::events).
    pub fn events(&self) -> RunEvents {
        self.0.events.subscribe()
    }

    /// Waits for the end of the run.
    pub async fn wait(self) -> Outcome {
        self.0.outcome.wait().await.clone()
    }

    /// How its outcome is told. There is one who tells it.
    pub(super) fn ending(&self) -> Ending {
        Ending(self.clone())
    }
}

impl Ending {
    /// Tells whoever has subscribed that nothing more happens.
    pub(super) fn end_events(&self) {
        self.0.0.events.end();
    }

    /// Tells the outcome.
    pub(super) fn tell(self, outcome: Outcome) {
        let _ = self.0.0.outcome.set(outcome);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let outcome = &self.0.0.outcome;
        if !outcome.initialized() {
            let written = Err(store::Error::Unavailable("the host has ended before the run did".to_owned()));
            let _ = outcome.set(Outcome { status: Status::Failed, is_retried: false, written, location: None });
        }
    }
}
