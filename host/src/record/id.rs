//! Names of tasks, services and users.
//!
//! A name becomes part of a key, so a new one is held to characters that cannot reach into another key. Records that
//! others have written may have stranger names; those can still be read, changed and deleted, but not saved anew.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::InvalidValue;

/// The longest name that a save takes, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 128;

/// The id under which the store would keep its sequence of ids, were it a task.
const SEQUENCE: &str = "id:sequence";

fn check_new(what: &'static str, text: &str) -> Result<(), InvalidValue> {
    let why = if text.is_empty() {
        "it is empty".to_owned()
    } else if text.len() > MAX_NAME_BYTES {
        format!("it has {} bytes, and at most {MAX_NAME_BYTES} are allowed", text.len())
    } else if let Some(bad) = text.chars().find(|c| matches!(c, ':' | '{' | '}') || c.is_whitespace() || c.is_control())
    {
        format!("it contains {bad:?}; ':', '{{', '}}', white space and control characters are not allowed")
    } else {
        return Ok(());
    };
    Err(InvalidValue::new(what, text, why))
}

fn check_stored(what: &'static str, text: &str, reserved: Option<&str>) -> Result<(), InvalidValue> {
    match text {
        "" => Err(InvalidValue::new(what, text, "it is empty")),
        _ if Some(text) == reserved => {
            Err(InvalidValue::new(what, text, "the store keeps its sequence of ids under it"))
        }
        _ => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $stored_doc:literal, $reserved:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name that may be saved: 1 to 128 bytes, without `:`, `{`, `}`, white space and control characters.
            ///
            /// # Errors
            /// [`InvalidValue`], saying which of these the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidValue> {
                let text = text.as_ref();
                check_new($what, text)?;
                Ok(Self(text.into()))
            }

            #[doc = $stored_doc]
            pub fn stored(text: impl AsRef<str>) -> Result<Self, InvalidValue> {
                let text = text.as_ref();
                check_stored($what, text, $reserved)?;
                Ok(Self(text.into()))
            }

            /// Whether a save would take this name: see [`new`](Self::new).
            pub fn check_new(&self) -> Result<(), InvalidValue> {
                check_new($what, &self.0)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }
    };
}

name!(
    /// The id of a task. Cheap to clone.
    TaskId,
    "task id",
    "An id that a record already there may have: any but the empty one and that of the store's sequence.\n\n# Errors\n[`InvalidValue`] for those two.",
    Some(SEQUENCE)
);

name!(
    /// The name of a service: the part of a platform that a task belongs to. Cheap to clone.
    Service,
    "service",
    "A service that a record already there may name: any text that is not empty.\n\n# Errors\n[`InvalidValue`] if it is.",
    None
);

name!(
    /// The id of the user for whom a task is done. Cheap to clone.
    UserId,
    "user id",
    "A user that a record already there may name: any text that is not empty.\n\n# Errors\n[`InvalidValue`] if it is.",
    None
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_cannot_reach_another_key() {
        let long = "x".repeat(129);
        for bad in ["", "a:b", "a{b", "a}b", "a b", "a\nb", "a\u{0}", "\u{85}", "\u{3000}", long.as_str()] {
            assert!(TaskId::new(bad).is_err(), "{bad:?}");
            assert!(Service::new(bad).is_err(), "{bad:?}");
            assert!(UserId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["1", "external-1", "앨리스", "a/b", &"x".repeat(128)] {
            assert!(TaskId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_stored_id_may_be_strange_but_is_not_the_sequence() {
        assert!(TaskId::stored("a:b c").is_ok());
        assert!(TaskId::stored("").is_err());
        assert!(TaskId::stored("id:sequence").is_err());
        assert!(TaskId::stored("a:b").unwrap().check_new().is_err());
    }

    #[test]
    fn the_error_names_the_value() {
        let error = TaskId::new("a:b").unwrap_err().to_string();
        assert!(error.starts_with("invalid task id \"a:b\": it contains ':'"), "{error}");
    }
}
