//! How much a guest computes, and when it has to let others go first.
//!
//! A guest may compute on the host's own threads for as long as it has waited, and what is over soon does not count. That
//! is not enough where hundreds of guests have waited and are woken at once: so the time for which they have those threads
//! comes out of one budget too, which half of the threads' time fills. Whoever has used up one of the two takes turns.
//!
//! Whether a guest computes for long is only seen when it has done so. So while the budget is spent, whoever has done so
//! lately takes its turn before it computes, and the others are asked more often whether they still do.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::cpu_time::{CpuTime, nanoseconds};

/// How long a guest computes in one turn; and without one, how much longer than it has waited.
pub(super) const TURN: Duration = Duration::from_millis(10);

/// A guest that lets go of its thread so soon holds up nobody, however often it comes back.
const SOON: Duration = Duration::from_micros(500);

/// How long a guest that has computed for long is taken to do so again.
const LATELY: Duration = Duration::from_secs(1);

/// How often a guest that computes is asked whether others have to have their turn.
const TICK: Duration = Duration::from_millis(5);

/// How much guests may compute on the host's threads, together, without a turn.
#[derive(Debug)]
pub(super) struct Budget {
    made: Instant,
    threads: u32,
    /// Until when the budget is spent, in nanoseconds since it was made.
    spent: AtomicU64,
}

impl Budget {
    /// For how long it fills until it is full.
    const FILLS: Duration = TURN.saturating_mul(2);

    /// The budget of so many threads, full.
    pub(super) fn new(threads: usize) -> Self {
        Self {
            made: Instant::now(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1),
            spent: AtomicU64::new(0),
        }
    }

    /// How long to wait until the guests that compute are asked again whether they have to yield.
    pub(super) fn tick(&self) -> Duration {
        if self.is_spent() { SOON } else { TICK }
    }

    fn is_spent(&self) -> bool {
        self.is_spent_at(self.made.elapsed())
    }

    fn is_spent_at(&self, now: Duration) -> bool {
        self.spent.load(Ordering::Relaxed) > nanoseconds(now + Self::FILLS)
    }

    fn spend(&self, time: Duration) {
        self.spend_at(self.made.elapsed(), time);
    }

    /// Takes from it the time for which a guest has had a thread. It never owes more than it holds, or those who come later would pay for long.
    fn spend_at(&self, now: Duration, time: Duration) {
        let most = nanoseconds(now + Self::FILLS * 2);
        let (now, cost) = (nanoseconds(now), nanoseconds(time * 2 / self.threads));
        let spend = |spent: u64| Some(spent.max(now).saturating_add(cost).min(most));
        _ = self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
    }
}

/// How much a guest has computed, and how much it may before it takes a turn.
#[derive(Debug)]
pub(super) struct Pace {
    cpu: CpuTime,
    budget: Arc<Budget>,
    /// The processor time, in nanoseconds from the start, at which it has to take a turn.
    allowed: AtomicU64,
    /// Until when it is taken to compute for long, in nanoseconds since the budget was made; zero if it never has.
    long_until: AtomicU64,
    /// It has its turn.
    in_turn: AtomicBool,
    /// It has let go of its thread for others, and waits for nothing.
    yields: AtomicBool,
}

impl Pace {
    /// The pace of a guest that has not begun, one of those with this budget.
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            cpu: CpuTime::default(),
            budget: budget.clone(),
            allowed: AtomicU64::new(nanoseconds(TURN)),
            long_until: AtomicU64::new(0),
            in_turn: AtomicBool::new(false),
            yields: AtomicBool::new(false),
        }
    }

    /// The processor time that the guest has used.
    pub(super) fn used(&self) -> Duration {
        self.cpu.used()
    }

    /// Whether the guest, which is asked while it computes, has to let others go first now.
    pub(super) fn has_to_yield(&self) -> bool {
        let used = self.cpu.used_by_now();
        let has_to = used >= self.allowed() || (self.is_long_at_home(used) && self.budget.is_spent());
        if has_to {
            self.allowed.store(0, Ordering::Relaxed);
        }
        self.yields.store(has_to, Ordering::Relaxed);
        has_to
    }

    fn is_long_at_home(&self, used: Duration) -> bool {
        !self.in_turn.load(Ordering::Relaxed) && used - self.cpu.used() >= SOON
    }

    /// Whether it has to take a turn before it computes.
    pub(super) fn wants_turn(&self) -> bool {
        self.cpu.used() >= self.allowed() || self.has_to_make_way()
    }

    /// Whether it computes for long, as far as is known, and the budget is spent.
    fn has_to_make_way(&self) -> bool {
        let until = self.long_until.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let now = self.budget.made.elapsed();
        nanoseconds(now) < until && self.budget.is_spent_at(now)
    }

    /// Lets it compute as much more as it has waited.
    pub(super) fn earn(&self, waited: Duration) {
        if !self.yields.swap(false, Ordering::Relaxed) {
            self.allow(self.allowed() + waited);
        }
    }

    /// Lets it compute without a turn. What it lets go of soon does not count.
    pub(super) fn poll<F: Future>(&self, guest: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (polled, spent) = self.compute(guest, context);
        if spent >= SOON {
            // The others have waited for its thread, whoever else has had the core meanwhile.
            self.budget.spend(self.cpu.since_poll());
        } else if !self.yields.load(Ordering::Relaxed) {
            self.allow(self.allowed() + spent);
        }
        polled
    }

    /// Lets it compute in its turn.
    pub(super) fn poll_in_turn<F: Future>(&self, guest: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.in_turn.store(true, Ordering::Relaxed);
        self.yields.store(false, Ordering::Relaxed);
        self.allow(self.cpu.used() + TURN);
        let (polled, _) = self.compute(guest, context);
        self.in_turn.store(false, Ordering::Relaxed);
        polled
    }

    /// Lets it compute. Gives what it has used, too.
    fn compute<F: Future>(&self, guest: Pin<&mut F>, context: &mut Context<'_>) -> (Poll<F::Output>, Duration) {
        let before = self.cpu.used();
        let polled = self.cpu.poll(guest, context);
        let spent = self.cpu.used() - before;
        if spent >= SOON {
            self.long_until.store(nanoseconds(self.budget.made.elapsed() + LATELY), Ordering::Relaxed);
        }
        (polled, spent)
    }

    fn allowed(&self) -> Duration {
        Duration::from_nanos(self.allowed.load(Ordering::Relaxed))
    }

    /// Lets it compute until it has used so much, but for no longer than a turn.
    fn allow(&self, until: Duration) {
        let until = until.min(self.cpu.used() + TURN);
        self.allowed.store(nanoseconds(until), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    /// A budget that does not fill while a test takes its time.
    fn spent() -> Arc<Budget> {
        let budget = Budget::new(1);
        budget.spent.store(u64::MAX, Ordering::Relaxed);
        Arc::new(budget)
    }

    /// Computes so long in one go, and then asks whether it has to yield.
    async fn computes(pace: &Pace, time: Duration) -> bool {
        let end = pace.used() + time;
        while pace.cpu.used_by_now() < end {}
        pace.has_to_yield()
    }

    /// The same without a turn.
    fn has_to_yield_after(pace: &Pace, time: Duration) -> bool {
        pace.poll(pin!(computes(pace, time)), &mut Context::from_waker(Waker::noop())) == Poll::Ready(true)
    }

    #[test]
    fn what_is_over_soon_does_not_count_however_often_and_what_is_long_does() {
        let pace = Pace::new(&Arc::new(Budget::new(1)));
        while pace.used() < TURN * 2 {
            assert!(!has_to_yield_after(&pace, SOON / 5));
        }
        assert!(!pace.wants_turn());
        assert!(has_to_yield_after(&pace, TURN));
        assert!(pace.wants_turn());
    }

    #[test]
    fn what_a_guest_has_waited_it_may_compute_but_no_more_than_a_turn() {
        let pace = Pace::new(&Arc::new(Budget::new(1)));
        pace.allow(Duration::ZERO);
        assert!(pace.wants_turn());
        pace.earn(Duration::from_millis(1));
        assert!(!pace.wants_turn());
        pace.earn(TURN * 2);
        assert_eq!(pace.allowed(), TURN);
        // Who yields has not waited.
        pace.allow(Duration::ZERO);
        assert!(pace.has_to_yield());
        pace.earn(TURN);
        assert!(pace.wants_turn());
    }

    #[test]
    fn who_has_waited_takes_a_turn_if_the_others_have_spent_the_budget() {
        let pace = Pace::new(&spent());
        assert!(!has_to_yield_after(&pace, SOON / 5), "it may be over soon");
        assert!(has_to_yield_after(&pace, SOON) && pace.wants_turn());
    }

    #[test]
    fn who_has_computed_for_long_lately_takes_a_turn_first_while_the_budget_is_spent() {
        type Way = fn(&Pace, Pin<&mut dyn Future<Output = ()>>, &mut Context<'_>) -> Poll<()>;
        let ways: [Way; 2] = [
            |pace, guest, context| pace.poll(pin!(guest), context),
            |pace, guest, context| pace.poll_in_turn(pin!(guest), context),
        ];
        for poll in ways {
            let budget = Arc::new(Budget::new(1));
            let pace = Pace::new(&budget);
            let computes = |time| {
                let end = pace.used() + time;
                let guest = pin!(async { while pace.cpu.used_by_now() < end {} });
                assert!(poll(&pace, guest, &mut Context::from_waker(Waker::noop())).is_ready());
            };
            computes(SOON / 5);
            budget.spent.store(u64::MAX, Ordering::Relaxed);
            assert!(!pace.wants_turn(), "it was over soon");
            computes(SOON);
            budget.spent.store(0, Ordering::Relaxed);
            assert!(!pace.wants_turn(), "nobody has spent anything");
            budget.spent.store(u64::MAX, Ordering::Relaxed);
            assert!(pace.wants_turn());
            computes(SOON / 5);
            assert!(pace.wants_turn(), "it is not forgotten for what was over soon");
            pace.long_until.store(1, Ordering::Relaxed);
            assert!(!pace.wants_turn(), "that was long ago");
        }
    }

    #[test]
    fn guests_are_asked_more_often_while_the_budget_is_spent() {
        assert!(spent().tick() < Budget::new(1).tick());
    }

    #[test]
    fn in_its_turn_a_guest_computes_whatever_the_others_have_spent() {
        let pace = Pace::new(&spent());
        let polled = pace.poll_in_turn(pin!(computes(&pace, SOON)), &mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(false));
    }

    #[test]
    fn a_budget_fills_in_half_of_the_time_of_its_threads_and_never_owes_more_than_it_holds() {
        let (budget, start) = (Budget::new(4), Duration::from_secs(1));
        budget.spend_at(start, Budget::FILLS * 2);
        assert!(!budget.is_spent_at(start), "four threads have as much in half of that time");
        budget.spend_at(start, TURN);
        assert!(budget.is_spent_at(start));
        assert!(!budget.is_spent_at(start + TURN / 2));
        budget.spend_at(start, Duration::from_secs(3_600));
        assert!(budget.is_spent_at(start + Budget::FILLS / 2));
        assert!(!budget.is_spent_at(start + Budget::FILLS));
    }

    #[test]
    fn what_is_long_is_taken_from_the_budget_and_what_is_over_soon_is_not() {
        let budget = Arc::new(Budget::new(1));
        let pace = Pace::new(&budget);
        has_to_yield_after(&pace, SOON / 5);
        assert_eq!(budget.spent.load(Ordering::Relaxed), 0);
        has_to_yield_after(&pace, SOON);
        assert!(budget.spent.load(Ordering::Relaxed) >= nanoseconds(SOON * 2));
    }
}
