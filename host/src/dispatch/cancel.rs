//! Stopping a task, wherever it is: in the queue, in a run of this process, or in that of another.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{Dispatcher, Shared};
use crate::plugin::Run;
use crate::record::{Change, Status, TaskId, TaskRecord};
use crate::store::{self, Access, Error, Owners};

/// What the log of a task says that was asked to stop, and of one that had not begun.
const REQUESTED: &str = "cancellation requested";
const NOT_BEGUN: &str = "cancelled before it began";

/// How often the status of a task is looked at that another process runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A task that is to stop, and what the caller believes of it.
#[derive(Debug, Clone)]
pub struct Cancellation {
    /// The task.
    pub task_id: TaskId,
    /// Its service.
    pub service: String,
    /// Its user.
    pub user_id: String,
}

/// Why a task was not asked to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// There is no such task. Should it run, it stops: a run notices that its task is gone.
    #[error("there is no such task")]
    Unknown,
    /// The task had ended in this status before it could be stopped.
    #[error("the task has ended: it is {0}")]
    Ended(Status),
    /// The stored task is of another service or user than the caller believes.
    #[error("the cancellation does not match the stored task")]
    NotTheOwner,
    /// The store did not answer, or refused.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Dispatcher {
    /// Asks a task to stop. Answers once it has: `cancelled`; or after `patience`, when it has been told and goes on for its
    /// grace period: `cancel_requested`.
    ///
    /// # Errors
    /// [`CancelError`].
    pub async fn cancel(&self, cancellation: &Cancellation, patience: Duration) -> Result<Status, CancelError> {
        let shared = &self.0.shared;
        let id = &cancellation.task_id;
        let task = match shared.store().get(id, &Access::ANY).await {
            Err(Error::NotFound) => {
                shared.forget(id).await;
                return Err(CancelError::Unknown);
            }
            found => found?,
        };
        if task.service() != cancellation.service || task.user_id() != cancellation.user_id {
            return Err(CancelError::NotTheOwner);
        }
        if task.status().is_terminal() {
            return Err(CancelError::Ended(task.status()));
        }
        let now = Instant::now();
        let until = now.checked_add(patience).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        let status = match shared.host.run_of(id) {
            Some(run) => shared.stop_run(run, &task, until).await?,
            None => shared.stop_elsewhere(id, &task, until).await?,
        };
        if status.is_terminal() && status != Status::Cancelled { Err(CancelError::Ended(status)) } else { Ok(status) }
    }
}

impl Shared {
    /// Sees to it that a task that is gone is not run.
    async fn forget(&self, id: &TaskId) {
        self.host.run_of(id).iter().for_each(Run::cancel);
        if let Err(error) = self.store().queue().dequeue(id).await {
            tracing::debug!(task = %id, %error, "a task that is gone was left in the queue");
        }
    }

    /// Stops a run of this process. Gives the status to which it comes in time.
    async fn stop_run(&self, run: Run, task: &TaskRecord, until: Instant) -> Result<Status, CancelError> {
        let (id, is_told) = (run.task_id().clone(), run.cancel_if_open());
        match timeout_at(until, run.wait()).await {
            Ok(outcome) if outcome.status.is_terminal() => Ok(outcome.status),
            Err(_) if is_told => Ok(Status::CancelRequested),
            // Its attempt had failed before it could be told, and the task waits for another.
            _ => self.stop_elsewhere(&id, task, until).await,
        }
    }

    /// Stops a task that waits, or that another process runs.
    async fn stop_elsewhere(&self, id: &TaskId, task: &TaskRecord, until: Instant) -> Result<Status, CancelError> {
        let access = Access::of(Owners::only(task.service(), task.user_id()));
        // From here on no run of it begins.
        self.mark(id, Change::status(Status::CancelRequested).log(REQUESTED), &access).await?;
        let mut is_waiting = self.take_out(id, &access).await?;
        loop {
            if is_waiting {
                return self.mark(id, Change::status(Status::Cancelled).log(NOT_BEGUN), &access).await;
            }
            let status = self.store().status(id, &access).await.map_err(unknown)?;
            if status.is_terminal() || Instant::now() >= until {
                return Ok(status);
            }
            // A writer without a guard may have taken back that it was asked to stop.
            if status != Status::CancelRequested {
                self.mark(id, Change::status(Status::CancelRequested), &access).await?;
            }
            sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now()))).await;
            // Its host may have given it back meanwhile.
            is_waiting = self.store().queue().dequeue(id).await?;
        }
    }

    /// Takes a task out of the queue, or makes sure that nobody has it. False if a run does.
    async fn take_out(&self, id: &TaskId, access: &Access) -> Result<bool, CancelError> {
        let queue = self.store().queue();
        if queue.dequeue(id).await? {
            return Ok(true);
        }
        match queue.enqueue(id, Duration::from_secs(3_600), access).await {
            // It was nobody's.
            Ok(true) => Ok(queue.dequeue(id).await?),
            Ok(false) | Err(Error::Held | Error::InvalidTransition(_)) => Ok(false),
            // What can be in no queue waits in none.
            Err(Error::InvalidValue(_)) => Ok(true),
            Err(error) => Err(unknown(error)),
        }
    }

    async fn mark(&self, id: &TaskId, change: Change, access: &Access) -> Result<Status, CancelError> {
        self.store().change(id, change, access).await.map_err(unknown)
    }
}

fn unknown(error: Error) -> CancelError {
    match error {
        Error::NotFound | Error::Denied(_) => CancelError::Unknown,
        Error::InvalidTransition(refused) => CancelError::Ended(refused.from),
        error => CancelError::Store(error),
    }
}
