//! Why a call to the host gave no answer.

use crate::TaskStatus;

/// What a call to the host gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the host gave no answer. Nothing was written, except where a case says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such task: never saved, deleted or expired.
    #[error("no such task")]
    NotFound,
    /// An argument that the store cannot hold; the text says which and why.
    #[error("{0}")]
    InvalidArgument(String),
    /// The plugin holds no grant for this; the text names the missing grant.
    #[error("denied: {0}")]
    Denied(String),
    /// The task is not as the save's [precondition](crate::Precondition) wants it.
    #[error("the task is not as the save's precondition wants it")]
    Conflict,
    /// The task may not move to that status from the one it is in, which is the payload.
    #[error("the task is {0} and may not move to that status")]
    InvalidTransition(TaskStatus),
    /// The plugin has used up a quota; the text names it and its limit.
    #[error("quota exceeded: {0}")]
    QuotaExceeded(String),
    /// The store did not answer in time. The call may have taken effect, at most once; it may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store refused, or holds something that cannot be read. Trying again will not help.
    #[error("the store could not do it: {0}")]
    Internal(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_the_host_said() {
        for (error, text) in [
            (Error::NotFound, "no such task"),
            (Error::InvalidArgument("invalid task id \"a:b\"".into()), "invalid task id \"a:b\""),
            (Error::Denied("service sync".into()), "denied: service sync"),
            (Error::Conflict, "the task is not as the save's precondition wants it"),
            (Error::InvalidTransition(TaskStatus::Completed), "the task is completed and may not move to that status"),
            (Error::QuotaExceeded("1 MiB of entries".into()), "quota exceeded: 1 MiB of entries"),
            (Error::Unavailable("no answer in 5 s".into()), "the store is unavailable: no answer in 5 s"),
            (Error::Internal("wrong type".into()), "the store could not do it: wrong type"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
