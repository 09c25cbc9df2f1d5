//! What goes wrong inside SQLite, in the terms of the store.

use rusqlite::ErrorCode;

use crate::store::Error;

/// Why a step was not made. It exists so that `?` takes the errors of SQLite, which the store's own error does not show.
#[derive(Debug)]
pub(super) struct Fault(pub(super) Error);

/// The result of one step of work on a connection.
pub(super) type Step<T> = Result<T, Fault>;

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let text = format!("SQLite: {error}");
        Self(if is_passing(&error) { Error::Unavailable(text) } else { Error::Failed(text) })
    }
}

/// Whether the same call may succeed later.
pub(super) fn is_passing(error: &rusqlite::Error) -> bool {
    use ErrorCode::*;
    matches!(
        error.sqlite_error_code(),
        Some(
            DatabaseBusy
                | DatabaseLocked
                | SystemIoFailure
                | DiskFull
                | OutOfMemory
                | FileLockingProtocolFailed
                | SchemaChanged
        )
    )
}

/// Whether another user of the file is in the way.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
