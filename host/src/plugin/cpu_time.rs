//! The time that a guest computes.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts the processor time of a future, by the clock of the thread that polls it.
#[derive(Debug, Default)]
pub(super) struct CpuTime(AtomicU64);

impl CpuTime {
    /// The time that has been counted so far.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// The same future, counted.
    pub(super) fn of<F: Future>(&self, future: F) -> Counted<'_, F> {
        Counted { counter: self, future: Box::pin(future) }
    }
}

/// A future whose processor time is counted.
pub(super) struct Counted<'a, F> {
    counter: &'a CpuTime,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Counted<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let before = thread_time();
        let polled = self.future.as_mut().poll(context);
        let spent = thread_time().saturating_sub(before);
        self.counter.0.fetch_add(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    }
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_not_counted_and_what_computes_is() {
        let cpu = CpuTime::default();
        cpu.of(tokio::time::sleep(Duration::from_millis(300))).await;
        let waited = cpu.used();
        cpu.of(async {
            let start = thread_time();
            while thread_time() - start < Duration::from_millis(300) {}
        })
        .await;
        assert!(waited < Duration::from_millis(300) && cpu.used() >= Duration::from_millis(300), "{waited:?}");
    }
}
