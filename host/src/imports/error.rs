//! What a guest is told when a call fails. The store's own words stay with the host: they may name a key or an address.

use std::sync::atomic::{AtomicU32, Ordering};

use super::MissingGrant;
use super::bindings::dms::task_state::types::Error as GuestError;
use crate::observer::Observed;
use crate::record::InvalidValue;
use crate::store::Error;

/// How many errors of one guest are warnings of the host. The others are told at the level `debug`: no guest is to fill
/// the host's log.
const MAX_WARNINGS: u32 = 10;

/// Tells the errors of one guest's calls.
#[derive(Debug, Default)]
pub(super) struct Errors {
    warned: AtomicU32,
    /// Who counts those of the store.
    pub(super) observed: Observed,
}

impl Errors {
    /// A store's error in the guest's terms.
    pub(super) fn for_guest(&self, error: Error) -> GuestError {
        self.observed.tell_error(&error);
        for_guest(error, |error, what| {
            if self.warned.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS {
                tracing::warn!(%error, "{what}");
            } else {
                tracing::debug!(%error, "{what}");
            }
        })
    }
}

/// A store's error in a guest's terms, where the host's operator is told of what is not the guest's.
fn for_guest(error: Error, tell: impl FnOnce(&Error, &str)) -> GuestError {
    match error {
        Error::NotFound => GuestError::NotFound,
        Error::InvalidValue(invalid) => invalid.into(),
        Error::Denied(denied) => GuestError::Denied(denied.to_string()),
        Error::Conflict | Error::Held => GuestError::Conflict,
        Error::InvalidTransition(refusal) => GuestError::InvalidTransition(refusal.from.into()),
        Error::Unavailable(_) => {
            tell(&error, "a guest's call was not answered");
            GuestError::Unavailable("the store did not answer in time".to_owned())
        }
        other => {
            tell(&other, "a guest's call failed");
            let told = match other {
                Error::Unreadable { .. } => "the task's record cannot be read",
                Error::WrongType { .. } => "the store holds something else where the task belongs",
                _ => "the store failed",
            };
            GuestError::Internal(told.to_owned())
        }
    }
}

impl From<MissingGrant> for GuestError {
    fn from(missing: MissingGrant) -> Self {
        Self::Denied(missing.to_string())
    }
}

impl From<InvalidValue> for GuestError {
    fn from(invalid: InvalidValue) -> Self {
        Self::InvalidArgument(invalid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_key_url_or_address_reaches_a_guest() {
        let secret = "redis://u:pw@10.0.0.7:6379/0 task:7";
        for error in [
            Error::Unavailable(secret.to_owned()),
            Error::Failed(secret.to_owned()),
            Error::WrongType { key: secret.to_owned(), found: secret.to_owned(), expected: "string" },
        ] {
            let told = format!("{:?}", for_guest(error, |_, _| ()));
            assert!(!["redis", "10.0.0.7", "task:7", "pw"].iter().any(|part| told.contains(part)), "{told}");
        }
    }

    #[test]
    fn a_guest_cannot_fill_the_hosts_log() {
        let errors = Errors::default();
        let (subscriber, warnings) = Counting::new();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..1_000 {
                errors.for_guest(Error::Unavailable("away".to_owned()));
                errors.for_guest(Error::Failed("full".to_owned()));
                errors.for_guest(Error::NotFound);
            }
        });
        assert_eq!(warnings.load(Ordering::Relaxed), MAX_WARNINGS);
    }

    /// Counts warnings.
    struct Counting(Arc<AtomicU32>);

    impl Counting {
        fn new() -> (Self, Arc<AtomicU32>) {
            let count = Arc::new(AtomicU32::new(0));
            (Self(count.clone()), count)
        }
    }

    impl tracing::Subscriber for Counting {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            self.0.fetch_add(u32::from(*event.metadata().level() == tracing::Level::WARN), Ordering::Relaxed);
        }

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }
}
