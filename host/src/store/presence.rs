//! Which host processes there are.

use crate::record::{InvalidValue, JsonObject, Timestamp};

/// The most bytes that a host may say of itself.
pub const MAX_ABOUT_BYTES: usize = 256 << 10;

const MAX_NAME_BYTES: usize = 256;

/// A host process, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAbout {
    /// Its name, which others may have: at most 256 bytes, without control characters.
    pub name: String,
    /// Whatever there is to say of it, in at most [`MAX_ABOUT_BYTES`].
    pub about: JsonObject,
}

impl HostAbout {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        let Self { name, about } = self;
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            let why = format!("a host's name has 1 to {MAX_NAME_BYTES} bytes, and no control characters");
            return Err(InvalidValue::new("host", name, why));
        }
        let bytes = about.as_str().len();
        if bytes > MAX_ABOUT_BYTES {
            let why = format!("it has {bytes} bytes, and at most {MAX_ABOUT_BYTES} are allowed");
            return Err(InvalidValue::new("about", name, why));
        }
        Ok(())
    }
}

/// A host process that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSeen {
    /// The host.
    pub about: HostAbout,
    /// When it said so last.
    pub seen: Timestamp,
}

/// In the order of their names.
pub(super) fn in_order(mut hosts: Vec<HostSeen>) -> Vec<HostSeen> {
    hosts.sort_by(|one, other| one.about.name.cmp(&other.about.name));
    hosts
}
