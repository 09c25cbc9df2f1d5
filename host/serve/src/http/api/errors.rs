//! What the errors of the store and of the dispatcher are to a caller.

use http::StatusCode;
use task_state_host::dispatch::CancelError;
use task_state_host::record::{InvalidTransition, InvalidValue, Status};
use task_state_host::store::Error;

use crate::http::Problem;
use crate::http::answer::line;

/// The store's own words may name an address or a key, and are for operators' logs alone.
pub(super) fn store_problem(error: Error) -> Problem {
    match error {
        Error::NotFound | Error::Denied(_) => no_task(),
        Error::InvalidValue(why) => invalid(&why),
        Error::InvalidTransition(InvalidTransition { from, .. }) => ended(from),
        Error::Conflict => Problem::new(StatusCode::CONFLICT, "somebody else has changed it meanwhile"),
        Error::Held => Problem::new(StatusCode::CONFLICT, "a run holds the task"),
        Error::Unavailable(why) => {
            tracing::warn!(why, "the store did not answer a request");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer; a change may have been made all the same",
            )
        }
        Error::Unreadable { id, why } => {
            tracing::warn!(task = super::params::short(&id), %why, "a record cannot be read");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the task's record cannot be read")
        }
        error => {
            tracing::warn!(%error, "the store failed a request");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the store failed")
        }
    }
}

pub(super) fn cancel_problem(error: CancelError) -> Problem {
    match error {
        CancelError::Unknown | CancelError::NotTheOwner => no_task(),
        CancelError::Ended(status) => ended(status),
        CancelError::Store(error) => store_problem(error),
        error => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, line(error)),
    }
}

pub(super) fn no_task() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such task")
}

pub(super) fn ended(status: Status) -> Problem {
    let problem = Problem::new(StatusCode::CONFLICT, format!("the task has ended: it is {status}"));
    problem.with("value", status.as_str())
}

/// A value that a caller gave and that is none.
pub(super) fn invalid(why: &InvalidValue) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, line(why)).with("value", why.value.as_str())
}
