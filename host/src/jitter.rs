//! Chance, for pauses that are not to end at the same moment everywhere.

/// A number from 0 to 1. Jitter needs no better source than the keys of the standard library's hash maps.
pub(crate) fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
