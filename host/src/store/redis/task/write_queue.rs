//! Who writes to a task next: the changes of one host to one task take turns, and log entries that arrive while one
//! write is under way go together in the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hashlink::LruCache;
use tokio::sync::{MutexGuard, oneshot};

use crate::record::{Change, Status};
use crate::store::redis::task::layout::Layout;
use crate::store::{Access, Error, Result};

/// How many tasks are remembered. Forgetting one costs a read of its record at the next change.
const MAX_TASKS: usize = 16_384;

/// The most entries that go together in one write.
const MAX_BATCH_ENTRIES: usize = 1_000;

/// The bytes of entries after which a write takes no more.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// The tasks that this host writes to.
#[derive(Debug)]
pub(in crate::store::redis) struct WriteQueues {
    tasks: Mutex<LruCache<String, Arc<Task>>>,
}

/// One task that this host writes to.
#[derive(Debug, Default)]
pub(in crate::store::redis) struct Task {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<Cached>,
}

/// What the last write has left us knowing of a task.
#[derive(Debug, Default)]
pub(in crate::store::redis) struct Cached {
    pub(in crate::store::redis) layout: Option<Layout>,
    /// When the task's place in its indexes was last made sure of.
    pub(in crate::store::redis) indexed: Option<Instant>,
}

/// A change that waits for its turn.
#[derive(Debug)]
struct Waiting {
    change: Change,
    access: Access,
    answer: oneshot::Sender<Result<Status>>,
}

/// The changes that go together in one write.
pub(in crate::store::redis) struct Batch {
    pub(in crate::store::redis) change: Change,
    pub(in crate::store::redis) access: Access,
    /// Who waits for the answer, and how many of the entries are his.
    callers: Vec<(usize, oneshot::Sender<Result<Status>>)>,
}

impl Batch {
    fn of(waiting: Waiting) -> Self {
        let Waiting { change, access, answer } = waiting;
        Self { callers: vec![(change.entries.len(), answer)], change, access }
    }

    fn add(&mut self, waiting: Waiting) {
        self.callers.push((waiting.change.entries.len(), waiting.answer));
        self.change.entries.extend(waiting.change.entries);
    }

    /// Whether it holds the changes of several callers.
    pub(in crate::store::redis) fn is_shared(&self) -> bool {
        self.callers.len() > 1
    }

    /// The changes of its callers, one by one.
    pub(in crate::store::redis) fn split(self) -> impl Iterator<Item = Self> {
        let Self { change: Change { mut entries, .. }, access, callers } = self;
        callers.into_iter().map(move |(count, answer)| {
            let change = Change { entries: entries.drain(..count).collect(), ..Change::default() };
            Self { change, access: access.clone(), callers: vec![(count, answer)] }
        })
    }

    /// Tells everyone whose change it was.
    pub(in crate::store::redis) fn answer(self, result: &Result<Status>) {
        for (_, answer) in self.callers {
            // Whoever has gone does not want to know.
            let _ = answer.send(result.clone());
        }
    }
}

/// What comes of waiting for a turn.
pub(in crate::store::redis) enum Turn<'a> {
    /// Another caller has made the change.
    Written(Result<Status>),
    /// It is ours to write what waits.
    Leader(MutexGuard<'a, Cached>),
}

impl WriteQueues {
    pub(in crate::store::redis) fn new() -> Self {
        Self { tasks: Mutex::new(LruCache::new(MAX_TASKS)) }
    }

    /// The task with an id.
    pub(in crate::store::redis) fn task(&self, id: &str) -> Arc<Task> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = tasks.get(id) {
            return Arc::clone(task);
        }
        let task = Arc::new(Task::default());
        tasks.insert(id.to_owned(), Arc::clone(&task));
        task
    }
}

impl Task {
    /// Puts a change in the queue. The receiver gets its outcome, whoever writes it; dropping it takes a change that has
    /// not been started out of the queue.
    pub(in crate::store::redis) fn queue(&self, change: Change, access: Access) -> oneshot::Receiver<Result<Status>> {
        let (answer, outcome) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { change, access, answer });
        outcome
    }

    /// Takes the turn, if nobody has it or waits for it.
    pub(in crate::store::redis) fn free_turn(&self) -> Option<MutexGuard<'_, Cached>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() { self.turn.try_lock().ok() } else { None }
    }

    /// Waits until a change is made, or it is our turn to make what waits.
    pub(in crate::store::redis) async fn turn<'a>(
        &'a self,
        outcome: &mut oneshot::Receiver<Result<Status>>,
        deadline: Instant,
    ) -> Turn<'a> {
        tokio::select! {
            biased;
            made = &mut *outcome => Turn::Written(made.unwrap_or_else(|_| Err(abandoned()))),
            known = self.turn.lock() => Turn::Leader(known),
            () = tokio::time::sleep_until(deadline.into()) => {
                Turn::Written(Err(Error::Unavailable("earlier writes to the task are still waiting".to_owned())))
            }
        }
    }

    /// What is known of the task, between two writes.
    pub(in crate::store::redis) async fn known(&self) -> MutexGuard<'_, Cached> {
        self.turn.lock().await
    }

    /// Takes the next changes that go together out of the queue: log entries under the same access, or one other change.
    pub(in crate::store::redis) fn next_batch(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = loop {
            let first = waiting.pop_front()?;
            if !first.answer.is_closed() {
                break first;
            }
        };
        let mut batch = Batch::of(first);
        if !batch.change.only_logs() {
            return Some(batch);
        }
        let mut bytes: usize = batch.change.entries.iter().map(|entry| entry.message.len()).sum();
        while let Some(next) = waiting.front()
            && next.change.only_logs()
            && next.access == batch.access
            && batch.change.entries.len() + next.change.entries.len() <= MAX_BATCH_ENTRIES
            && bytes < MAX_BATCH_BYTES
            && let Some(next) = waiting.pop_front()
        {
            if !next.answer.is_closed() {
                bytes += next.change.entries.iter().map(|entry| entry.message.len()).sum::<usize>();
                batch.add(next);
            }
        }
        Some(batch)
    }
}

/// The caller that was making the change has gone before it knew the outcome.
fn abandoned() -> Error {
    Error::Unavailable("the write was abandoned half-way".to_owned())
}
