//! The input of a task: bytes that somebody uploads before it begins, and that its run reads as its standard input.

use std::fmt;

use crate::record::InvalidValue;

/// The most bytes that an input may have: 256 MiB. Whoever takes uploads may have a lower bound of his own.
pub const MAX_INPUT_BYTES: u64 = 256 << 20;

/// The most bytes that are read of an input, and written to it, in one step: 256 KiB.
pub const MAX_INPUT_PIECE: usize = 256 << 10;

/// An input that is uploaded: a name that no other has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InputId(String);

impl InputId {
    /// A name that no other input has had.
    pub fn unique() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// A name that somebody was given.
    ///
    /// # Errors
    /// [`InvalidValue`] if none is like this: 32 digits from `0` to `f`.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(InvalidValue::new("input_id", text, "it is not 32 digits from 0 to f"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Checks that an input with so many bytes more from an offset on is none too large.
pub(super) fn check_end(offset: u64, bytes: usize) -> Result<(), InvalidValue> {
    let end = offset.saturating_add(bytes as u64);
    if end > MAX_INPUT_BYTES {
        let why = format!("an input has at most {MAX_INPUT_BYTES} bytes");
        return Err(InvalidValue::new("input", &format!("{end} bytes"), why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_given() {
        let id = InputId::unique();
        assert_eq!(InputId::parse(id.as_str()).unwrap(), id);
        for bad in ["", "1", &"A".repeat(32), &"é".repeat(16), &format!("{id}0"), "../../../../../../../../etc/shad"] {
            assert!(InputId::parse(bad).is_err(), "{bad}");
        }
    }
}
