//! The one task that the host is running the plugin for. It needs no grant, and no id: through these functions a
//! plugin can touch no other task.
//!
//! Every call but [`cancel_requested`] gives an [`Error`](crate::Error) when the host could not do it.
//! [`Error::NotFound`](crate::Error::NotFound) means that the task was deleted or has expired in the meantime.

use crate::host;
use crate::{Result, TaskRecord, TaskResult, TaskStatus};

/// The task as the store holds it now.
///
/// # Errors
/// Why the host could not read it.
pub fn get() -> Result<TaskRecord> {
    host::current_task(|task| task.get())
}

/// Moves the task to a status, with a log entry in the same step if one is given. Returns the status.
///
/// ```no_run
/// use task_state_guest::{TaskStatus, current_task};
/// # fn run() -> task_state_guest::Result<()> {
/// current_task::set_status(TaskStatus::Completed, "all rows imported")?;
/// current_task::set_status(TaskStatus::Completed, None)?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::InvalidTransition`](crate::Error::InvalidTransition) with the status that the task is in, if it may not move
/// to this one.
pub fn set_status<'a>(status: TaskStatus, log_entry: impl Into<Option<&'a str>>) -> Result<TaskStatus> {
    let log_entry = log_entry.into();
    host::current_task(|task| task.set_status(status, log_entry))
}

/// Adds a log entry, stamped now. Returns the status last known.
///
/// The host may hold the entry for up to 100 ms to write several together, so that `Ok` is no acknowledgement: that of
/// [`flush`], or of the next other call, is. Every later call, and the end of the run, come after it in the store.
///
/// # Errors
/// Why the host could not take this entry, or could not write an earlier one.
pub fn log(message: impl AsRef<str>) -> Result<TaskStatus> {
    let message = message.as_ref();
    host::current_task(|task| task.log(message))
}

/// Waits until every entry logged so far is in the store. Returns the task's current status.
///
/// # Errors
/// Why the host could not write an entry.
pub fn flush() -> Result<TaskStatus> {
    host::current_task(|task| task.flush())
}

/// Says how far the task has come: `done` of `total` units of any kind, with a few words on what is done now. All three
/// replace what was said before; a total or a note that is absent is not known. Returns the status last known.
///
/// It is shown to whoever watches the task, and is no part of its record. The host keeps the last value, and may hold it
/// for up to 500 ms, so that `Ok` is no acknowledgement. A call costs little: there is no need to make fewer of them.
///
/// ```no_run
/// use task_state_guest::current_task;
/// # fn run() -> task_state_guest::Result<()> {
/// current_task::set_progress(3, 10, "reading part 4")?;
/// current_task::set_progress(4_096, None, None)?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if `done` is larger than `total`,
/// [`Error::QuotaExceeded`](crate::Error::QuotaExceeded) if the note is longer than 1 KiB.
pub fn set_progress<'a>(
    done: u64,
    total: impl Into<Option<u64>>,
    note: impl Into<Option<&'a str>>,
) -> Result<TaskStatus> {
    let (total, note) = (total.into(), note.into());
    host::current_task(|task| task.set_progress(done, total, note))
}

/// Overwrites the result fields that are present and leaves the others alone. Returns the task's current status.
///
/// ```no_run
/// use task_state_guest::{TaskResult, current_task};
/// # fn run() -> task_state_guest::Result<()> {
/// current_task::update_result(TaskResult::new().launcher_output("42 rows"))?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Why the host could not write them.
pub fn update_result(change: TaskResult) -> Result<TaskStatus> {
    host::current_task(|task| task.update_result(change))
}

/// Replaces the identifiers of the task's jobs. Returns the task's current status.
///
/// # Errors
/// Why the host could not write them.
pub fn set_active_jobs<J: Into<String>>(jobs: impl IntoIterator<Item = J>) -> Result<TaskStatus> {
    let jobs = jobs.into_iter().map(Into::into).collect();
    host::current_task(|task| task.set_active_jobs(jobs))
}

/// Whether someone has asked for the task to stop. A plugin that sees true should clean up and return; one that does not
/// is stopped by the host when its grace period ends.
pub fn cancel_requested() -> bool {
    host::current_task(|task| task.cancel_requested()).unwrap_or(false)
}
