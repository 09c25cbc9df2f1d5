//! How the command ends: what each exit code means, and which one an error gets.

use std::error::Error;
use std::process::ExitCode;

use task_state_host::record::{InvalidValue, Status};
use task_state_host::{BadVariable, ManifestError, StartError, store};
use task_state_registry::{ComponentError, RegistryError, Why};
use task_state_serve::{ConfigError, ServeError};

use crate::author::BuildFailed;

/// How the command ends; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked; the task that it ran or waited for completed.
    Done = 0,
    /// The task failed, a check left something, or a source is at fault.
    Failed = 1,
    /// Arguments, files or settings cannot be used. Nothing was written.
    Usage = 2,
    /// The task was cancelled.
    Cancelled = 3,
    /// There is no such task.
    NoSuchTask = 4,
    /// The store, or a registry, could not be reached.
    Unreachable = 5,
    /// A transition, a precondition, a grant, another run or a registry stands against it.
    Refused = 6,
    /// The store holds or answered something that trying again will not mend, or the system failed the command.
    Broken = 7,
    /// A wait ran out: the code that `timeout(1)` gives.
    TimedOut = 124,
    /// A second interrupt ended the command at once: the code that shells give for Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code for the status in which a task was left.
    pub(crate) fn of_status(status: Status) -> Self {
        match status {
            Status::Completed => Self::Done,
            Status::Cancelled | Status::CancelRequested => Self::Cancelled,
            Status::Failed | Status::Pending | Status::Dispatching | Status::Running => Self::Failed,
        }
    }

    /// The code for an error: that of the first of its causes that has one.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        error.chain().find_map(of_cause).unwrap_or(Self::Broken)
    }
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(error) = cause.downcast_ref::<store::Error>() {
        return Some(of_store_error(error));
    }
    if let Some(error) = cause.downcast_ref::<StartError>() {
        return Some(of_start_error(error));
    }
    if let Some(error) = cause.downcast_ref::<ComponentError>() {
        return Some(of_component_error(error));
    }
    if let Some(error) = cause.downcast_ref::<RegistryError>() {
        return Some(of_registry_error(error));
    }
    if let Some(ServeError::Plugins(failed)) = cause.downcast_ref::<ServeError>() {
        // What has to be mended first counts: a start anew does not help while one of them cannot be used at all.
        return failed.iter().map(|failed| of_component_error(&failed.error)).min_by_key(|exit| *exit as u8);
    }
    if cause.is::<BuildFailed>() {
        return Some(Exit::Failed);
    }
    let is_usage = cause.is::<Misuse>()
        || cause.is::<InvalidValue>()
        || cause.is::<BadVariable>()
        || cause.is::<ManifestError>()
        || cause.is::<ConfigError>()
        || matches!(cause.downcast_ref(), Some(ServeError::File { .. } | ServeError::Token(_) | ServeError::Open(_)));
    is_usage.then_some(Exit::Usage)
}

fn of_store_error(error: &store::Error) -> Exit {
    use store::Error::*;
    match error {
        NotFound => Exit::NoSuchTask,
        InvalidValue(_) => Exit::Usage,
        Denied(_) | Conflict | InvalidTransition(_) | Held => Exit::Refused,
        Unavailable(_) => Exit::Unreachable,
        _ => Exit::Broken,
    }
}

fn of_component_error(error: &ComponentError) -> Exit {
    match error {
        ComponentError::Registry(error) => of_registry_error(error),
        _ => Exit::Usage,
    }
}

fn of_registry_error(error: &RegistryError) -> Exit {
    match error.why {
        Why::Unreachable { .. } | Why::Slow { .. } => Exit::Unreachable,
        Why::NoCredentials { .. } | Why::Refused { .. } => Exit::Refused,
        _ => Exit::Usage,
    }
}

fn of_start_error(error: &StartError) -> Exit {
    match error {
        StartError::Store(error) => of_store_error(error),
        StartError::Full { .. } => Exit::Refused,
        StartError::ShuttingDown => Exit::Cancelled,
        StartError::Input { .. } | StartError::Directory { .. } | StartError::Secret { .. } => Exit::Usage,
        _ => Exit::Broken,
    }
}

/// Something that was given to the command cannot be used; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misuse(pub(crate) String);

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use task_state_host::record::InvalidTransition;
    use task_state_host::store::Denied;

    use super::*;

    #[test]
    fn every_error_of_a_store_has_the_documented_code() {
        let refusal = InvalidTransition { from: Status::Completed, to: Status::Running };
        for (error, exit) in [
            (store::Error::NotFound, Exit::NoSuchTask),
            (store::Error::InvalidValue(InvalidValue::new("task id", "a:b", "no")), Exit::Usage),
            (store::Error::Denied(Denied::Service), Exit::Refused),
            (store::Error::Conflict, Exit::Refused),
            (store::Error::InvalidTransition(refusal), Exit::Refused),
            (store::Error::Held, Exit::Refused),
            (store::Error::Unavailable("away".into()), Exit::Unreachable),
            (store::Error::Failed("no".into()), Exit::Broken),
        ] {
            let started = anyhow::Error::new(StartError::Store(error.clone())).context("starting");
            assert_eq!(Exit::of_error(&started), exit, "{error}");
            assert_eq!(Exit::of_error(&anyhow::Error::new(error).context("task \"x\"")), exit);
        }
    }

    #[test]
    fn an_unknown_error_is_not_blamed_on_the_arguments() {
        let io = std::io::Error::other("disk on fire");
        assert_eq!(Exit::of_error(&Err::<(), _>(io).context("writing").unwrap_err()), Exit::Broken);
        assert_eq!(Exit::of_error(&Misuse("bad".into()).into()), Exit::Usage);
    }
}
