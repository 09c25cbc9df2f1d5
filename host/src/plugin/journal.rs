//! What a run says of its task, in the order in which it is said.
//!
//! Log entries are held back for a moment, so that several are written together; whatever follows them goes with them
//! or after them. Every answer of the store passes here, which is how a run learns that it was asked to stop, or that
//! its task is gone.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;
use crate::imports::{CurrentTask, Underway};
use crate::record::{Change, Entry, Status, TaskId, TaskRecord};
use crate::store::{Access, Error, Owners, Result, RunId, SharedStore};

/// How long an entry is held back. What a guest is promised is 100 ms, and writing takes some of it.
pub(super) const HOLD: Duration = Duration::from_millis(50);

/// The most entries, and bytes of their messages, that are held back.
const MAX_ENTRIES: usize = 1_000;
const MAX_BYTES: usize = 1 << 20;

/// For how long a status that the store has told is good enough to answer whether the task was asked to stop.
const FRESH: Duration = Duration::from_millis(100);

/// One run's way to its task.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) store: SharedStore,
    pub(super) id: TaskId,
    /// The task, while this run holds it.
    pub(super) during: Access,
    /// The task, whoever holds it.
    pub(super) access: Access,
    /// Held while entries are on their way to the store, so that nothing overtakes them.
    writing: tokio::sync::Mutex<()>,
    pub(super) state: Mutex<State>,
    /// The guest's calls on the store that are under way.
    calls: Arc<AtomicUsize>,
    /// Something is to be written or asked.
    pub(super) work: Notify,
    /// The guest may have to stop.
    pub(super) halt: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    held: Vec<Entry>,
    held_bytes: usize,
    /// When the entries are to be written.
    pub(super) due: Option<Instant>,
    /// Why entries whose call was answered with ok were not written.
    late: Option<Error>,
    /// The status last known, and when the store told it.
    status: Status,
    pub(super) seen: Instant,
    /// When the host last asked for it.
    pub(super) asked: Instant,
    /// When the task was first seen to have been asked to stop. It stays, whatever is saved.
    pub(super) cancelled: Option<Instant>,
    /// What the host's own cancellation is to say, until it is written.
    pub(super) notice: Option<String>,
    /// Why the task is this run's no more.
    pub(super) gone: Option<Error>,
    /// The guest makes no more calls.
    pub(super) closed: bool,
}

impl Journal {
    /// The journal of a run that has just claimed its task.
    pub(super) fn new(store: SharedStore, task: &TaskRecord, run: RunId) -> Result<Self> {
        let access = Access::of(Owners::only(task.service(), task.user_id()));
        Ok(Self {
            store,
            id: TaskId::stored(task.task_id())?,
            during: access.clone().during(run),
            access,
            writing: tokio::sync::Mutex::default(),
            state: Mutex::new(State {
                held: Vec::new(),
                held_bytes: 0,
                due: None,
                late: None,
                status: task.status(),
                seen: Instant::now(),
                asked: Instant::now(),
                cancelled: None,
                notice: None,
                gone: None,
                closed: false,
            }),
            calls: Arc::default(),
            work: Notify::new(),
            halt: Notify::new(),
        })
    }

    /// Whether a call of the guest on the store is under way.
    pub(super) fn is_calling(&self) -> bool {
        self.calls.load(Ordering::Acquire) > 0
    }

    /// Takes note of what the store has answered about the task.
    pub(super) fn note<T>(&self, answer: &Result<T>, status: impl FnOnce(&T) -> Status) {
        match answer {
            Ok(value) => self.note_status(status(value)),
            Err(Error::InvalidTransition(refusal)) => self.note_status(refusal.from),
            Err(error @ (Error::NotFound | Error::Denied(_))) => {
                lock(&self.state).gone.get_or_insert_with(|| error.clone());
                self.halt.notify_one();
            }
            Err(_) => {}
        }
    }

    fn note_status(&self, status: Status) {
        let mut state = lock(&self.state);
        (state.status, state.seen) = (status, Instant::now());
        if is_cancellation(status) && state.cancelled.is_none() {
            state.cancelled = Some(Instant::now());
            self.halt.notify_one();
        }
    }

    /// Makes a change to the task, with the entries before it in the same step.
    ///
    /// If the store refuses the change, the entries are written without it.
    pub(super) async fn write(&self, change: Change) -> Result<Status> {
        let _turn = self.writing.lock().await;
        let held = self.take_held()?;
        let answer = if held.is_empty() {
            self.store.change(&self.id, change, &self.during).await
        } else {
            let alone = Change { entries: held.clone(), ..Change::default() };
            match self.store.change(&self.id, after(held, change), &self.during).await {
                Err(error @ (Error::InvalidTransition(_) | Error::InvalidValue(_) | Error::Failed(_))) => {
                    self.store.change(&self.id, alone, &self.during).await.and(Err(error))
                }
                answer => answer,
            }
        };
        self.note(&answer, |status| *status);
        answer
    }

    /// Writes what is held back. A failure is the answer of the guest's next call.
    pub(super) async fn write_held(&self) {
        if let Err(error) = self.settle().await {
            tracing::warn!(task = %self.id, %error, "log entries were not written");
            lock(&self.state).late.get_or_insert(error);
        }
    }

    /// Writes what is held back, if anything is, and then knows the task's status.
    async fn settle(&self) -> Result<Option<Status>> {
        let _turn = self.writing.lock().await;
        let held = self.take_held()?;
        if held.is_empty() {
            return Ok(None);
        }
        let entries = Change { entries: held, ..Change::default() };
        let answer = self.store.change(&self.id, entries, &self.during).await;
        self.note(&answer, |status| *status);
        answer.map(Some)
    }

    /// The entries that are held back, which the caller is to write; or the failure of those before them.
    fn take_held(&self) -> Result<Vec<Entry>> {
        let mut state = lock(&self.state);
        if let Some(error) = state.late.take() {
            return Err(error);
        }
        Ok(state.take_held())
    }

    /// The last change of the run, with what is left to be written before it.
    pub(super) async fn closing(&self, change: Change) -> Change {
        let _turn = self.writing.lock().await;
        let mut state = lock(&self.state);
        let mut held = state.take_held();
        if let Some(message) = state.notice.take() {
            held.push(Entry { at: Some(self.store.now()), message });
        }
        after(held, change)
    }

    /// Holds an entry back, unless there is no room for it.
    fn hold(&self, message: String) -> Result<std::result::Result<Status, String>> {
        let mut state = lock(&self.state);
        if let Some(error) = state.late.take() {
            return Err(error);
        }
        if state.held.len() >= MAX_ENTRIES || state.held_bytes + message.len() > MAX_BYTES {
            return Ok(Err(message));
        }
        state.held_bytes += message.len();
        state.held.push(Entry { at: Some(self.store.now()), message });
        if state.due.is_none() {
            state.due = Some(Instant::now() + HOLD);
            self.work.notify_one();
        }
        Ok(Ok(state.status))
    }

    /// Asks the store for the task's status.
    pub(super) async fn ask(&self) -> Result<Status> {
        let answer = self.store.status(&self.id, &self.during).await;
        self.note(&answer, |status| *status);
        answer
    }

    /// Makes a call of the guest. It never comes back to a guest that is to make no more of them: such a one is stopped
    /// where it waits.
    async fn guest<T>(&self, call: impl Future<Output = T>) -> T {
        self.may_go_on().await;
        let underway = Underway::count(&self.calls);
        let answer = call.await;
        drop(underway);
        self.may_go_on().await;
        answer
    }

    async fn may_go_on(&self) {
        let stop = {
            let state = lock(&self.state);
            state.closed || state.gone.is_some()
        };
        if stop {
            pending().await
        }
    }
}

impl State {
    fn take_held(&mut self) -> Vec<Entry> {
        self.held_bytes = 0;
        self.due = None;
        std::mem::take(&mut self.held)
    }
}

/// Whether a task in this status was asked to stop.
fn is_cancellation(status: Status) -> bool {
    matches!(status, Status::CancelRequested | Status::Cancelled)
}

/// A change with entries that come before its own.
fn after(mut entries: Vec<Entry>, mut change: Change) -> Change {
    entries.append(&mut change.entries);
    Change { entries, ..change }
}

#[async_trait]
impl CurrentTask for Journal {
    async fn enter(&self) -> Result<Underway> {
        self.may_go_on().await;
        let underway = Underway::count(&self.calls);
        let settled = self.settle().await;
        if lock(&self.state).gone.is_some() {
            drop(underway);
            return pending().await;
        }
        settled.map(|_| underway)
    }

    fn saw(&self, id: &TaskId, status: Status) {
        if *id == self.id {
            self.note_status(status);
        }
    }

    async fn get(&self) -> Result<TaskRecord> {
        self.guest(async {
            self.settle().await?;
            let answer = self.store.get(&self.id, &self.during).await;
            self.note(&answer, TaskRecord::status);
            answer
        })
        .await
    }

    async fn change(&self, change: Change) -> Result<Status> {
        self.guest(self.write(change)).await
    }

    async fn log(&self, message: String) -> Result<Status> {
        self.may_go_on().await;
        match self.hold(message)? {
            Ok(status) => Ok(status),
            Err(message) => self.change(Change::default().log_at(self.store.now(), message)).await,
        }
    }

    async fn flush(&self) -> Result<Status> {
        self.guest(async {
            match self.settle().await? {
                Some(status) => Ok(status),
                None => self.ask().await,
            }
        })
        .await
    }

    async fn cancel_requested(&self) -> Result<bool> {
        let known = {
            let state = lock(&self.state);
            state.cancelled.is_some() || state.seen.elapsed() < FRESH
        };
        if !known {
            // Without an answer, what was known before is the answer.
            let _ = self.guest(self.ask()).await;
        }
        self.may_go_on().await;
        Ok(lock(&self.state).cancelled.is_some())
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
