//! Whoever counts what a host does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::record::Status;
use crate::store::Error;

/// Is told what a host does, to count it. It is called where the host works, and so returns at once. Each method does
/// nothing unless it is written.
pub trait Observer: Send + Sync + 'static {
    /// A guest's call on the store was answered: `operation` is its name in the WIT, such as `repository.get`.
    fn host_call(&self, operation: &'static str, time: Duration) {
        let _ = (operation, time);
    }

    /// The store did not answer, or failed, in a call of a guest or of the host itself.
    fn store_error(&self, error: &Error) {
        let _ = error;
    }

    /// A run of a task from the queue begins, which has waited there for so long.
    fn run_begins(&self, service: &str, waited: Duration) {
        let _ = (service, waited);
    }

    /// A run has ended, and left its task in this status.
    fn run_ended(&self, service: &str, status: Status, time: Duration) {
        let _ = (service, status, time);
    }
}

/// The observer of a host, if it has one.
#[derive(Clone, Default)]
pub(crate) struct Observed(Option<Arc<dyn Observer>>);

impl Observed {
    pub(crate) fn by(observer: impl Observer) -> Self {
        Self(Some(Arc::new(observer)))
    }

    /// Tells the observer something.
    pub(crate) fn tell(&self, what: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.0 {
            what(&**observer);
        }
    }

    /// Whether there is one.
    pub(crate) fn is_observed(&self) -> bool {
        self.0.is_some()
    }

    /// Tells of an error, if it is the store's own.
    pub(crate) fn tell_error(&self, error: &Error) {
        if !matches!(
            error,
            Error::NotFound
                | Error::InvalidValue(_)
                | Error::Denied(_)
                | Error::Conflict
                | Error::Held
                | Error::InvalidTransition(_)
        ) {
            self.tell(|observer| observer.store_error(error));
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_observed() { "Observed" } else { "Unobserved" })
    }
}
