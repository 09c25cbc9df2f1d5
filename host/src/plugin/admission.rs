//! Whose turn it is: how many runs are under way, and in which order those that wait start.
//!
//! The runs of one plugin start in the order in which they came. Plugins that have runs waiting take turns, so that one
//! with a thousand of them holds up another's by one run at most; and each has a queue of its own to fill.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::{StartError, lock};

/// What a plugin may take of its host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    plugin: u64,
    max_runs: usize,
}

impl Share {
    /// The share of one more plugin.
    pub(super) fn new(max_runs: Option<usize>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { plugin: NEXT.fetch_add(1, Ordering::Relaxed), max_runs: max_runs.map_or(usize::MAX, |most| most.max(1)) }
    }
}

/// Admits runs to a host.
#[derive(Debug)]
pub(super) struct Admission {
    max_runs: usize,
    /// How many runs of one plugin may wait.
    max_queued: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    running: usize,
    plugins: HashMap<u64, Plugin>,
    /// The plugins that have runs waiting, the next one first.
    turns: VecDeque<u64>,
}

/// The runs of a plugin, while it has any.
#[derive(Debug)]
struct Plugin {
    max_runs: usize,
    running: usize,
    queue: VecDeque<oneshot::Sender<Permit>>,
}

/// One run may be under way for as long as this is there.
#[derive(Debug)]
pub(super) struct Permit {
    /// None if it was never handed over.
    admission: Option<Arc<Admission>>,
    plugin: u64,
}

impl Admission {
    pub(super) fn new(max_runs: usize, max_queued: usize) -> Arc<Self> {
        Arc::new(Self { max_runs, max_queued, state: Mutex::default() })
    }

    /// Waits for the turn of one more run.
    pub(super) async fn admit(self: &Arc<Self>, share: Share) -> Result<Permit, StartError> {
        let turn = {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(StartError::ShuttingDown);
            }
            let is_free = state.running < self.max_runs;
            let plugin = state.plugins.entry(share.plugin).or_insert_with(|| Plugin::new(share.max_runs));
            if is_free && plugin.may_run() {
                plugin.running += 1;
                state.running += 1;
                return Ok(self.permit(share.plugin));
            }
            let turn = plugin.wait(self.max_queued);
            let (running, queued) = (plugin.running, plugin.queue.len());
            let Some(turn) = turn else {
                state.forget_idle(share.plugin);
                return Err(StartError::Full { running, queued });
            };
            if queued == 1 {
                state.turns.push_back(share.plugin);
            }
            turn
        };
        turn.await.map_err(|_| StartError::ShuttingDown)
    }

    /// Admits no further run, and sends away those that wait.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.turns.clear();
        state.plugins.values_mut().for_each(|plugin| plugin.queue.clear());
    }

    /// Takes back what a run had, and gives it to the next one that still waits.
    fn give_back(self: &Arc<Self>, plugin: u64) {
        let mut ended = plugin;
        loop {
            let (next, plugin) = {
                let mut state = lock(&self.state);
                state.leave(ended);
                match state.next() {
                    Some(next) => next,
                    None => return,
                }
            };
            match next.send(self.permit(plugin)) {
                Ok(()) => return,
                // Whoever waited has left in this moment.
                Err(mut permit) => permit.admission = None,
            }
            ended = plugin;
        }
    }

    fn permit(self: &Arc<Self>, plugin: u64) -> Permit {
        Permit { admission: Some(self.clone()), plugin }
    }
}

impl State {
    /// The next run in its turn, which is under way from now on.
    fn next(&mut self) -> Option<(oneshot::Sender<Permit>, u64)> {
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let Some(plugin) = self.plugins.get_mut(&id) else { continue };
            plugin.queue.retain(|turn| !turn.is_closed());
            let next = if plugin.may_run() { plugin.queue.pop_front() } else { None };
            plugin.running += usize::from(next.is_some());
            if !plugin.queue.is_empty() {
                self.turns.push_back(id);
            }
            match next {
                Some(next) => {
                    self.running += 1;
                    return Some((next, id));
                }
                None => self.forget_idle(id),
            }
        }
        None
    }

    fn leave(&mut self, id: u64) {
        self.running -= 1;
        if let Some(plugin) = self.plugins.get_mut(&id) {
            plugin.running -= 1;
        }
        self.forget_idle(id);
    }

    fn forget_idle(&mut self, id: u64) {
        if self.plugins.get(&id).is_some_and(|plugin| plugin.running == 0 && plugin.queue.is_empty()) {
            self.plugins.remove(&id);
        }
    }
}

impl Plugin {
    fn new(max_runs: usize) -> Self {
        Self { max_runs, running: 0, queue: VecDeque::new() }
    }

    fn may_run(&self) -> bool {
        self.running < self.max_runs
    }

    /// A place at the end of the queue, if there is one.
    fn wait(&mut self, most: usize) -> Option<oneshot::Receiver<Permit>> {
        if self.queue.len() >= most {
            self.queue.retain(|turn| !turn.is_closed());
        }
        (self.queue.len() < most).then(|| {
            let (place, turn) = oneshot::channel();
            self.queue.push_back(place);
            turn
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.give_back(self.plugin);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt as _;

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Permit, StartError>>>>;

    /// Asks for a run, and waits in the queue if it has to.
    fn ask(admission: &Arc<Admission>, share: Share) -> Waiting {
        let admission = admission.clone();
        let mut waiting: Waiting = Box::pin(async move { admission.admit(share).await });
        assert!(waiting.as_mut().now_or_never().is_none(), "it did not have to wait");
        waiting
    }

    fn admitted(admission: &Arc<Admission>, share: Share) -> Permit {
        admission.admit(share).now_or_never().unwrap().unwrap()
    }

    /// Ends runs one after the other, and tells in which order those that wait start.
    fn order(first: Permit, mut waiting: Vec<(&'static str, Waiting)>) -> Vec<&'static str> {
        let (mut order, mut running) = (Vec::new(), Some(first));
        while running.take().is_some() {
            let next = waiting.iter_mut().enumerate().find_map(|(at, (_, run))| Some((at, run.now_or_never()?)));
            if let Some((at, permit)) = next {
                order.push(waiting.remove(at).0);
                running = Some(permit.unwrap());
            }
        }
        order
    }

    #[test]
    fn plugins_take_turns_and_the_runs_of_each_start_in_order() {
        let admission = Admission::new(1, 10);
        let (many, few) = (Share::new(None), Share::new(None));
        let first = admitted(&admission, many);
        let asked = [("a", many), ("b", many), ("c", many), ("x", few), ("y", few)];
        let waiting = asked.map(|(name, share)| (name, ask(&admission, share)));
        assert_eq!(order(first, waiting.into()), ["a", "x", "b", "y", "c"]);
        assert!(lock(&admission.state).plugins.is_empty());
    }

    #[test]
    fn a_plugin_has_no_more_than_its_share_and_what_is_left_goes_to_others() {
        let admission = Admission::new(3, 10);
        let (small, other) = (Share::new(Some(1)), Share::new(None));
        let first = admitted(&admission, small);
        let mut second = ask(&admission, small);
        let others = [admitted(&admission, other), admitted(&admission, other)];
        let mut third = ask(&admission, other);
        drop(others);
        assert!(third.as_mut().now_or_never().is_some() && second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_plugin_that_fills_its_queue_leaves_the_others_theirs() {
        let admission = Admission::new(1, 2);
        let (flood, other) = (Share::new(None), Share::new(None));
        let _first = admitted(&admission, flood);
        let mut waiting = vec![ask(&admission, flood), ask(&admission, flood)];
        let refused = admission.admit(flood).now_or_never().unwrap().unwrap_err();
        assert!(matches!(refused, StartError::Full { running: 1, queued: 2 }), "{refused}");
        let _other = ask(&admission, other);
        waiting.pop();
        let _in_its_place = ask(&admission, flood);
    }

    #[test]
    fn who_has_left_is_passed_over() {
        let admission = Admission::new(1, 10);
        let share = Share::new(None);
        let first = admitted(&admission, share);
        let (left, mut stays) = (ask(&admission, share), ask(&admission, share));
        drop(left);
        drop(first);
        let permit = stays.as_mut().now_or_never().unwrap().unwrap();
        drop(permit);
        assert_eq!(lock(&admission.state).running, 0);
        // A turn that came to one who left before taking it goes on to the next.
        let first = admitted(&admission, share);
        let (left, mut stays) = (ask(&admission, share), ask(&admission, share));
        drop(first);
        drop(left);
        assert!(stays.as_mut().now_or_never().is_some());
    }

    #[test]
    fn nobody_waits_for_a_host_that_shuts_down() {
        let admission = Admission::new(1, 10);
        let share = Share::new(None);
        let first = admitted(&admission, share);
        let mut waiting = ask(&admission, share);
        admission.close();
        for answer in [waiting.as_mut().now_or_never(), admission.admit(share).now_or_never()] {
            assert!(matches!(answer, Some(Err(StartError::ShuttingDown))));
        }
        drop(first);
        assert_eq!(lock(&admission.state).running, 0);
    }
}
