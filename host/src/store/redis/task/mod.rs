//! One task: reading its record, and every way of writing it. A write takes its turn in the task's queue
//! ([`write_queue`]) and is one script, in a file beside the function that calls it.

mod change;
mod claim;
mod delete;
mod layout;
mod lease;
mod read;
mod replace;
mod save;
mod write_queue;

pub(super) use read::{OPENING_BYTES, metadata_owners, read_progress, read_task, readable};
pub(super) use replace::Expected;
pub(super) use write_queue::WriteQueues;
