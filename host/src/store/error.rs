//! Why a store gave no answer.

use super::Denied;
use crate::record::{InvalidTransition, InvalidValue, Unreadable};

/// The result of a call to a store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a store gave no answer. Nothing was written, except where a case says otherwise.
///
/// The texts are for operators and may name keys; what a guest is told is worded where it is told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such task: never saved, deleted or expired.
    #[error("there is no such task")]
    NotFound,
    /// A value that the store cannot hold.
    #[error(transparent)]
    InvalidValue(#[from] InvalidValue),
    /// The caller may not touch the task.
    #[error("denied: {0}")]
    Denied(Denied),
    /// The task is not as the save's precondition wants it.
    #[error("the task is not as the precondition wants it")]
    Conflict,
    /// The task may not move from the status that it is in to the one asked for.
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    /// Another run holds the task.
    #[error("another run holds the task")]
    Held,
    /// The store did not answer in time. A write has taken effect at most once.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The record cannot be read.
    #[error("the record of task {id:?} cannot be read: {why}")]
    Unreadable {
        /// The task's id.
        id: String,
        /// What is wrong with the record.
        why: Unreadable,
    },
    /// A key holds a value of another type than the store keeps there.
    #[error("the key {key:?} holds a {found}, where a {expected} belongs")]
    WrongType {
        /// The key.
        key: String,
        /// The type found.
        found: String,
        /// The type that belongs there.
        expected: &'static str,
    },
    /// The store failed in a way that trying again will not mend.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}
