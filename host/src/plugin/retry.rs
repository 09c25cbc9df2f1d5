//! Another attempt at a task whose run has failed.

use std::time::Duration;

use crate::jitter::random_fraction;
use crate::units::spell;

/// The longest wait for an attempt.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// What comes after an attempt that fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    attempt: u32,
    attempts: u32,
    backoff: Duration,
}

impl Retry {
    /// None after the last attempt.
    pub(super) fn after(attempt: u32, attempts: u32, backoff: Duration) -> Option<Self> {
        (attempt < attempts).then_some(Self { attempt, attempts, backoff })
    }

    /// How long the next attempt is waited for, and what the task's log says of it.
    pub(super) fn next(self) -> (Duration, String) {
        let longest = self.longest();
        // Runs that failed together are not to be tried again together.
        let wait = longest.mul_f64(0.5 + 0.5 * random_fraction());
        let wait = Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let Self { attempt, attempts, .. } = self;
        (wait, format!("attempt {attempt} of {attempts} has failed, the next follows in {}", spell(wait)))
    }

    fn longest(self) -> Duration {
        let doubled = 2_u32.checked_pow(self.attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(doubled).min(MAX_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_up_to_an_hour_with_a_random_part_left_out() {
        let longest = |attempt| Retry::after(attempt, 99, Duration::from_secs(10)).unwrap().longest();
        assert_eq!([1, 2, 3].map(longest), [10, 20, 40].map(Duration::from_secs));
        assert_eq!([20, 64, 98].map(longest), [MAX_WAIT; 3]);
        let waits: Vec<_> = (0..50).map(|_| Retry::after(2, 3, Duration::from_secs(10)).unwrap().next().0).collect();
        assert!(waits.iter().all(|wait| (10..=20).contains(&wait.as_secs())), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]));
        assert_eq!(Retry::after(1, 2, Duration::ZERO).unwrap().next().0, Duration::ZERO);
    }

    #[test]
    fn there_is_none_after_the_last_attempt() {
        assert!(Retry::after(1, 1, Duration::ZERO).is_none());
        assert!(Retry::after(3, 3, Duration::ZERO).is_none());
        let (_, notice) = Retry::after(1, 2, Duration::ZERO).unwrap().next();
        assert_eq!(notice, "attempt 1 of 2 has failed, the next follows in 0s");
    }
}
