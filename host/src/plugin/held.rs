//! What a guest has said and the host holds back for a moment: log entries, so that several are written together, and how
//! far the task has come, of which the last word alone counts.

use std::time::Duration;

use tokio::time::Instant;

use crate::record::{Change, Entry, Progress, Timestamp};
use crate::store::{Error, Result};

/// How long an entry is held back. What a guest is promised is 100 ms, and writing takes some of it.
const DELAY: Duration = Duration::from_millis(50);

/// The time between two writes of a progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The most entries, and bytes of their messages, that are held back.
pub(super) const MAX_ENTRIES: usize = 1_000;
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What is not on its way to the store yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    entries: Vec<Entry>,
    bytes: usize,
    due: Option<Instant>,
    failure: Option<Error>,
    progress: Option<Progress>,
    /// Before this moment no progress is written.
    progress_due: Option<Instant>,
}

/// What became of an entry that was to be held back.
pub(super) enum Pushed {
    /// It is held back; `due` says that it is the first, and that the time for it runs.
    Held { due: bool },
    /// There is no room for it.
    Full(String),
    /// Entries before it were lost, which the guest has not been told yet.
    Lost(Error),
}

impl Held {
    /// Holds an entry back.
    pub(super) fn push(&mut self, message: String, now: impl FnOnce() -> Timestamp) -> Pushed {
        if let Err(error) = self.check() {
            return Pushed::Lost(error);
        }
        if self.entries.len() >= MAX_ENTRIES || self.bytes + message.len() > MAX_BYTES {
            return Pushed::Full(message);
        }
        self.bytes += message.len();
        self.entries.push(Entry { at: Some(now()), message });
        let due = self.due.is_none();
        self.due.get_or_insert_with(|| Instant::now() + DELAY);
        Pushed::Held { due }
    }

    /// Holds a progress back, in the place of one before it. Says whether the time for it begins to run.
    pub(super) fn set_progress(&mut self, progress: Progress) -> bool {
        let begins = self.progress.replace(progress).is_none();
        if begins {
            self.progress_due = self.progress_due.max(Some(Instant::now() + DELAY));
        }
        begins
    }

    /// When something is to be written, if anything is.
    pub(super) fn due(&self) -> Option<Instant> {
        let progress_due = self.progress_due.filter(|_| self.progress.is_some());
        self.due.into_iter().chain(progress_due).min()
    }

    /// Takes what is to be written by now.
    pub(super) fn take(&mut self) -> Change {
        let progress = self.progress.take_if(|_| self.progress_due.is_none_or(|due| due <= Instant::now()));
        if progress.is_some() {
            self.progress_due = Some(Instant::now() + PROGRESS_INTERVAL);
        }
        (self.bytes, self.due) = (0, None);
        Change { entries: std::mem::take(&mut self.entries), progress, ..Change::default() }
    }

    /// Takes all that is left.
    pub(super) fn take_rest(&mut self) -> Change {
        self.progress_due = None;
        self.take()
    }

    /// Remembers why entries were lost whose calls had been answered with ok.
    pub(super) fn lost(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Holds a progress back that could not be written, unless there is a later one.
    pub(super) fn put_back(&mut self, progress: Option<Progress>) {
        if self.progress.is_none() {
            self.progress = progress;
        }
    }

    /// Tells once that entries were lost.
    pub(super) fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: u64) -> Progress {
        Progress::new(done, None, None).unwrap()
    }

    fn taken(change: Change) -> Option<u64> {
        change.progress.map(|progress| progress.done())
    }

    #[test]
    fn of_what_is_said_of_progress_the_last_word_is_written_when_its_time_has_come() {
        let mut held = Held::default();
        assert_eq!((held.set_progress(progress(1)), held.set_progress(progress(2))), (true, false));
        assert_eq!(taken(held.take()), None);
        held.progress_due = Some(Instant::now());
        assert_eq!(taken(held.take()), Some(2));
        assert!(held.due().is_none() && held.set_progress(progress(3)));
        assert!(held.due().unwrap() > Instant::now() + PROGRESS_INTERVAL / 2);
        assert_eq!(taken(held.take()), None);
        // What could not be written comes back, and does not take the place of what was said since.
        held.put_back(Some(progress(2)));
        assert_eq!((taken(held.take_rest()), taken(held.take_rest())), (Some(3), None));
    }
}
