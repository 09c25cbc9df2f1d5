//! What keeps records and indexes together. While a host lives, the listener clears what an expired task leaves as soon as
//! the server tells of it, and the sweeper makes certain of the rest. The check is run by an operator.
//!
//! The sweeper and the check go the same way over the indexes ([`index_walk`]). Each script is one step on the server, in a
//! file beside the function that calls it; all of them are safe to send again.

mod check;
mod index_walk;
mod kept;
mod listener;
mod orphans;
mod repair;
mod scan;
mod sweeper;

use std::time::Instant;

use tokio::sync::watch;

use super::RedisStore;

impl RedisStore {
    /// Keeps the indexes free of expired tasks, and ends tasks whose hosts are gone, until it is dropped.
    pub(super) async fn maintain_indexes(&self) {
        self.primary.move_here().await;
        let (missed, news) = watch::channel(Instant::now());
        tokio::join!(
            self.keep_listening(&missed),
            self.keep_sweeping(news),
            self.keep_ending_orphans(),
            self.keep_inputs()
        );
    }
}
