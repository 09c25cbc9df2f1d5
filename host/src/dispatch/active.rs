//! The runs that a dispatcher has begun, so that there is a bound to them and they can be awaited.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::route::Active;
use crate::plugin::lock;
use crate::store::Ticket;

/// How many runs are under way, of whom.
#[derive(Debug)]
pub(super) struct Runs {
    active: Mutex<Active>,
    count: watch::Sender<usize>,
}

/// One run is under way for as long as this is there.
#[derive(Debug)]
pub(super) struct Place {
    runs: Arc<Runs>,
    owner: (String, String),
}

impl Runs {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { active: Mutex::default(), count: watch::Sender::new(0) })
    }

    /// A place for the run of a task.
    pub(super) fn enter(self: &Arc<Self>, ticket: &Ticket) -> Place {
        let owner = (ticket.service.as_str().to_owned(), ticket.user_id.as_str().to_owned());
        *lock(&self.active).entry(owner.clone()).or_default() += 1;
        self.count.send_modify(|count| *count += 1);
        Place { runs: self.clone(), owner }
    }

    /// Of whom they are.
    pub(super) fn active(&self) -> Active {
        lock(&self.active).clone()
    }

    /// How many there are, now and whenever that changes.
    pub(super) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut active = lock(&self.runs.active);
            if let Some(count) = active.get_mut(&self.owner) {
                *count -= 1;
                if *count == 0 {
                    active.remove(&self.owner);
                }
            }
        }
        self.runs.count.send_modify(|count| *count -= 1);
    }
}
