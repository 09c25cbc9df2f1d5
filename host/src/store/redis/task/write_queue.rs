//! Who writes to a task next: the changes of one host to one task take turns, and log entries that arrive while one
//! write is under way go together in the next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hashlink::LruCache;
use tokio::sync::{MutexGuard, oneshot};

use super::layout::Layout;
use crate::record::{Change, Status};
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
    tasks: Mutex<LruCache<String, Arc<WriteQueue>>>,
}

/// The writes of this host to one task.
#[derive(Debug, Default)]
pub(super) struct WriteQueue {
    waiting: Mutex<VecDeque<Waiting>>,
    turn: tokio::sync::Mutex<Cached>,
}

/// What the last write has left us knowing of a task.
#[derive(Debug, Default)]
pub(super) struct Cached {
    pub(super) layout: Option<Layout>,
    /// When the task's place in its indexes was last made sure of.
    pub(super) indexed: Option<Instant>,
}

/// A change that waits for its turn.
#[derive(Debug)]
struct Waiting {
    change: Change,
    access: Access,
    deadline: Instant,
    answer: oneshot::Sender<Result<Status>>,
}

/// The changes that go together in one write.
pub(super) struct Batch {
    pub(super) change: Change,
    pub(super) access: Access,
    /// When the first of its callers gives up: what is written after that would be written behind his back.
    pub(super) deadline: Instant,
    /// Who waits for the answer, and how many of the entries are his.
    callers: Vec<(usize, oneshot::Sender<Result<Status>>)>,
}

impl Batch {
    fn of(waiting: Waiting) -> Self {
        let Waiting { change, access, deadline, answer } = waiting;
        Self { callers: vec![(change.entries.len(), answer)], change, access, deadline }
    }

    fn add(&mut self, waiting: Waiting) {
        self.callers.push((waiting.change.entries.len(), waiting.answer));
        self.change.entries.extend(waiting.change.entries);
    }

    /// Whether it holds the changes of several callers.
    pub(super) fn is_shared(&self) -> bool {
        self.callers.len() > 1
    }

    /// The changes of its callers, one by one.
    pub(super) fn split(self) -> impl Iterator<Item = Self> {
        let Self { change: Change { mut entries, .. }, access, deadline, callers } = self;
        callers.into_iter().map(move |(count, answer)| {
            let change = Change { entries: entries.drain(..count).collect(), ..Change::default() };
            Self { change, access: access.clone(), deadline, callers: vec![(count, answer)] }
        })
    }

    /// Tells everyone whose change it was.
    pub(super) fn answer(self, result: &Result<Status>) {
        for (_, answer) in self.callers {
            // Whoever has gone does not want to know.
            let _ = answer.send(result.clone());
        }
    }
}

impl WriteQueues {
    pub(in crate::store::redis) fn new() -> Self {
        Self { tasks: Mutex::new(LruCache::new(MAX_TASKS)) }
    }

    /// The queue of the task with an id.
    pub(super) fn of(&self, id: &str) -> Arc<WriteQueue> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = tasks.get(id) {
            return Arc::clone(queue);
        }
        let queue = Arc::new(WriteQueue::default());
        tasks.insert(id.to_owned(), Arc::clone(&queue));
        queue
    }
}

/// Whether a change may go together with others in one write: it adds entries and does nothing else.
fn may_share(change: &Change) -> bool {
    change.only_logs() && change.progress.is_none()
}

impl WriteQueue {
    /// Puts a change in the queue. The receiver gets its outcome, whoever writes it; dropping it takes a change that has
    /// not been started out of the queue.
    pub(super) fn push(&self, change: Change, access: Access, deadline: Instant) -> oneshot::Receiver<Result<Status>> {
        let (answer, outcome) = oneshot::channel();
        let waiting = Waiting { change, access, deadline, answer };
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(waiting);
        outcome
    }

    /// Takes the turn, if nobody has it or waits for it.
    pub(super) fn free_turn(&self) -> Option<MutexGuard<'_, Cached>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() { self.turn.try_lock().ok() } else { None }
    }

    /// Waits for the turn.
    pub(super) async fn next_turn(&self, deadline: Instant) -> Result<MutexGuard<'_, Cached>> {
        let late = |_| Error::Unavailable("earlier writes to the task took too long".to_owned());
        tokio::time::timeout_at(deadline.into(), self.turn.lock()).await.map_err(late)
    }

    /// Takes the next changes that go together out of the queue: log entries under the same access, or one other change.
    pub(super) fn next_batch(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = loop {
            let first = waiting.pop_front()?;
            if !first.answer.is_closed() && first.deadline > Instant::now() {
                break first;
            }
        };
        let mut batch = Batch::of(first);
        if !may_share(&batch.change) {
            return Some(batch);
        }
        let mut bytes: usize = batch.change.entries.iter().map(|entry| entry.message.len()).sum();
        while let Some(next) = waiting.front()
            && may_share(&next.change)
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
