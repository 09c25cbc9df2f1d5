//! What a host does while a guest runs: it writes held entries and cancellations, and says when the guest has to stop.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::claimed_task::ClaimedTask;
use super::{Limits, lock};
use crate::record::{Change, Status};
use crate::store::Error;

/// Why a guest has to stop.
#[derive(Debug)]
pub(super) enum Halt {
    /// Its time is up.
    WallClock,
    /// It has computed for too long.
    CpuTime,
    /// It went on past the grace period of its cancellation.
    Grace,
    /// It went on past a grace period after its task had ended.
    Ended,
    /// Its lease could not be renewed.
    Lease,
    /// The run has lost the task: it was deleted, given to another owner, or ended by another host.
    Gone(Error),
}

/// What the host does next.
enum Action {
    Cancel(String),
    Write,
    Wait(Instant),
    /// There is nothing to do for now.
    Rest,
    End,
}

impl ClaimedTask {
    /// Asks the task to stop, saying why in its log. Only the first such request counts. False if the guest makes no more
    /// calls: its end is being written, and may be that of an attempt which is followed by another.
    pub(super) fn cancel(&self, notice: &str) -> bool {
        let mut is_open = false;
        self.learn(|known| {
            is_open = !known.closed;
            if known.cancelled.is_none() && is_open {
                known.cancelled = Some(Instant::now());
                known.notice = Some(notice.to_owned());
                self.work.notify_one();
            }
        });
        is_open
    }

    /// Whether the task was asked to stop.
    pub(super) fn is_cancelled(&self) -> bool {
        lock(&self.state).known.cancelled.is_some()
    }

    /// The guest makes no calls from now on.
    pub(super) fn close(&self) {
        lock(&self.state).known.closed = true;
        self.work.notify_one();
    }

    /// Writes and cancels until the guest makes no more calls. A call on the store that has begun is always awaited.
    pub(super) async fn supervise(&self) {
        loop {
            match self.next_action() {
                // On the heap: most runs do neither, and the whole of a run is moved to its thread.
                Action::Cancel(notice) => Box::pin(self.write_cancellation(notice)).await,
                Action::Write => Box::pin(self.write_held()).await,
                Action::Wait(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.work.notified() => {}
                },
                Action::Rest => self.work.notified().await,
                Action::End => return,
            }
        }
    }

    fn next_action(&self) -> Action {
        let mut state = lock(&self.state);
        let due = state.held.due();
        let known = &mut state.known;
        if known.closed {
            return Action::End;
        }
        if known.gone.is_some() {
            return Action::Rest;
        }
        if let Some(notice) = known.notice.take() {
            return Action::Cancel(notice);
        }
        match due {
            Some(due) if due <= Instant::now() => Action::Write,
            Some(due) => Action::Wait(due),
            None => Action::Rest,
        }
    }

    async fn write_cancellation(&self, notice: String) {
        // On its own: that entries before it cannot be written is for the guest to know, and does not stop it.
        self.write_held().await;
        match self.write_now(Change::status(Status::CancelRequested).log(notice)).await {
            // The task has ended already, and its end stands.
            Ok(_) | Err(Error::InvalidTransition(_)) => {}
            Err(error) => tracing::warn!(task = %self.id, %error, "a cancellation was not written"),
        }
    }

    /// Waits until the guest has to stop.
    pub(super) async fn halt(&self, limits: &Limits) -> Halt {
        let end = Instant::now() + limits.wall_clock;
        loop {
            let (gone, cancelled, ended, lease_end) = {
                let known = &lock(&self.state).known;
                (known.gone.clone(), known.cancelled, known.ended, known.lease_end)
            };
            if let Some(error) = gone {
                return Halt::Gone(error);
            }
            let over = cancelled.into_iter().chain(ended).min();
            let until = over.map_or(end, |seen| end.min(seen + limits.grace));
            let now = Instant::now();
            if until <= now {
                return match (cancelled, ended) {
                    (Some(_), _) => Halt::Grace,
                    (None, Some(_)) => Halt::Ended,
                    (None, None) => Halt::WallClock,
                };
            } else if lease_end <= now {
                return Halt::Lease;
            }
            tokio::select! {
                () = sleep_until(until.min(lease_end)) => {}
                () = self.halt.notified() => {}
            }
        }
    }

    /// Waits for as long as the store needs the guest: until no call of the guest on the store is under way.
    pub(super) async fn until_idle<T>(&self, mut guest: Pin<&mut impl Future<Output = T>>) {
        poll_fn(|context| {
            let waits = self.is_calling() && guest.as_mut().poll(context).is_pending() && self.is_calling();
            if waits { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}
