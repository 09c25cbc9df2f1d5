//! Log entries that are held back for a moment, so that several are written together.

use std::time::Duration;

use tokio::time::Instant;

use crate::record::{Entry, Timestamp};
use crate::store::{Error, Result};

/// How long an entry is held back. What a guest is promised is 100 ms, and writing takes some of it.
const DELAY: Duration = Duration::from_millis(50);

/// The most entries, and bytes of their messages, that are held back.
pub(super) const MAX_ENTRIES: usize = 1_000;
pub(super) const MAX_BYTES: usize = 1 << 20;

/// The entries that a guest has logged and that are not on their way to the store yet.
#[derive(Debug, Default)]
pub(super) struct HeldEntries {
    entries: Vec<Entry>,
    bytes: usize,
    due: Option<Instant>,
    failure: Option<Error>,
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

impl HeldEntries {
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

    /// When the entries are to be written, if there are any.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the entries, which the caller is to write.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        (self.bytes, self.due) = (0, None);
        std::mem::take(&mut self.entries)
    }

    /// Remembers why entries were lost whose calls had been answered with ok.
    pub(super) fn lost(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Tells once that entries were lost.
    pub(super) fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }
}
