//! What happens in a run, told to whoever subscribes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;

use super::{Journal, lock};
use crate::record::{Entry, Progress, Status, TaskRecord, Timestamp};

/// How much a subscriber may have left unread: so many events, and bytes of what they say.
const MAX_EVENTS: usize = 1_024;
const MAX_BYTES: usize = 1 << 20;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEvent {
    /// The task is in another status: each that the guest and the host have set, in order, and those that the run saw
    /// others set.
    Status(Status),
    /// The guest or the host added an entry to the task's log, and the store has it; told before the status that it was
    /// written with. Entries of other writers are told
    /// by [`TaskStore::follow`](crate::store::TaskStore::follow).
    Entry {
        /// When it was made.
        at: Timestamp,
        /// What it says.
        message: String,
    },
    /// How far the task has come, as the guest has said and the store has it: twice a second at the most, the last word
    /// always.
    Progress(Progress),
    /// The guest printed something, in a piece that need not end with a line or a whole character.
    Output(Bytes),
    /// The subscriber was too slow: so many events were dropped, statuses last. Told before what is left of them.
    Missed(u64),
}

impl RunEvent {
    /// How much room it takes; nothing for a status, which is kept longest.
    fn size(&self) -> usize {
        match self {
            Self::Status(_) | Self::Missed(_) => 0,
            Self::Progress(progress) => size_of::<Self>() + progress.note().map_or(0, str::len),
            Self::Entry { message, .. } => size_of::<Self>() + message.len(),
            Self::Output(bytes) => size_of::<Self>() + bytes.len(),
        }
    }
}

/// The events of a run, until its end. What is not read in time is dropped, and its number told: a subscriber never holds
/// up a run.
#[derive(Debug)]
pub struct RunEvents(Arc<Mutex<Queue>>);

impl RunEvents {
    /// The next event; none after the end of the run. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Option<RunEvent> {
        poll_fn(|context| lock(&self.0).poll(context)).await
    }
}

impl Stream for RunEvents {
    type Item = RunEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        lock(&self.0).poll(context)
    }
}

/// What one subscriber has not read yet.
#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<RunEvent>,
    bytes: usize,
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn push(&mut self, event: RunEvent) {
        self.bytes += event.size();
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let oldest = self.events.iter().position(|event| event.size() > 0).unwrap_or_default();
            self.bytes -= self.events.remove(oldest).map_or(0, |event| event.size());
            self.missed += 1;
        }
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<RunEvent>> {
        let missed = std::mem::take(&mut self.missed);
        if missed > 0 {
            return Poll::Ready(Some(RunEvent::Missed(missed)));
        }
        match self.events.pop_front() {
            Some(event) => {
                self.bytes -= event.size();
                Poll::Ready(Some(event))
            }
            None if self.ended => Poll::Ready(None),
            None => {
                self.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Tells the events of one run. Cheap to clone; all clones tell the same subscribers.
#[derive(Debug, Clone, Default)]
pub(super) struct Events(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whether anyone has subscribed, so that nothing is made for nobody.
    wanted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: Option<Status>,
    ended: bool,
    subscribers: Vec<Weak<Mutex<Queue>>>,
    journal: Option<Arc<Journal>>,
}

impl Events {
    /// The events from now on, the present status first.
    pub(super) fn subscribe(&self) -> RunEvents {
        let mut state = lock(&self.0.state);
        let mut queue = Queue { ended: state.ended, ..Queue::default() };
        state.status.map(RunEvent::Status).into_iter().for_each(|status| queue.push(status));
        let queue = Arc::new(Mutex::new(queue));
        state.subscribers.push(Arc::downgrade(&queue));
        self.0.wanted.store(true, Ordering::Release);
        RunEvents(queue)
    }

    /// Has the entries of the run kept, all of them.
    pub(super) fn keep(&self, journal: Arc<Journal>) {
        lock(&self.0.state).journal = Some(journal);
        self.0.wanted.store(true, Ordering::Release);
    }

    /// The events of a run, told to those who have subscribed here until now.
    pub(super) fn of_run(mut self) -> Self {
        if Arc::get_mut(&mut self.0).is_some() {
            // The request has no clones, so that no other run can come after this one.
            return self;
        }
        let before = &mut *lock(&self.0.state);
        let (subscribers, journal) = (std::mem::take(&mut before.subscribers), before.journal.take());
        let state = State { subscribers, journal, ..State::default() };
        Self(Arc::new(Shared { wanted: AtomicBool::new(state.is_wanted()), state: Mutex::new(state) }))
    }

    /// The run has claimed its task.
    pub(super) fn claimed(&self, task: &TaskRecord) {
        if let Some(journal) = &lock(&self.0.state).journal {
            journal.begin(task.created_at());
        }
        self.status(task.status());
    }

    /// The run has replaced its task.
    pub(super) fn saved(&self) {
        if let Some(journal) = &lock(&self.0.state).journal {
            journal.begin_anew();
        }
    }

    /// Whether anyone listens.
    pub(super) fn wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Acquire)
    }

    /// Tells the task's status, if it is another one.
    pub(super) fn status(&self, status: Status) {
        let mut state = lock(&self.0.state);
        if state.status.replace(status) != Some(status) {
            self.tell(&mut state, RunEvent::Status(status));
        }
    }

    /// Tells entries that were written.
    pub(super) fn entries(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let mut state = lock(&self.0.state);
        if let Some(journal) = &state.journal {
            journal.add(&entries);
        }
        for Entry { at, message } in entries {
            if let Some(at) = at {
                self.tell(&mut state, RunEvent::Entry { at, message });
            }
        }
    }

    /// Tells how far the task has come.
    pub(super) fn progress(&self, progress: Option<Progress>) {
        if let Some(progress) = progress.filter(|_| self.wanted()) {
            self.tell(&mut lock(&self.0.state), RunEvent::Progress(progress));
        }
    }

    /// Tells what the guest has printed.
    pub(super) fn output(&self, bytes: &[u8]) {
        if self.wanted() && !bytes.is_empty() {
            self.tell(&mut lock(&self.0.state), RunEvent::Output(Bytes::copy_from_slice(bytes)));
        }
    }

    /// Tells that nothing more happens.
    pub(super) fn end(&self) {
        lock(&self.0.state).end();
    }

    fn tell(&self, state: &mut State, event: RunEvent) {
        state.subscribers.retain(|queue| {
            let queue = queue.upgrade();
            queue.as_ref().inspect(|queue| lock(queue).push(event.clone())).is_some()
        });
        self.0.wanted.store(state.is_wanted(), Ordering::Release);
    }
}

impl State {
    fn is_wanted(&self) -> bool {
        !self.subscribers.is_empty() || self.journal.is_some()
    }

    fn end(&mut self) {
        self.ended = true;
        for queue in self.subscribers.drain(..).filter_map(|queue| queue.upgrade()) {
            let mut queue = lock(&queue);
            queue.ended = true;
            queue.reader.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for State {
    /// Of a run that did not start nothing is told.
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &str) -> RunEvent {
        RunEvent::Output(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[tokio::test]
    async fn a_subscriber_is_told_the_present_status_and_all_that_follows() {
        let events = Events::default();
        events.status(Status::Running);
        assert!(!events.wanted());
        let mut early = events.subscribe();
        events.status(Status::Running);
        events.output(b"one");
        let mut late = events.subscribe();
        events.status(Status::Completed);
        events.end();
        let (running, completed) = (RunEvent::Status(Status::Running), RunEvent::Status(Status::Completed));
        for (subscriber, expected) in [
            (&mut early, vec![running.clone(), output("one"), completed.clone()]),
            (&mut late, vec![running, completed.clone()]),
            (&mut events.subscribe(), vec![completed]),
        ] {
            for event in expected {
                assert_eq!(subscriber.next().await, Some(event));
            }
            assert_eq!(subscriber.next().await, None);
        }
    }

    #[tokio::test]
    async fn what_is_not_read_is_bounded_and_its_number_is_told_statuses_being_dropped_last() {
        let piece = "x".repeat(MAX_BYTES / 4);
        for (text, count) in [("", MAX_EVENTS + 10), (piece.as_str(), 10)] {
            let events = Events::default();
            let mut slow = events.subscribe();
            let statuses = [Status::Pending, Status::Running];
            statuses.into_iter().for_each(|status| events.status(status));
            (0..count).for_each(|number| events.output(format!("{number}{text}").as_bytes()));
            events.end();
            let Some(RunEvent::Missed(missed)) = slow.next().await else { panic!("nothing was missed") };
            let mut told = Vec::new();
            while let Some(event) = slow.next().await {
                told.push(event);
            }
            assert_eq!(told[..2], statuses.map(RunEvent::Status));
            assert_eq!(told.len() - 2 + usize::try_from(missed).unwrap(), count);
            assert!(told.len() <= MAX_EVENTS && told.iter().map(RunEvent::size).sum::<usize>() <= MAX_BYTES);
            assert_eq!(told.last(), Some(&output(&format!("{}{text}", count - 1))));
        }
    }

    #[test]
    fn nothing_is_made_for_a_subscriber_that_is_gone() {
        let events = Events::default();
        drop(events.subscribe());
        events.output(b"x");
        assert!(!events.wanted());
    }
}
