//! The runs that are under way, so that they can be told and ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::{Run, lock};
use crate::record::TaskId;

/// What the log of a task says that was cancelled because its host ends.
const SHUTTING_DOWN: &str = "cancellation requested: the host is shutting down";

/// The runs of a host.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    /// The last run has ended.
    empty: Notify,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    cancelled: bool,
    next: u64,
    /// How many runs there are, starting ones included.
    count: usize,
    runs: BTreeMap<u64, Run>,
}

/// One run's slot among the others, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    registry: Arc<Registry>,
    number: u64,
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), empty: Notify::new() })
    }

    /// A slot for one more run; none once the host is shutting down.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Slot> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        state.next += 1;
        state.count += 1;
        Some(Slot { registry: self.clone(), number: state.next })
    }

    /// Admits no further run.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Admits no further run, and cancels all.
    pub(super) fn cancel(&self) {
        let mut state = lock(&self.state);
        (state.closed, state.cancelled) = (true, true);
        for run in state.runs.values() {
            run.cancel_for(SHUTTING_DOWN);
        }
    }

    /// Waits until there is no run.
    pub(super) async fn ended(&self) {
        loop {
            // From here on it is told of the end, even of one that comes before it waits.
            let empty = self.empty.notified();
            if lock(&self.state).count == 0 {
                return;
            }
            empty.await;
        }
    }

    /// The runs that have claimed their tasks, in the order of their start.
    pub(super) fn list(&self) -> Vec<Run> {
        lock(&self.state).runs.values().cloned().collect()
    }

    pub(super) fn find(&self, task: &TaskId) -> Option<Run> {
        lock(&self.state).runs.values().find(|run| run.task_id() == task).cloned()
    }
}

impl Slot {
    /// The run has claimed its task, and can be cancelled from now on.
    pub(super) fn fill(&self, run: Run) {
        let mut state = lock(&self.registry.state);
        if state.cancelled {
            run.cancel_for(SHUTTING_DOWN);
        }
        state.runs.insert(self.number, run);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // What it holds is dropped when the lock is free again.
        let (_ended, is_empty) = {
            let mut state = lock(&self.registry.state);
            state.count -= 1;
            (state.runs.remove(&self.number), state.count == 0)
        };
        if is_empty {
            self.registry.empty.notify_waiters();
        }
    }
}
