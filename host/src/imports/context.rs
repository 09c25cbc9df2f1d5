//! What the calls of one guest are answered from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use async_trait::async_trait;

use super::bindings::dms::task_state::types::Error as GuestError;
use super::error::Errors;
use super::faults::{Faults, Meeting};
use super::quotas::{Quotas, Usage};
use super::{Grants, Operation};
use crate::observer::Observed;
use crate::record::{Change, Entry, Progress, Status, TaskId, TaskRecord};
use crate::redaction::Redaction;
use crate::store::{Access, Error, Result, SharedStore};

/// What one guest may reach: a store, as far as its grants go, and the task that it works on.
pub struct TaskStateCtx {
    pub(super) store: SharedStore,
    pub(super) grants: Arc<Grants>,
    /// What the repository's calls may touch.
    access: Access,
    pub(super) usage: Usage,
    pub(super) errors: Errors,
    pub(super) task: Arc<dyn CurrentTask>,
    /// What is kept out of all that the guest says.
    pub(super) redaction: Redaction,
    /// What the guest meets on purpose.
    meeting: Option<Meeting>,
    /// Who counts its calls.
    observed: Observed,
}

/// Gives the imports their context out of the data of a wasmtime store.
pub trait TaskStateView: Send + 'static {
    /// The context.
    fn task_state(&mut self) -> &mut TaskStateCtx;
}

impl TaskStateCtx {
    /// A guest with these grants that works on no task: `current-task` answers it that there is none.
    pub fn new(store: SharedStore, grants: Grants) -> Self {
        let task = Arc::new(WriteThrough { store: store.clone(), task: None });
        Self::with_current(store, Arc::new(grants), Quotas::default(), task)
    }

    /// The same, for a guest that works on a task. `access` is how its calls reach that task: the owner, and the run if
    /// the task was [claimed](crate::store::TaskStore::claim) for one. They are written through: every answer,
    /// `current-task.log`'s too, is an acknowledgement.
    pub fn with_task(mut self, id: TaskId, access: Access) -> Self {
        self.task = Arc::new(WriteThrough { store: self.store.clone(), task: Some((id, access)) });
        self
    }

    /// The same, with other quotas.
    pub fn with_quotas(mut self, quotas: Quotas) -> Self {
        self.usage = Usage::of(quotas);
        self
    }

    /// A guest whose task is reached in another way.
    pub(crate) fn with_current(
        store: SharedStore,
        grants: Arc<Grants>,
        quotas: Quotas,
        task: Arc<dyn CurrentTask>,
    ) -> Self {
        let access = Access::of(grants.owners());
        let usage = Usage::of(quotas);
        Self {
            store,
            grants,
            access,
            usage,
            errors: Errors::default(),
            task,
            redaction: Redaction::default(),
            meeting: None,
            observed: Observed::default(),
        }
    }

    /// The same, with secrets kept out of all that the guest says.
    pub(crate) fn redacting(self, redaction: Redaction) -> Self {
        Self { redaction, ..self }
    }

    /// The same, with somebody who counts the guest's calls.
    pub(crate) fn observed(mut self, observed: Observed) -> Self {
        self.errors.observed = observed.clone();
        Self { observed, ..self }
    }

    /// The same, with faults that the guest meets on purpose.
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { meeting: (faults != Faults::default()).then(|| Meeting::new(faults)), ..self }
    }

    /// Begins a call of the guest: waits if it comes too early, and lets it meet what it is to meet. What is given is to be
    /// kept until the call is answered.
    pub(super) async fn begin(&mut self, call: &'static str) -> std::result::Result<Option<Timed>, GuestError> {
        if let Some(until) = self.usage.count_call() {
            tokio::time::sleep_until(until.into()).await;
        }
        let timed = Timed::begin(&self.observed, call);
        let Some(meeting) = &mut self.meeting else { return Ok(timed) };
        let (is_cancelled, error) = meeting.count(call);
        if is_cancelled {
            self.task.ask_to_stop().await;
        }
        error.map_or(Ok(timed), Err)
    }

    /// What a call of an operation may touch, if it may be called.
    pub(super) fn permit(&self, operation: Operation) -> std::result::Result<&Access, GuestError> {
        self.grants.permit(operation)?;
        Ok(&self.access)
    }

    /// Makes one call of the guest on the store, in its turn.
    pub(super) async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> std::result::Result<T, GuestError> {
        let _turn = self.task.enter().await.map_err(|error| self.errors.for_guest(error))?;
        call.await.map_err(|error| self.errors.for_guest(error))
    }
}

/// A call of a guest that is under way, and counted.
pub(super) struct Timed {
    observed: Observed,
    call: &'static str,
    begun: Instant,
}

impl Timed {
    fn begin(observed: &Observed, call: &'static str) -> Option<Self> {
        observed.is_observed().then(|| Self { observed: observed.clone(), call, begun: Instant::now() })
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.observed.tell(|observer| observer.host_call(self.call, self.begun.elapsed()));
    }
}

impl fmt::Debug for TaskStateCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStateCtx").field("grants", &self.grants).finish_non_exhaustive()
    }
}

/// The task that a guest works on, and the order in which the guest's calls reach the store.
#[async_trait]
pub(crate) trait CurrentTask: Send + Sync {
    /// Opens a call on the store. Everything that the guest has logged before is there once this returns.
    async fn enter(&self) -> Result<Underway>;

    /// How the run reaches its task, if this is the one.
    fn access_to(&self, id: &TaskId) -> Option<&Access>;

    /// Stamps the entries of a change that the guest makes in another way, if they are to be told of, and gives them.
    fn announce(&self, _: &TaskId, _: &mut Change) -> Vec<Entry> {
        Vec::new()
    }

    /// Takes note of the status in which a call found or left a task, and of what it has announced.
    fn saw(&self, _: &TaskId, _: Status, _: Vec<Entry>) {}

    /// Takes note that the guest has saved a task, and in which status.
    fn saved(&self, _: &TaskId, _: Status) {}

    /// The task as the store holds it.
    async fn get(&self) -> Result<TaskRecord>;

    /// Changes the task.
    async fn change(&self, change: Change) -> Result<Status>;

    /// Adds a log entry, stamped now, and may hold it back for a while.
    async fn log(&self, message: String) -> Result<Status>;

    /// Says how far the task has come, and may hold it back for a while.
    async fn set_progress(&self, progress: Progress) -> Result<Status>;

    /// Writes what is held back. Returns the present status.
    async fn flush(&self) -> Result<Status>;

    /// Whether the task was asked to stop.
    async fn cancel_requested(&self) -> Result<bool>;

    /// Asks the task to stop, as somebody else would.
    async fn ask_to_stop(&self);
}

/// A call on the store that is under way, until it is dropped. A count of them says when a guest can be stopped without
/// leaving one half-way.
#[derive(Debug, Default)]
pub(crate) struct Underway(Option<Arc<AtomicUsize>>);

impl Underway {
    /// One more call in this count.
    pub(crate) fn count(calls: &Arc<AtomicUsize>) -> Self {
        calls.fetch_add(1, Ordering::AcqRel);
        Self(Some(calls.clone()))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(calls) = &self.0 {
            calls.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A task whose changes are all written at once, acknowledged.
struct WriteThrough {
    store: SharedStore,
    task: Option<(TaskId, Access)>,
}

impl WriteThrough {
    fn task(&self) -> Result<(&TaskId, &Access)> {
        self.task.as_ref().map(|(id, access)| (id, access)).ok_or(Error::NotFound)
    }
}

#[async_trait]
impl CurrentTask for WriteThrough {
    async fn enter(&self) -> Result<Underway> {
        Ok(Underway::default())
    }

    fn access_to(&self, id: &TaskId) -> Option<&Access> {
        self.task.as_ref().filter(|(own, _)| own == id).map(|(_, access)| access)
    }

    async fn get(&self) -> Result<TaskRecord> {
        let (id, access) = self.task()?;
        self.store.get(id, access).await
    }

    async fn change(&self, change: Change) -> Result<Status> {
        let (id, access) = self.task()?;
        self.store.change(id, change, access).await
    }

    async fn log(&self, message: String) -> Result<Status> {
        self.change(Change::logs([message])).await
    }

    async fn set_progress(&self, progress: Progress) -> Result<Status> {
        self.change(Change::default().progress(progress)).await
    }

    async fn flush(&self) -> Result<Status> {
        let (id, access) = self.task()?;
        self.store.status(id, access).await
    }

    async fn cancel_requested(&self) -> Result<bool> {
        self.flush().await.map(|status| matches!(status, Status::CancelRequested | Status::Cancelled))
    }

    async fn ask_to_stop(&self) {
        // One that has ended is not asked.
        let _ = self.change(Change::status(Status::CancelRequested)).await;
    }
}
