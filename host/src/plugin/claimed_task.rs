//! The task that a run has claimed. All that the run says of it, and all that the store answers, passes here.
//!
//! Log entries are held back for a moment; what follows them goes with them or after them. From the answers a run learns
//! that it was asked to stop, or that its task is gone.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::events::Events;
use super::held::{Held, Pushed};
use super::known_task::KnownTask;
use super::lock;
use crate::imports::{CurrentTask, Underway};
use crate::record::{Change, Entry, Progress, Restoration, Status, TaskId, TaskRecord, wire_entry};
use crate::store::{Access, Error, Owners, Result, RunId, SharedStore};

/// For how long a status that the store has told is good enough to answer whether the task was asked to stop.
const FRESH: Duration = Duration::from_millis(100);

/// A task and the run that has it.
#[derive(Debug)]
pub(super) struct ClaimedTask {
    pub(super) store: SharedStore,
    pub(super) id: TaskId,
    pub(super) run: RunId,
    /// The task, while this run has it.
    pub(super) during: Access,
    /// The task, whoever has it.
    pub(super) access: Access,
    /// Held while entries are on their way to the store, so that nothing overtakes them.
    writing: tokio::sync::Mutex<()>,
    pub(super) state: Mutex<State>,
    events: Events,
    /// The guest's calls on the store that are under way.
    calls: Arc<AtomicUsize>,
    /// Something is to be written or asked.
    pub(super) work: Notify,
    /// The guest may have to stop.
    pub(super) halt: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) held: Held,
    pub(super) known: KnownTask,
}

impl ClaimedTask {
    /// A task that the run has just claimed.
    pub(super) fn new(
        store: SharedStore,
        task: &TaskRecord,
        run: RunId,
        lease_end: Instant,
        events: Events,
    ) -> Result<Self> {
        events.claimed(task);
        let access = Access::of(Owners::only(task.service(), task.user_id()));
        Ok(Self {
            store,
            id: TaskId::stored(task.task_id())?,
            during: access.clone().during(run.clone()),
            run,
            access,
            writing: tokio::sync::Mutex::default(),
            state: Mutex::new(State { held: Held::default(), known: KnownTask::new(task.status(), lease_end) }),
            events,
            calls: Arc::default(),
            work: Notify::new(),
            halt: Notify::new(),
        })
    }

    /// Takes note of a new lease, and until when the run may go on under it; none if the run has lost the task.
    pub(super) fn renewed(&self, lease_end: Option<Instant>) {
        self.learn(|known| match lease_end {
            Some(end) => known.lease_end = end,
            None => _ = known.gone.get_or_insert(Error::NotFound),
        });
    }

    /// Whether it is neither asked to stop, nor ended, nor gone.
    pub(super) fn may_be_tried_again(&self) -> bool {
        let known = &lock(&self.state).known;
        known.cancelled.is_none() && known.ended.is_none() && known.gone.is_none()
    }

    /// Whether a call of the guest on the store is under way.
    pub(super) fn is_calling(&self) -> bool {
        self.calls.load(Ordering::Acquire) > 0
    }

    /// Takes note of what the store has answered about the task.
    fn note<T>(&self, answer: &Result<T>, status: impl FnOnce(&T) -> Status) {
        match answer {
            Ok(value) => self.learn(|known| known.saw(status(value))),
            Err(Error::InvalidTransition(refused)) => self.learn(|known| known.saw(refused.from)),
            Err(error @ (Error::NotFound | Error::Denied(_))) => {
                self.learn(|known| _ = known.gone.get_or_insert_with(|| error.clone()));
            }
            Err(_) => {}
        }
    }

    /// Takes note of something that may be a reason to stop.
    pub(super) fn learn(&self, news: impl FnOnce(&mut KnownTask)) {
        let mut state = lock(&self.state);
        let known = &mut state.known;
        let reasons = |known: &KnownTask| (known.cancelled, known.ended, known.gone.is_some());
        let (before, status) = (reasons(known), known.status);
        news(known);
        if known.status != status {
            self.events.status(known.status);
        }
        if before != reasons(known) {
            self.halt.notify_one();
        }
    }

    /// Makes a change to the task, with what is held back in the same step.
    ///
    /// If the store refuses the change, the entries before it are written without it.
    pub(super) async fn write(&self, change: Change) -> Result<Status> {
        let _turn = self.writing.lock().await;
        let held = self.take_held()?;
        if held.entries.is_empty() {
            return self.write_now(after(held, change)).await;
        }
        let alone = held.clone();
        match self.write_now(after(held, change)).await {
            Err(error @ (Error::InvalidTransition(_) | Error::InvalidValue(_) | Error::Failed(_))) => {
                // The progress is held back anew.
                self.write_now(Change { progress: None, ..alone }).await.and(Err(error))
            }
            answer => answer,
        }
    }

    /// Makes a change to the task, and tells what has come of it.
    ///
    /// An `async fn` would hold the change twice, and each run has one.
    pub(super) fn write_now(&self, mut change: Change) -> impl Future<Output = Result<Status>> {
        let entries = self.announce(&self.id, &mut change);
        self.carry_out(change, entries)
    }

    /// Makes a change that has no status once more, after a try that was not answered and may have been made: entries that
    /// the log holds are not added to it again. Each has its time.
    pub(super) async fn write_again(&self, mut change: Change) -> Result<Status> {
        let record = self.store.get(&self.id, &self.during).await;
        self.note(&record, TaskRecord::status);
        let entries = std::mem::take(&mut change.entries);
        let logged = entries.iter().filter_map(|entry| Some(wire_entry(entry, entry.at.as_ref()?))).collect();
        change.restoration = Some(Restoration::new(record?.created_at().clone(), logged, None));
        self.carry_out(change, entries).await
    }

    async fn carry_out(&self, change: Change, entries: Vec<Entry>) -> Result<Status> {
        let progress = change.progress.clone();
        let answer = self.store.change(&self.id, change, &self.during).await;
        if answer.is_ok() {
            self.events.entries(entries);
            self.events.progress(progress);
        } else if progress.is_some() {
            lock(&self.state).held.put_back(progress);
            self.work.notify_one();
        }
        self.note(&answer, |status| *status);
        answer
    }

    /// Gives each entry of a change its time.
    pub(super) fn stamp(&self, change: &mut Change) {
        for entry in &mut change.entries {
            entry.at.get_or_insert_with(|| self.store.now());
        }
    }

    /// Writes what is held back while the guest goes on. A failure is the answer of the guest's next call; the entries are
    /// not tried again.
    pub(super) async fn write_held(&self) {
        let _turn = self.writing.lock().await;
        let held = lock(&self.state).held.take();
        let has_entries = !held.entries.is_empty();
        match self.write_change(held).await {
            Err(error) if has_entries => {
                tracing::warn!(task = %self.id, %error, "log entries were not written");
                lock(&self.state).held.lost(error);
            }
            Err(error) => tracing::debug!(task = %self.id, %error, "a progress was not written"),
            Ok(_) => {}
        }
    }

    /// Writes what is held back, if anything is, and then knows the task's status.
    async fn settle(&self) -> Result<Option<Status>> {
        let _turn = self.writing.lock().await;
        let held = self.take_held()?;
        self.write_change(held).await
    }

    /// Makes a change, if there is anything in it.
    async fn write_change(&self, change: Change) -> Result<Option<Status>> {
        if change == Change::default() {
            return Ok(None);
        }
        self.write_now(change).await.map(Some)
    }

    /// What is held back, which the caller is to write; or the failure of the entries before.
    fn take_held(&self) -> Result<Change> {
        let mut state = lock(&self.state);
        state.held.check()?;
        Ok(state.held.take())
    }

    /// The last change of the run, with what is left to be written before it. Nothing is on its way to the store any more.
    pub(super) fn closing(&self, change: Change) -> Change {
        let mut state = lock(&self.state);
        let mut held = state.held.take_rest();
        if let Some(message) = state.known.notice.take() {
            held.entries.push(Entry { at: Some(self.store.now()), message });
        }
        after(held, change)
    }

    /// Asks the store for the task's status.
    pub(super) async fn ask(&self) -> Result<Status> {
        let asked = Instant::now();
        let answer = self.store.status(&self.id, &self.during).await;
        self.answered(&answer, asked);
        answer
    }

    /// Takes note of the answer to a question for the task's status.
    pub(super) fn answered(&self, answer: &Result<Status>, asked: Instant) {
        match answer {
            Ok(status) => self.learn(|known| known.answered(*status, asked)),
            Err(_) => self.note(answer, |status| *status),
        }
    }

    /// Whether nothing was heard of the task for so long.
    pub(super) fn wants_news(&self, age: Duration) -> bool {
        let known = &lock(&self.state).known;
        !known.is_over() && known.seen.elapsed() >= age
    }

    /// Makes a call of the guest. It never returns to a guest that has to stop: that one is stopped where it waits.
    async fn guest<T>(&self, call: impl Future<Output = T>) -> T {
        self.may_go_on().await;
        let underway = Underway::count(&self.calls);
        let answer = call.await;
        drop(underway);
        self.may_go_on().await;
        answer
    }

    async fn may_go_on(&self) {
        let is_over = lock(&self.state).known.is_over();
        if is_over {
            pending().await
        }
    }
}

/// A change with what was held back before it.
fn after(mut held: Change, mut change: Change) -> Change {
    held.entries.append(&mut change.entries);
    Change { entries: held.entries, progress: change.progress.or(held.progress), ..change }
}

#[async_trait]
impl CurrentTask for ClaimedTask {
    async fn enter(&self) -> Result<Underway> {
        self.may_go_on().await;
        let underway = Underway::count(&self.calls);
        let settled = self.settle().await;
        if lock(&self.state).known.gone.is_some() {
            drop(underway);
            return pending().await;
        }
        settled.map(|_| underway)
    }

    fn access_to(&self, id: &TaskId) -> Option<&Access> {
        (*id == self.id).then_some(&self.during)
    }

    fn announce(&self, id: &TaskId, change: &mut Change) -> Vec<Entry> {
        if *id != self.id || !self.events.wanted() {
            return Vec::new();
        }
        self.stamp(change);
        change.entries.clone()
    }

    fn saw(&self, id: &TaskId, status: Status, entries: Vec<Entry>) {
        if *id == self.id {
            self.events.entries(entries);
            self.learn(|known| known.saw(status));
        }
    }

    fn saved(&self, id: &TaskId, status: Status) {
        if *id == self.id {
            self.events.saved();
            self.learn(|known| known.saw(status));
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
        let (pushed, status) = {
            let mut state = lock(&self.state);
            (state.held.push(message, || self.store.now()), state.known.status)
        };
        match pushed {
            Pushed::Held { due } => {
                if due {
                    self.work.notify_one();
                }
                Ok(status)
            }
            Pushed::Full(message) => self.change(Change::default().log_at(self.store.now(), message)).await,
            Pushed::Lost(error) => Err(error),
        }
    }

    async fn set_progress(&self, progress: Progress) -> Result<Status> {
        self.may_go_on().await;
        let mut state = lock(&self.state);
        if state.held.set_progress(progress) {
            self.work.notify_one();
        }
        Ok(state.known.status)
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

    async fn ask_to_stop(&self) {
        let answer = self.store.change(&self.id, Change::status(Status::CancelRequested), &self.access).await;
        self.note(&answer, |status| *status);
    }

    async fn cancel_requested(&self) -> Result<bool> {
        let is_known = {
            let known = &lock(&self.state).known;
            known.cancelled.is_some() || known.seen.elapsed() < FRESH
        };
        if !is_known {
            // Without an answer, what was known before is the answer.
            let _ = self.guest(self.ask()).await;
        }
        self.may_go_on().await;
        Ok(lock(&self.state).known.cancelled.is_some())
    }
}

#[cfg(test)]
#[path = "claimed_task_tests.rs"]
mod tests;
