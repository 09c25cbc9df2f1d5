//! A task as the store holds it.

use crate::{Priority, TaskStatus};

/// Methods that set the field of their name.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident $(<$item:ident: $bound:path>)? ($value:ident: $type:ty) = $set:expr;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name $(<$item: $bound>)? (mut self, $value: $type) -> Self {
            self.$name = $set;
            self
        }
    )+};
}
pub(crate) use setters;

/// A task as the store holds it.
///
/// Times are ISO 8601 with a numeric offset, such as `2025-11-17T10:00:16.515926+09:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskRecord {
    /// Its id, unique in the store.
    pub task_id: String,
    /// The service that it belongs to.
    pub service: String,
    /// The user for whom it is done.
    pub user_id: String,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// A JSON object, as text.
    pub parameters: String,
    /// Identifiers that external schedulers gave to the task's jobs.
    pub active_jobs: Vec<String>,
    /// When it was registered.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Entries of the form `<time>,<message>`, oldest first. [`entries`](Self::entries) takes them apart.
    pub logs: Vec<String>,
    /// What the workload left behind.
    pub result: TaskResult,
    /// How urgent it is.
    pub priority: Priority,
}

impl TaskRecord {
    /// The log, oldest entry first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = LogEntry<'_>> + ExactSizeIterator {
        self.logs.iter().map(|entry| LogEntry::parse(entry))
    }
}

/// An entry of a task's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogEntry<'a> {
    /// When it was made; empty if the entry, which anyone may have written, has no comma.
    pub at: &'a str,
    /// What it says.
    pub message: &'a str,
}

impl<'a> LogEntry<'a> {
    fn parse(entry: &'a str) -> Self {
        let (at, message) = entry.split_once(',').unwrap_or(("", entry));
        Self { at, message }
    }
}

/// What the workload of a task left behind. As a change it overwrites the fields that are present.
///
/// ```
/// use task_state_guest::TaskResult;
///
/// let change = TaskResult::new().launcher_output("42 rows");
/// assert_eq!(change.pod_status, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskResult {
    /// A snapshot of the workload's pod, as text.
    pub pod_status: Option<String>,
    /// Standard output and standard error of the workload, as one text.
    pub launcher_output: Option<String>,
}

impl TaskResult {
    /// A result without any field.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The same result with another pod status.
        pod_status(text: impl Into<String>) = Some(text.into());
        /// The same result with another launcher output.
        launcher_output(text: impl Into<String>) = Some(text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_time_and_whatever_follows_the_first_comma() {
        assert_eq!(
            LogEntry::parse("2025-11-17T10:00:16+09:00,a, b"),
            LogEntry { at: "2025-11-17T10:00:16+09:00", message: "a, b" }
        );
        assert_eq!(LogEntry::parse("no time"), LogEntry { at: "", message: "no time" });
    }
}
