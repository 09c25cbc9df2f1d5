//! The search for an id that no task has.

use std::hash::{BuildHasher, RandomState};

use super::{Error, Result};

/// How many numbers in a row are tried. Beyond those the search goes on in steps of random length, twice as long at most
/// with each, so that ids which somebody has saved ahead do not hold it up, and cannot be saved where it will go.
const IN_A_ROW: u32 = 16;

/// The longest step, as a power of two. The sequence is not to run away.
const MAX_STEP_BITS: u32 = 20;

/// How many numbers are tried.
const MAX_TRIES: u32 = 100;

/// A search that goes along the sequence of ids.
#[derive(Debug, Default)]
pub(super) struct FreeId {
    tried: u32,
}

impl FreeId {
    /// How far the next number to try is from the last one that was given.
    pub(super) fn step(&mut self) -> Result<i64> {
        let tried = self.tried;
        self.tried += 1;
        match tried {
            0..IN_A_ROW => Ok(1),
            IN_A_ROW..MAX_TRIES => {
                let most = 1_u64 << (tried - IN_A_ROW + 1).min(MAX_STEP_BITS);
                Ok(1 + (RandomState::new().hash_one(tried) % most).cast_signed())
            }
            _ => Err(Error::Unavailable(format!("no free id was found: {MAX_TRIES} that were tried belong to tasks"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_come_first_and_then_longer_and_longer_steps_that_end() {
        let mut search = FreeId::default();
        let steps: Vec<i64> = std::iter::from_fn(|| search.step().ok()).collect();
        assert_eq!(steps.len(), 100);
        assert!(steps[..16].iter().all(|step| *step == 1));
        for (at, step) in steps[16..].iter().enumerate() {
            assert!((1..=1_i64 << (at + 1).min(20)).contains(step), "{at}: {step}");
        }
        assert!(steps.iter().sum::<i64>() > 1 << 22, "{steps:?}");
    }
}
