//! One task: reading its record, and every way of writing it.

mod change;
mod claim;
mod delete;
pub(super) mod layout;
pub(super) mod read;
pub(super) mod replace;
mod save;
pub(super) mod write_queue;

pub(super) use delete::of_same_owner;
