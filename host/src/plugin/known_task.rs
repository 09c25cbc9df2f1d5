//! What a run knows of its task, from the store's answers and from its host.

use tokio::time::Instant;

use crate::record::Status;
use crate::store::Error;

/// What a run knows of its task.
#[derive(Debug)]
pub(super) struct KnownTask {
    /// The status last known, and when the store told it.
    pub(super) status: Status,
    pub(super) seen: Instant,
    /// When the task was first seen to have been asked to stop. It stays, whatever is saved.
    pub(super) cancelled: Option<Instant>,
    /// When the task was first seen in a terminal status. It stays, whatever is saved.
    pub(super) ended: Option<Instant>,
    /// What the host's own cancellation is to say, until it is written.
    pub(super) notice: Option<String>,
    /// Until when the run may go on without a new lease.
    pub(super) lease_end: Instant,
    /// Why the run has lost the task.
    pub(super) gone: Option<Error>,
    /// The guest makes no calls any more.
    pub(super) closed: bool,
}

impl KnownTask {
    /// A task that was just claimed.
    pub(super) fn new(status: Status, lease_end: Instant) -> Self {
        Self {
            status,
            seen: Instant::now(),
            cancelled: None,
            ended: None,
            notice: None,
            lease_end,
            gone: None,
            closed: false,
        }
    }

    /// Takes note of a status that the store has told.
    pub(super) fn saw(&mut self, status: Status) {
        (self.status, self.seen) = (status, Instant::now());
        if status.is_terminal() {
            self.ended.get_or_insert(self.seen);
        }
        self.note_cancellation(status);
    }

    /// Takes note of the answer to a question that was asked at a time. A newer status stands.
    pub(super) fn answered(&mut self, status: Status, asked: Instant) {
        if self.seen <= asked {
            self.saw(status);
        } else {
            self.note_cancellation(status);
        }
    }

    fn note_cancellation(&mut self, status: Status) {
        if matches!(status, Status::CancelRequested | Status::Cancelled) {
            self.cancelled.get_or_insert_with(Instant::now);
        }
    }

    /// Whether the guest has to stop where it is.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.gone.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_old_answer_undoes_nothing_and_still_tells_of_a_cancellation() {
        let mut task = KnownTask::new(Status::Running, Instant::now());
        let asked = Instant::now();
        task.saw(Status::Pending);
        task.seen += Duration::from_nanos(1);
        task.answered(Status::Running, asked);
        assert_eq!((task.status, task.cancelled), (Status::Pending, None));
        task.answered(Status::CancelRequested, asked);
        assert!(task.status == Status::Pending && task.cancelled.is_some());
        task.answered(Status::Running, task.seen);
        assert_eq!(task.status, Status::Running);
    }
}
