//! The time that a guest computes.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the processor time of a future, by the clock of the thread that polls it.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    /// Nanoseconds of the polls that have ended.
    used: AtomicU64,
    /// The clock of the thread that polls it, when it began to.
    began: AtomicU64,
}

impl CpuTime {
    /// The time that has been counted so far, without the poll that is under way.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// The same with the poll that is under way, as it is asked within.
    pub(super) fn used_by_now(&self) -> Duration {
        self.used() + thread_time().saturating_sub(Duration::from_nanos(self.began.load(Ordering::Relaxed)))
    }

    /// Polls a future, and counts what that takes.
    pub(super) fn poll<F: Future>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.began.store(nanoseconds(thread_time()), Ordering::Relaxed);
        let polled = future.poll(context);
        self.used.store(nanoseconds(self.used_by_now()), Ordering::Relaxed);
        polled
    }
}

/// A time as it is kept in an atomic number.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    /// Computes for so long.
    fn compute(time: Duration) {
        let start = thread_time();
        while thread_time() - start < time {}
    }

    #[tokio::test]
    async fn what_waits_is_not_counted_and_what_computes_is() {
        let cpu = CpuTime::default();
        let mut waits = pin!(tokio::time::sleep(Duration::from_millis(300)));
        poll_fn(|context| cpu.poll(waits.as_mut(), context)).await;
        let waited = cpu.used();
        let mut by_now = Duration::ZERO;
        let mut computes = pin!(async {
            compute(Duration::from_millis(300));
            by_now = cpu.used_by_now();
        });
        poll_fn(|context| cpu.poll(computes.as_mut(), context)).await;
        assert!(waited < Duration::from_millis(300) && cpu.used() >= Duration::from_millis(300), "{waited:?}");
        assert!(by_now >= waited + Duration::from_millis(300) && by_now <= cpu.used(), "{by_now:?}");
    }
}
