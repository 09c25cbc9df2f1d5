//! How many different values there are, in bounded memory.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault};

/// A count of different values that is exact up to a bound, and beyond it says no more than that.
///
/// It remembers a 64-bit hash of each value, so that long values cost no more than short ones. That two of ten thousand
/// values share one, and count as one, has a chance of one in 10^11.
#[derive(Debug, Clone)]
pub(crate) struct Distinct {
    seen: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    /// Up to how many are counted.
    pub(crate) bound: usize,
    is_over: bool,
}

impl Distinct {
    pub(crate) fn new(bound: usize) -> Self {
        Self { seen: HashSet::default(), bound, is_over: false }
    }

    /// Takes one more value.
    pub(crate) fn add(&mut self, value: &str) {
        if self.is_over {
            return;
        }
        self.seen.insert(BuildHasherDefault::<DefaultHasher>::default().hash_one(value));
        if self.seen.len() > self.bound {
            self.is_over = true;
            self.seen = HashSet::default();
        }
    }

    /// How many different values there were; `None` if there were more than the bound.
    pub(crate) fn count(&self) -> Option<usize> {
        (!self.is_over).then_some(self.seen.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(values: impl IntoIterator<Item = u32>, bound: usize) -> Option<usize> {
        let mut distinct = Distinct::new(bound);
        values.into_iter().for_each(|value| distinct.add(&value.to_string()));
        distinct.count()
    }

    #[test]
    fn a_value_counts_once_and_the_count_is_exact_up_to_the_bound_and_unknown_beyond() {
        assert_eq!(count([1, 2, 1, 3, 2, 1], 10), Some(3));
        assert_eq!(count([], 10), Some(0));
        assert_eq!(count((0..10_000).chain(0..10_000), 10_000), Some(10_000));
        assert_eq!(count(0..10_001, 10_000), None);
        assert_eq!(count([1, 2, 1], 1), None);
    }
}
