//! What a plugin has left in a test.

use super::session::Session;
use super::store::Store;
use crate::{LogEntry, TaskRecord, TaskStatus};

/// How far a task has come: see [`current_task::set_progress`](crate::current_task::set_progress).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Units that are done.
    pub done: u64,
    /// Units that there are, if that is known.
    pub total: Option<u64>,
    /// What is done now.
    pub note: Option<String>,
}

/// A run that has ended, and the store as it is then.
#[derive(Debug)]
#[must_use = "it says what the plugin has left"]
pub struct Run {
    store: Store,
    task_id: String,
    statuses: Vec<TaskStatus>,
    failure: Option<String>,
    output: String,
    progress: Option<Progress>,
}

impl Run {
    /// What a run has left, which has ended.
    pub(super) fn new(session: &mut Session, task_id: String, failure: Option<String>, printed: &[u8]) -> Self {
        Self {
            store: std::mem::take(&mut session.store),
            task_id,
            statuses: std::mem::take(&mut session.statuses),
            failure,
            output: String::from_utf8_lossy(printed).into_owned(),
            progress: session.progress.take(),
        }
    }

    /// The task as it is now.
    ///
    /// # Panics
    /// If the plugin has deleted it.
    #[track_caller]
    pub fn task(&self) -> &TaskRecord {
        self.get(&self.task_id).unwrap_or_else(|| panic!("the plugin has deleted its task {:?}", self.task_id))
    }

    /// The status that the task is in now.
    ///
    /// # Panics
    /// If the plugin has deleted it.
    #[track_caller]
    pub fn status(&self) -> TaskStatus {
        self.task().status
    }

    /// Every status that the task was in, in order, each once in a row; the first is `running`.
    pub fn statuses(&self) -> &[TaskStatus] {
        &self.statuses
    }

    /// What the entries of the task's log say, oldest first. [`TaskRecord::entries`] has their times.
    ///
    /// # Panics
    /// If the plugin has deleted the task.
    #[track_caller]
    pub fn messages(&self) -> Vec<&str> {
        self.task().entries().map(|LogEntry { message, .. }| message).collect()
    }

    /// The text with which the plugin has failed: what its error says, followed by its sources.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// All that the plugin has written to [`output`](crate::output), as text. The task's `launcher_output` has the end of
    /// it, unless the plugin has set that itself.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The progress that the plugin has told last.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// A task of the store by its id, whether or not the plugin may see it.
    pub fn get(&self, task_id: &str) -> Option<&TaskRecord> {
        self.store.find(task_id).ok()
    }

    /// All tasks of the store, in the order of a listing.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskRecord> {
        self.store.tasks()
    }
}
