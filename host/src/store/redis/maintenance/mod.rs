//! What keeps records and indexes together. While a host lives, the listener clears what an expired task leaves as soon as
//! the server tells of it, and the sweeper makes certain of the rest. The check is run by an operator.
//!
//! The sweeper and the check go the same way over the indexes ([`index_walk`]). Each script is one step on the server, in a
//! file beside the function that calls it; all of them are safe to send again.

mod acquire_sweep;
mod check;
mod clear_expired;
mod findings;
mod index_walk;
mod kept;
mod listener;
mod missed;
mod prune;
mod prune_users;
mod remove_empty;
mod repair;
mod scan;
mod sweeper;

use self::missed::Missed;
use super::RedisStore;

impl RedisStore {
    /// Keeps the indexes free of expired tasks, until it is dropped.
    pub(super) async fn maintain_indexes(&self) {
        self.primary.move_here().await;
        let missed = Missed::default();
        tokio::join!(self.keep_listening(&missed), self.keep_sweeping(&missed));
    }
}
