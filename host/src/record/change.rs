//! Every mutation of a task that exists, and the one function that makes it.

use super::{Priority, Progress, Restoration, Status, TaskRecord, TaskResult, Timestamp, TransitionRule, later_than};

/// A change to a task: any combination of a status, log entries, result fields and active jobs, made in one step.
///
/// ```
/// use task_state_host::record::{Change, Status};
///
/// let change = Change::status(Status::Running).log("worker started");
/// # assert_eq!(change.entries.len(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where the task moves to.
    pub status: Option<StatusChange>,
    /// Log entries to add, in order.
    pub entries: Vec<Entry>,
    /// Result fields to overwrite.
    pub result: TaskResult,
    /// What replaces the identifiers of the task's jobs.
    pub active_jobs: Option<Vec<String>>,
    /// What `launcher_output` becomes, unless somebody else has set it.
    pub output: Option<OutputChange>,
    /// How far the task has come. It is kept beside the record.
    pub progress: Option<Progress>,
    /// How urgent the task is. One that waits in the queue has another place there then.
    pub priority: Option<Priority>,
    /// What is to be there again, should a writer without a guard have replaced the record by an older one. It comes
    /// before the rest of the change.
    pub restoration: Option<Restoration>,
}

/// What a run's host has of the output of its guest. It takes the place of what the host has written before, and of
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputChange {
    /// What `launcher_output` may be at present: absent, or what the host has written before. Two texts if it is not
    /// known whether the last write was made.
    pub replaces: Vec<Option<String>>,
    /// What it becomes.
    pub text: String,
}

/// Where a change moves a task to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusChange {
    /// To this status, if the rule allows it.
    To(Status),
    /// The end of a run: to this status, unless the task is already in a terminal one, which stands. A task that was
    /// asked to stop is cancelled rather than completed.
    Finish {
        /// The status.
        status: Status,
    },
}

/// A log entry to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was made: the time of the change, if absent.
    pub at: Option<Timestamp>,
    /// What it says.
    pub message: String,
}

impl Change {
    /// A move to a status.
    pub fn status(status: Status) -> Self {
        Self { status: Some(StatusChange::To(status)), ..Self::default() }
    }

    /// The end of a run: see [`StatusChange::Finish`].
    pub fn finish(status: Status) -> Self {
        Self { status: Some(StatusChange::Finish { status }), ..Self::default() }
    }

    /// New log entries.
    pub fn logs<M: Into<String>>(messages: impl IntoIterator<Item = M>) -> Self {
        messages.into_iter().fold(Self::default(), Change::log)
    }

    /// New result fields.
    pub fn result(result: TaskResult) -> Self {
        Self { result, ..Self::default() }
    }

    /// Other active jobs.
    pub fn active_jobs(jobs: Vec<String>) -> Self {
        Self { active_jobs: Some(jobs), ..Self::default() }
    }

    /// The same change with the output of a run, if there is any.
    pub fn output(self, output: impl Into<Option<OutputChange>>) -> Self {
        Self { output: output.into(), ..self }
    }

    /// The same change with how far the task has come.
    pub fn progress(self, progress: impl Into<Option<Progress>>) -> Self {
        Self { progress: progress.into(), ..self }
    }

    /// What is to be there again.
    pub fn restoration(restoration: Restoration) -> Self {
        Self { restoration: Some(restoration), ..Self::default() }
    }

    /// The same change with one more log entry, stamped when it is made.
    pub fn log(mut self, message: impl Into<String>) -> Self {
        self.entries.push(Entry { at: None, message: message.into() });
        self
    }

    /// The same change with one more log entry, stamped by the caller.
    pub fn log_at(mut self, at: Timestamp, message: impl Into<String>) -> Self {
        self.entries.push(Entry { at: Some(at), message: message.into() });
        self
    }

    /// Another priority.
    pub fn priority(priority: Priority) -> Self {
        Self { priority: Some(priority), ..Self::default() }
    }

    /// Whether of the record the change touches the log alone.
    pub(crate) fn only_logs(&self) -> bool {
        self.status.is_none() && self.is_small()
    }

    /// Whether of the record the change sets nothing but the status and log entries.
    pub(crate) fn is_small(&self) -> bool {
        let sets_a_field = self.active_jobs.is_some() || self.priority.is_some() || self.output.is_some();
        !sets_a_field && self.restoration.is_none() && self.result == TaskResult::default()
    }

    /// Whether the change is that of a progress alone, which leaves the record as it is.
    pub(crate) fn is_beside(&self) -> bool {
        self.progress.is_some() && self.only_logs() && self.entries.is_empty()
    }

    /// Whether the change is the end of a run.
    pub(crate) fn finishes(&self) -> bool {
        matches!(self.status, Some(StatusChange::Finish { .. }))
    }
}

/// The rule does not let a task move as a change asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task may not move from {from} to {to}")]
pub struct InvalidTransition {
    /// The status that the task is in.
    pub from: Status,
    /// The status that it was to move to.
    pub to: Status,
}

/// Makes a change to a record: all of it, or nothing.
///
/// `updated_at` becomes `now`, or the microsecond after its old value if that is later, unless the change leaves the record
/// as it is: that of a progress alone. Returns the status that the
/// task is in after the change.
///
/// # Errors
/// [`InvalidTransition`] if the rule does not allow the move; the record is as it was.
pub fn apply(
    record: &mut TaskRecord,
    change: &Change,
    now: &Timestamp,
    rule: TransitionRule,
) -> Result<Status, InvalidTransition> {
    let before = match &change.restoration {
        Some(restoration) => restoration.status_in(record),
        None => record.status(),
    };
    let status = next_status(before, change.status.as_ref(), rule)?;
    if let Some(restoration) = &change.restoration {
        restoration.restore(record);
    }
    record.set_status(status);
    for entry in &change.entries {
        record.push_log(&wire_entry(entry, now));
    }
    if let Some(text) = &change.result.pod_status {
        record.set_pod_status(text);
    }
    if let Some(text) = &change.result.launcher_output {
        record.set_launcher_output(text);
    }
    if let Some(OutputChange { replaces, text }) = &change.output
        && replaces.contains(&record.result().launcher_output)
    {
        record.set_launcher_output(text);
    }
    if let Some(jobs) = &change.active_jobs {
        record.set_active_jobs(jobs);
    }
    if let Some(priority) = change.priority {
        record.set_priority(priority);
    }
    if !change.is_beside() {
        record.set_updated_at(later_than(record.updated_at(), now));
    }
    Ok(status)
}

/// The status after a change, under a rule.
pub(crate) fn next_status(
    from: Status,
    change: Option<&StatusChange>,
    rule: TransitionRule,
) -> Result<Status, InvalidTransition> {
    match change {
        None => Ok(from),
        Some(&StatusChange::To(to)) if rule.allows(from, to) => Ok(to),
        Some(&StatusChange::To(to)) => Err(InvalidTransition { from, to }),
        Some(StatusChange::Finish { .. }) if from.is_terminal() => Ok(from),
        Some(StatusChange::Finish { status: Status::Completed }) if from == Status::CancelRequested => {
            Ok(Status::Cancelled)
        }
        Some(&StatusChange::Finish { status }) => Ok(status),
    }
}

/// An entry as the log holds it.
pub(crate) fn wire_entry(entry: &Entry, now: &Timestamp) -> String {
    // A caller's own spelling of a time may have a comma in it.
    match &entry.at {
        Some(at) if at.as_str().contains(',') => format!("{},{}", at.to_isoformat(), entry.message),
        at => format!("{},{}", at.as_ref().unwrap_or(now), entry.message),
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
