//! The mean of a stream of numbers.

/// A mean of finite numbers that stays accurate whatever their number, order and size.
///
/// The sums are compensated (Neumaier 1974), so that small numbers are not lost beside large ones. Numbers so large that
/// a sum of them could overflow have a sum of their own, in which they are scaled down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mean {
    /// How many numbers there were.
    pub(crate) count: u64,
    usual: Sum,
    huge: Sum,
}

/// 2^900: it takes 2^123 smaller numbers to overflow their sum.
const HUGE: f64 = f64::from_bits((1_023 + 900) << 52);

/// 2^-100, a power of two, so that scaling by it loses nothing of a huge number.
const SCALE: f64 = f64::from_bits((1_023 - 100) << 52);

impl Mean {
    /// Takes one more number.
    pub(crate) fn add(&mut self, number: f64) {
        self.count += 1;
        if number.abs() < HUGE {
            self.usual.add(number);
        } else {
            self.huge.add(number * SCALE);
        }
    }

    /// Their mean, if there were any.
    pub(crate) fn mean(&self) -> Option<f64> {
        let count = self.count as f64;
        (self.count > 0).then(|| {
            let mean = self.huge.total() / count / SCALE + self.usual.total() / count;
            // Rounding can take it past the largest double, from there to infinity.
            mean.clamp(f64::MIN, f64::MAX)
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        let (large, small) = if self.sum.abs() >= number.abs() { (self.sum, number) } else { (number, self.sum) };
        self.lost += (large - sum) + small;
        self.sum = sum;
    }

    fn total(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
        let mut mean = Mean::default();
        numbers.into_iter().for_each(|number| mean.add(number));
        mean.mean()
    }

    #[test]
    fn a_mean_does_not_drift_over_many_numbers() {
        assert_eq!(mean([]), None);
        assert_eq!(mean(std::iter::repeat_n(0.1, 1_000_000)), Some(0.1));
        assert_eq!(mean((1..=1_000_000).map(|n| 1e9 + f64::from(n))), Some(1e9 + 500_000.5));
    }

    #[test]
    fn small_numbers_are_not_lost_beside_large_ones() {
        assert_eq!(mean([1e16, 1.0, -1e16]), Some(1.0 / 3.0));
        assert_eq!(mean([1.0, 1e100, 1.0, -1e100]), Some(0.5));
    }

    #[test]
    fn the_largest_numbers_have_a_mean() {
        assert_eq!(mean([f64::MAX; 3]), Some(f64::MAX));
        assert_eq!(mean([f64::MAX, f64::MIN, 3.0]), Some(1.0));
        assert_eq!(mean([1e308, 1e308, 4e307]), Some(8e307));
    }
}
