//! Pauses after failures, and how often they are complained of.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::jitter::random_fraction;
use crate::plugin::lock;

/// The first pause after a failure, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Between two warnings of the same kind.
const COMPLAIN_EVERY: Duration = Duration::from_secs(20);

/// Pauses between attempts at something that fails: each twice as long as the one before, and a random part of it left out.
#[derive(Debug)]
pub(super) struct Pauses {
    next: Duration,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.next.mul_f64(0.5 + 0.5 * random_fraction());
        self.next = (self.next * 2).min(LONGEST);
        pause
    }

    /// It has not failed.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }
}

/// Lets a complaint through now and then.
#[derive(Debug, Default)]
pub(super) struct Complaint(Mutex<Option<Instant>>);

impl Complaint {
    /// Whether it is time to complain again.
    pub(super) fn is_due(&self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> bool {
        let mut last = lock(&self.0);
        let is_due = last.is_none_or(|at| now >= at + COMPLAIN_EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew() {
        let mut pauses = Pauses::new();
        let first = pauses.next();
        assert!(first <= FIRST && first >= FIRST / 2);
        let later: Vec<_> = (0..20).map(|_| pauses.next()).collect();
        assert!(later.iter().all(|pause| *pause <= LONGEST) && later[19] >= LONGEST / 2);
        pauses.reset();
        assert!(pauses.next() <= FIRST);
    }

    #[test]
    fn a_complaint_is_heard_a_few_times_a_minute() {
        let (complaint, start) = (Complaint::default(), Instant::now());
        let seconds = (0..60).map(|second| start + Duration::from_secs(second));
        assert_eq!(seconds.filter(|now| complaint.is_due_at(*now)).count(), 3);
    }
}
