//! Whose turn it is to compute.
//!
//! A guest that soon lets go of its thread, or waits at least as long as it computes, goes on as soon as it is woken, unless
//! too many want that at once: see [`super::pace`]. One that computes for longer takes turns with the others of its kind, in
//! the order in which they asked, on threads of their own: so there is no more before a guest that has just been woken than
//! what else was woken, however many guests compute.
//!
//! Those threads have a lower priority. They take what is left of the cores, which is all of them if nobody else wants
//! any, and a thread that has been woken does not wait until they let go of one.

use std::future::poll_fn;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Instant;

use futures_util::task::AtomicWaker;
use tokio::runtime::{self, Handle, Runtime};
use tokio::task::JoinHandle;
use tracing::Span;

use super::lock;
use super::pace::{Budget, Pace};

/// By how much the priority is lower of a thread on which guests compute. The share of a core that it has beside a
/// thread of the usual priority is a tenth.
const LOWER: i32 = 10;

/// The threads on which guests have their turns.
#[derive(Debug)]
pub(super) struct Turns {
    /// Taken when the turns go.
    threads: Option<Runtime>,
    /// What guests may compute without a turn.
    budget: Arc<Budget>,
}

impl Turns {
    /// Turns of which so many are taken at once, beside as many threads on which guests are at home.
    pub(super) fn new(at_once: usize) -> io::Result<Self> {
        let threads = runtime::Builder::new_multi_thread()
            .worker_threads(at_once)
            .thread_name("task-state-turn")
            .on_thread_start(lower_priority)
            // What is asked first comes first: a thread takes no more than one at a time from the common queue.
            .global_queue_interval(1)
            // A guest that only lets others go first, by `yield_now`, is woken when events are looked at.
            .event_interval(1)
            .build()?;
        Ok(Self { threads: Some(threads), budget: Arc::new(Budget::new(at_once)) })
    }

    /// What guests may compute without a turn.
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The pace of one more guest.
    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::new(Pace::new(&self.budget))
    }

    /// A guest that takes turns if its pace asks for it.
    pub(super) fn of<F: Future>(&self, guest: F, pace: Arc<Pace>) -> InTurn<'_, F> {
        InTurn { turns: self, pace, place: Place::Here(Box::pin(guest)), left: Instant::now() }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which is forbidden on a thread of another one.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Lowers the priority of this thread, where a thread has one of its own. A thread that is made for what blocks, such as
/// reading a file, has that of whoever is the first to need it.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(LOWER) {
        tracing::debug!(%error, "guests compute at the usual priority");
    }
}

/// A guest that takes turns.
pub(super) struct InTurn<'a, F: Future> {
    turns: &'a Turns,
    pace: Arc<Pace>,
    place: Place<F>,
    /// When it was last left to wait.
    left: Instant,
}

/// Where a guest is.
enum Place<F: Future> {
    Here(Pin<Box<F>>),
    /// It has its turn, or waits for it.
    Away(Turn<F>),
    /// It has ended.
    Ended(Option<F::Output>),
}

struct Turn<F: Future> {
    /// The guest, until its turn begins.
    waits: Arc<Mutex<Option<Pin<Box<F>>>>>,
    taken: JoinHandle<Option<Taken<F>>>,
    waker: Arc<HomeWaker>,
}

/// A guest and what came of it in its turn.
type Taken<F> = (Pin<Box<F>>, Poll<<F as Future>::Output>);

/// Wakes a guest that has its turn: it is polled when it is home again.
#[derive(Debug, Default)]
struct HomeWaker {
    is_woken: AtomicBool,
    home: AtomicWaker,
}

impl Wake for HomeWaker {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.home.wake();
    }
}

impl<F> InTurn<'_, F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Waits for the end of its turn, so that it computes nothing any more until it is polled. A turn that has not begun is
    /// not waited for.
    pub(super) async fn back(&mut self) {
        let waiting = match &self.place {
            Place::Away(turn) => lock(&turn.waits).take(),
            _ => None,
        };
        if let Some(guest) = waiting {
            self.place = Place::Here(guest);
        }
        poll_fn(|context| self.poll_back(context)).await;
    }

    fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Place::Away(turn) = &mut self.place else { return Poll::Ready(()) };
        self.place = match ready!(Pin::new(&mut turn.taken).poll(context)) {
            Ok(Some((_, Poll::Ready(output)))) => Place::Ended(Some(output)),
            Ok(Some((guest, Poll::Pending))) => Place::Here(guest),
            // It was called back, and is not here.
            Ok(None) => Place::Ended(None),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Its threads have ended, and so does the host.
                Err(_) => Place::Ended(None),
            },
        };
        self.left = Instant::now();
        Poll::Ready(())
    }

    /// Has a guest polled in its turn, as if that were done here.
    fn send(&self, turns: &Runtime, guest: Pin<Box<F>>) -> Turn<F> {
        let (pace, home, span) = (self.pace.clone(), Handle::current(), Span::current());
        let waker = Arc::new(HomeWaker::default());
        let guest_waker = Waker::from(waker.clone());
        let waits = Arc::new(Mutex::new(Some(guest)));
        let waiting = waits.clone();
        let taken = turns.spawn(async move {
            let mut guest = lock(&waiting).take()?;
            let (_home, _span) = (home.enter(), span.enter());
            let polled = pace.poll_in_turn(guest.as_mut(), &mut Context::from_waker(&guest_waker));
            Some((guest, polled))
        });
        Turn { waits, taken, waker }
    }
}

impl<F> Future for InTurn<'_, F>
where
    F: Future + Send + 'static,
    F::Output: Send + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        loop {
            if let Place::Away(Turn { waker, .. }) = &this.place {
                let waker = waker.clone();
                waker.home.register(context.waker());
                ready!(this.poll_back(context));
                if matches!(this.place, Place::Here(_)) && !waker.is_woken.load(Ordering::Acquire) {
                    return Poll::Pending;
                }
            }
            this.pace.earn(this.left.elapsed());
            match (std::mem::replace(&mut this.place, Place::Ended(None)), &this.turns.threads) {
                (Place::Here(guest), Some(turns)) if this.pace.wants_turn() => {
                    this.place = Place::Away(this.send(turns, guest));
                }
                (Place::Here(mut guest), _) => {
                    let polled = this.pace.poll(guest.as_mut(), context);
                    if polled.is_pending() {
                        this.place = Place::Here(guest);
                    }
                    this.left = Instant::now();
                    return polled;
                }
                (Place::Ended(output), _) => return output.map_or(Poll::Pending, Poll::Ready),
                (Place::Away(turn), _) => this.place = Place::Away(turn),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::try_join_all;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    /// A task of its own that takes turns.
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        turns: &Arc<Turns>,
        pace: &Arc<Pace>,
        guest: F,
    ) -> JoinHandle<()> {
        let (turns, pace) = (turns.clone(), pace.clone());
        tokio::spawn(async move { turns.of(guest, pace).await })
    }

    /// Computes until others have to have their turn.
    async fn computes(pace: Arc<Pace>) {
        while !pace.has_to_yield() {}
        yield_now().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_computes_takes_turns_and_all_come_to_theirs() {
        let turns = Arc::new(Turns::new(1).unwrap());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut guests = Vec::new();
        for _ in 0..4 {
            let (now, most, pace) = (now.clone(), most.clone(), turns.pace());
            let own = pace.clone();
            let guest = async move {
                // At first it may compute without one.
                computes(own.clone()).await;
                for _ in 0..5 {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    while !own.has_to_yield() {}
                    now.fetch_sub(1, Ordering::SeqCst);
                    yield_now().await;
                }
            };
            guests.push(spawn(&turns, &pace, guest));
        }
        try_join_all(guests).await.unwrap();
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn who_waits_goes_on_while_others_compute() {
        let (turns, stop) = (Arc::new(Turns::new(1).unwrap()), Arc::new(AtomicBool::new(false)));
        let pace = turns.pace();
        let (stopped, own) = (stop.clone(), pace.clone());
        let (begun, begins) = oneshot::channel();
        // It never lets go of its thread: if that were the only one, nobody would go on.
        let guest = async move {
            computes(own).await;
            begun.send(()).unwrap();
            while !stopped.load(Ordering::SeqCst) {}
        };
        let guest = spawn(&turns, &pace, guest);
        begins.await.unwrap();
        spawn(&turns, &turns.pace(), yield_now()).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        guest.await.unwrap();
    }

    #[tokio::test]
    async fn a_turn_is_as_if_it_were_taken_at_home() {
        let turns = Arc::new(Turns::new(1).unwrap());
        let pace = turns.pace();
        let own = pace.clone();
        let home = Handle::current().id();
        let guest = async move {
            computes(own.clone()).await;
            assert_eq!(std::thread::current().name(), Some("task-state-turn"));
            assert_eq!(Handle::current().id(), home);
            // What wakes it while it is away is not lost.
            let (ready, is_ready) = oneshot::channel();
            tokio::spawn(async move { ready.send(()).unwrap() });
            is_ready.await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            computes(own).await;
            panic!("it breaks in its turn");
        };
        let broken = spawn(&turns, &pace, guest).await.unwrap_err().into_panic();
        assert_eq!(broken.downcast_ref(), Some(&"it breaks in its turn"));
    }

    #[tokio::test]
    async fn a_guest_that_waits_after_its_turn_is_left_alone_until_it_is_woken() {
        let turns = Turns::new(1).unwrap();
        let (pace, polls) = (turns.pace(), Arc::new(AtomicUsize::new(0)));
        let (own, counted) = (pace.clone(), polls.clone());
        let (ready, mut is_ready) = oneshot::channel::<()>();
        let guest = async move {
            computes(own).await;
            let in_turn = poll_fn(|context| {
                counted.fetch_add(1, Ordering::SeqCst);
                Pin::new(&mut is_ready).poll(context)
            });
            in_turn.await.unwrap();
        };
        let mut guest = turns.of(guest, pace);
        while polls.load(Ordering::SeqCst) == 0 || matches!(guest.place, Place::Away(_)) {
            assert!((&mut guest).now_or_never().is_none());
            yield_now().await;
        }
        assert_eq!(polls.load(Ordering::SeqCst), 1, "it came home and was polled there");
        ready.send(()).unwrap();
        guest.await;
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_lets_the_others_go_first_waits_for_one_turn_of_each() {
        const OTHERS: usize = 3;
        const TURNS: usize = 5;
        let turns = Arc::new(Turns::new(1).unwrap());
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut guests = Vec::new();
        for _ in 0..OTHERS {
            let (pace, stop, taken) = (turns.pace(), stop.clone(), taken.clone());
            let own = pace.clone();
            // It is ready again at once, as one is that wasmtime interrupts.
            let guest = async move {
                while !stop.load(Ordering::SeqCst) {
                    while !own.has_to_yield() {}
                    taken.fetch_add(1, Ordering::SeqCst);
                    let mut is_over = false;
                    poll_fn(|context| {
                        context.waker().wake_by_ref();
                        if std::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                }
            };
            guests.push(spawn(&turns, &pace, guest));
        }
        let (pace, counted) = (turns.pace(), taken.clone());
        let own = pace.clone();
        let guest = async move {
            computes(own.clone()).await;
            let before = counted.load(Ordering::SeqCst);
            for _ in 0..TURNS {
                computes(own.clone()).await;
            }
            let others = counted.load(Ordering::SeqCst) - before;
            assert!(others <= (TURNS + 1) * OTHERS * 2, "{others} turns of the others");
        };
        let result = spawn(&turns, &pace, guest).await;
        stop.store(true, Ordering::SeqCst);
        try_join_all(guests).await.unwrap();
        result.unwrap();
    }

    #[tokio::test]
    async fn a_guest_whose_turn_has_not_begun_is_called_back_at_once() {
        let (turns, stop) = (Turns::new(1).unwrap(), Arc::new(AtomicBool::new(false)));
        let (begun, begins) = oneshot::channel();
        let stopped = stop.clone();
        // It has the only thread, and does not let go of it.
        let busy = turns.threads.as_ref().unwrap().spawn(async move {
            begun.send(()).unwrap();
            while !stopped.load(Ordering::SeqCst) {}
        });
        begins.await.unwrap();
        let pace = turns.pace();
        let mut guest = turns.of(computes(pace.clone()), pace);
        assert!((&mut guest).now_or_never().is_none());
        while matches!(guest.place, Place::Here(_)) {
            assert!((&mut guest).now_or_never().is_none());
        }
        guest.back().await;
        assert!(matches!(guest.place, Place::Here(_)));
        stop.store(true, Ordering::SeqCst);
        busy.await.unwrap();
        // It goes on where it was.
        guest.await;
    }

    #[tokio::test]
    async fn a_guest_that_is_called_back_computes_nothing_any_more() {
        let (turns, turn) = (Turns::new(1).unwrap(), Arc::new(AtomicUsize::new(0)));
        let pace = turns.pace();
        let (own, counted) = (pace.clone(), turn.clone());
        let guest = async move {
            loop {
                counted.fetch_add(1, Ordering::SeqCst);
                computes(own.clone()).await;
            }
        };
        let mut guest = turns.of(guest, pace);
        while turn.load(Ordering::SeqCst) < 3 {
            assert!((&mut guest).now_or_never().is_none());
            yield_now().await;
        }
        guest.back().await;
        assert!(matches!(guest.place, Place::Here(_)));
        let mut ends = turns.of(async {}, turns.pace());
        ends.back().await;
        ends.await;
    }
}
