//! Since when expired events may have been missed, as the listener tells the sweeper.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Missed {
    until: Mutex<Option<Instant>>,
    told: Notify,
}

impl Missed {
    /// Events up to now may have been missed.
    pub(super) fn report(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.told.notify_one();
    }

    /// Waits for news. A sweep that begins after the moment that this gives makes up for what was missed.
    pub(super) async fn wait(&self) -> Instant {
        loop {
            self.told.notified().await;
            if let Some(until) = self.until.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return until;
            }
        }
    }
}
