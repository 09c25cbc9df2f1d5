//! The time that a guest computes.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::lock;

/// How much of a poll may be counted that the guest did not compute. What is shorter is counted by the time that has passed,
/// and a reading of the thread's clock, which is a call of the system, is good for so long.
const TOLERANCE: Duration = Duration::from_micros(100);

thread_local! {
    /// What the clock of this thread has last shown, and when.
    static LAST: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Counts the processor time of a future, by the clock of the thread that polls it: never less than it has used, and never
/// more than [`TOLERANCE`] above that for a poll.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    /// Nanoseconds of the polls that have ended.
    used: AtomicU64,
    /// When the last poll began, and what the clock of its thread had shown.
    began: Mutex<Option<(Instant, Duration)>>,
}

impl CpuTime {
    /// The time that has been counted so far, without the poll that is under way.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// The same with the poll that is under way, as it is asked within.
    pub(super) fn used_by_now(&self) -> Duration {
        let Some((start, shown)) = *lock(&self.began) else { return self.used() };
        let now = Instant::now();
        let passed = now.saturating_duration_since(start);
        self.used() + if passed < TOLERANCE { passed } else { passed.min(read(now).saturating_sub(shown)) }
    }

    /// How long ago the last poll began.
    pub(super) fn since_poll(&self) -> Duration {
        lock(&self.began).map(|(start, _)| start.elapsed()).unwrap_or_default()
    }

    /// Polls a future, and counts what that takes.
    pub(super) fn poll<F: Future>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        let start = Instant::now();
        let last = LAST.get().filter(|(at, _)| start.saturating_duration_since(*at) < TOLERANCE);
        let shown = last.map_or_else(|| read(start), |(_, shown)| shown);
        *lock(&self.began) = Some((start, shown));
        let polled = future.poll(context);
        self.used.store(nanoseconds(self.used_by_now()), Ordering::Relaxed);
        polled
    }
}

/// A time as it is kept in an atomic number.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads the clock of this thread.
fn read(now: Instant) -> Duration {
    let shown = thread_time();
    LAST.set(Some((now, shown)));
    shown
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    /// Computes for so long, by either clock: they do not go exactly alike.
    fn compute(time: Duration) {
        let (start, shown) = (Instant::now(), thread_time());
        while thread_time() - shown < time || start.elapsed() < time {}
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
