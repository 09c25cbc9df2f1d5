//! What a guest is told when a call fails. The store's own words stay with the host: they may name a key or an address.

use super::MissingGrant;
use super::bindings::dms::task_state::types::Error as GuestError;
use crate::record::InvalidValue;
use crate::store::Error;

/// A store's error in a guest's terms.
pub(super) fn for_guest(error: Error) -> GuestError {
    match error {
        Error::NotFound => GuestError::NotFound,
        Error::InvalidValue(invalid) => invalid.into(),
        Error::Denied(denied) => GuestError::Denied(denied.to_string()),
        Error::Conflict | Error::Held => GuestError::Conflict,
        Error::InvalidTransition(refusal) => GuestError::InvalidTransition(refusal.from.into()),
        Error::Unavailable(_) => {
            tracing::warn!(%error, "a guest's call was not answered");
            GuestError::Unavailable("the store did not answer in time".to_owned())
        }
        other => {
            tracing::warn!(error = %other, "a guest's call failed");
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
    use super::*;

    #[test]
    fn no_key_url_or_address_reaches_a_guest() {
        let secret = "redis://u:pw@10.0.0.7:6379/0 task:7";
        for error in [
            Error::Unavailable(secret.to_owned()),
            Error::Failed(secret.to_owned()),
            Error::WrongType { key: secret.to_owned(), found: secret.to_owned(), expected: "string" },
        ] {
            let told = format!("{:?}", for_guest(error));
            assert!(!["redis", "10.0.0.7", "task:7", "pw"].iter().any(|part| told.contains(part)), "{told}");
        }
    }
}
