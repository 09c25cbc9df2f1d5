//! The task record: its model, its text on the wire, and the one way to change it.
//!
//! Pure: no I/O, no store, no plugin. Other programs read and write the same records, so the text of whatever a
//! change does not set is kept exactly as it was found.

mod change;
mod draft;
mod head;
mod id;
mod json;
mod opening;
mod order;
mod progress;
mod restoration;
mod status;
mod time;
mod wire;

pub use change::{Change, Entry, InvalidTransition, OutputChange, StatusChange, apply};
pub use draft::Draft;
pub use head::Head;
pub use id::{MAX_NAME_BYTES, Service, TaskId, UserId};
pub use json::{JsonObject, MAX_DEPTH, MAX_INTEGER_DIGITS};
pub use order::compare_ids;
pub use progress::Progress;
pub use restoration::Restoration;
pub use status::{Priority, Status, TransitionRule};
pub use time::{Clock, SystemClock, TimeZone, Timestamp};
pub use wire::{TaskRecord, TaskResult, Unreadable};

pub(crate) use change::{next_status, wire_entry};
pub(crate) use opening::{OPENING_END_BYTES, Opening};
pub(crate) use order::sort_key;
pub(crate) use status::words;
pub(crate) use time::later_than;
pub(crate) use wire::{Encoded, quote};

/// A value that a caller gave and that the store cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} {value}: {why}")]
pub struct InvalidValue {
    /// What the value was meant to be, such as `task id`.
    pub what: &'static str,
    /// The value as it was given, quoted, shortened if it is long.
    pub value: String,
    /// What is wrong with it.
    pub why: String,
}

impl InvalidValue {
    /// An error about `value`, which is quoted and shortened for the message.
    pub fn new(what: &'static str, value: &str, why: impl Into<String>) -> Self {
        Self { what, value: excerpt(value), why: why.into() }
    }

    /// An error about a value that is not shown.
    pub(crate) fn secret(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, value: "(not shown, as it may hold a password)".to_owned(), why: why.into() }
    }
}

/// The value on one line, in quotes, and no longer than a message can bear.
fn excerpt(value: &str) -> String {
    const MAX_CHARS: usize = 80;
    match value.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}
