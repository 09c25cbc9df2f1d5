//! `dms:task-state/current-task`: the one task that the guest works on. It needs no grant.

use super::TaskStateCtx;
use super::bindings::dms::task_state::current_task::Host;
use super::bindings::dms::task_state::types::{Error, TaskRecord, TaskResult, TaskStatus};
use crate::record::{Change, Progress, Status};
use crate::store;

/// A change with the log entry that came with it.
pub(super) fn with_entry(change: Change, entry: Option<String>) -> Change {
    match entry {
        Some(message) => change.log(message),
        None => change,
    }
}

impl TaskStateCtx {
    fn answer(&self, status: store::Result<Status>) -> Result<TaskStatus, Error> {
        status.map(Into::into).map_err(|error| self.errors.for_guest(error))
    }

    async fn change_current(&mut self, call: &'static str, change: Change) -> Result<TaskStatus, Error> {
        let _call = self.begin(call).await?;
        self.usage.admit_change(&change)?;
        let status = self.task.change(self.redaction.change(change)).await;
        self.answer(status)
    }
}

impl Host for TaskStateCtx {
    async fn get(&mut self) -> Result<TaskRecord, Error> {
        let _call = self.begin("current-task.get").await?;
        let task = self.task.get().await.map_err(|error| self.errors.for_guest(error))?;
        Ok((&task).into())
    }

    async fn set_status(&mut self, status: TaskStatus, log_entry: Option<String>) -> Result<TaskStatus, Error> {
        let change = with_entry(Change::status(status.into()), log_entry);
        self.change_current("current-task.set-status", change).await
    }

    async fn log(&mut self, message: String) -> Result<TaskStatus, Error> {
        let _call = self.begin("current-task.log").await?;
        self.usage.admit_entry(&message)?;
        let status = self.task.log(self.redaction.text(message)).await;
        self.answer(status)
    }

    async fn flush(&mut self) -> Result<TaskStatus, Error> {
        let _call = self.begin("current-task.flush").await?;
        let status = self.task.flush().await;
        self.answer(status)
    }

    async fn set_progress(&mut self, done: u64, total: Option<u64>, note: Option<String>) -> Result<TaskStatus, Error> {
        let _call = self.begin("current-task.set-progress").await?;
        self.usage.admit_note(note.as_deref())?;
        let progress = Progress::new(done, total, self.redaction.option(note))?;
        let status = self.task.set_progress(progress).await;
        self.answer(status)
    }

    async fn update_result(&mut self, change: TaskResult) -> Result<TaskStatus, Error> {
        self.change_current("current-task.update-result", Change::result(change.into())).await
    }

    async fn set_active_jobs(&mut self, jobs: Vec<String>) -> Result<TaskStatus, Error> {
        self.change_current("current-task.set-active-jobs", Change::active_jobs(jobs)).await
    }

    async fn cancel_requested(&mut self) -> bool {
        // It has no way to fail.
        let _call = self.begin("current-task.cancel-requested").await;
        self.task.cancel_requested().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether a task was asked to stop is not known");
            false
        })
    }
}
