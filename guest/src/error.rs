//! Why a call to the host gave no answer.

use std::fmt;

use crate::TaskStatus;

/// What a call to the host gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the host gave no answer. Nothing was written, except where a case says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No such task: never saved, deleted or expired.
    NotFound,
    /// An argument that the store cannot hold; the text says which and why.
    InvalidArgument(String),
    /// The plugin holds no grant for this; the text names the missing grant.
    Denied(String),
    /// The task is not as the save's [precondition](crate::Precondition) wants it.
    Conflict,
    /// The task may not move to that status from the one it is in, which is the payload.
    InvalidTransition(TaskStatus),
    /// The plugin has used up a quota; the text names it and its limit.
    QuotaExceeded(String),
    /// The store did not answer in time. The call may have taken effect, at most once; it may succeed later.
    Unavailable(String),
    /// The store refused, or holds something that cannot be read. Trying again will not help.
    Internal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such task"),
            Self::InvalidArgument(why) => f.write_str(why),
            Self::Denied(grant) => write!(f, "denied: {grant}"),
            Self::Conflict => f.write_str("the task is not as the save's precondition wants it"),
            Self::InvalidTransition(from) => write!(f, "the task is {from} and may not move to that status"),
            Self::QuotaExceeded(quota) => write!(f, "quota exceeded: {quota}"),
            Self::Unavailable(why) => write!(f, "the store is unavailable: {why}"),
            Self::Internal(why) => write!(f, "the store could not do it: {why}"),
        }
    }
}

impl std::error::Error for Error {}

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
