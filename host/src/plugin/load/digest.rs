//! The SHA-256 sum of a component.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

use crate::record::InvalidValue;

/// The SHA-256 sum of a component, by which it can be told from every other. It is written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The sum of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The sum of something that can only be hashed.
    pub(in crate::plugin) fn of_hash(hashed: &impl std::hash::Hash) -> Self {
        let mut hasher = Hasher(sha2::Sha256::new());
        hashed.hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }
}

struct Hasher(sha2::Sha256);

impl std::hash::Hasher for Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The whole sum is asked for, and never these 64 bits of it.
    fn finish(&self) -> u64 {
        0
    }
}

impl FromStr for Sha256 {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut sum = [0; 32];
        let is_sum = text.len() == 64
            && text.as_bytes().chunks(2).zip(&mut sum).all(|(pair, byte)| match (digit(pair[0]), digit(pair[1])) {
                (Some(high), Some(low)) => {
                    *byte = high << 4 | low;
                    true
                }
                _ => false,
            });
        let why = || InvalidValue::new("SHA-256 sum", text, "it is 64 hexadecimal digits");
        is_sum.then_some(Self(sum)).ok_or_else(why)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_it_is_written_in_either_case() {
        let sum = Sha256::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sum.to_string(), text);
        assert_eq!(text.parse(), Ok(sum));
        assert_eq!(text.to_uppercase().parse(), Ok(sum));
    }

    #[test]
    fn what_is_no_sum_is_named() {
        for text in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"a".repeat(65)] {
            let error = text.parse::<Sha256>().unwrap_err().to_string();
            assert!(error.contains("invalid SHA-256 sum") && error.contains("64 hexadecimal digits"), "{error}");
        }
    }
}
