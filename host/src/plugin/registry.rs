//! The runs that are under way, so that all of them can be ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::claimed_task::ClaimedTask;
use super::lock;

/// What the log of a task says that was cancelled because its host ends.
const SHUTTING_DOWN: &str = "cancellation requested: the host is shutting down";

/// The runs of a host.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
    /// How many runs there are, starting ones included.
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    next: u64,
    tasks: HashMap<u64, Arc<ClaimedTask>>,
}

/// One run's slot among the others, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    registry: Arc<Registry>,
    number: u64,
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), count: watch::Sender::new(0) })
    }

    /// A slot for one more run; none once the host is shutting down.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Slot> {
        let mut state = lock(&self.state);
        if state.closed {
            return None;
        }
        state.next += 1;
        self.count.send_modify(|count| *count += 1);
        Some(Slot { registry: self.clone(), number: state.next })
    }

    /// Admits no further run, cancels all, and waits for their ends.
    pub(super) async fn close(&self) {
        {
            let mut state = lock(&self.state);
            state.closed = true;
            state.tasks.values().for_each(|task| task.cancel(SHUTTING_DOWN));
        }
        // The sender is here, so it cannot be gone.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Slot {
    /// The run has claimed its task, and can be cancelled from now on.
    pub(super) fn fill(&self, task: Arc<ClaimedTask>) {
        let mut state = lock(&self.registry.state);
        if state.closed {
            task.cancel(SHUTTING_DOWN);
        }
        state.tasks.insert(self.number, task);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.registry.state).tasks.remove(&self.number);
        self.registry.count.send_modify(|count| *count -= 1);
    }
}
