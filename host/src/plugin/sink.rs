//! Shows what a guest prints, on a thread that may block: a reader that does not read holds up the guest, and nobody else.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{OutputSink, lock};

/// How long what was printed waits for more to be shown with it: a guest that prints many short lines would wake the thread
/// that shows them for each.
const DELAY: Duration = Duration::from_millis(10);

/// How many bytes may wait to be shown before the guest has to wait.
const MAX_WAITING: usize = 256 << 10;

/// How long the end of a run waits for what is left to be shown.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where what a guest prints is shown, in its order.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    to: OutputSink,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was shown.
    shown: Notify,
    /// Somebody waits until something is.
    awaited: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// How many more bytes are being shown.
    under_way: usize,
    /// Whether somebody sees to it.
    is_showing: bool,
}

impl State {
    /// How many bytes are not shown yet.
    fn left(&self) -> usize {
        self.waiting.len() + self.under_way
    }
}

impl Sink {
    /// None if there is nobody to show anything.
    pub(super) fn new(to: OutputSink) -> Option<Self> {
        (!matches!(to, OutputSink::Discard)).then(|| Self { to, shared: Arc::default() })
    }

    /// Has bytes shown after those before.
    pub(super) fn show(&self, bytes: &[u8]) {
        let begins = {
            let mut state = lock(&self.shared.state);
            state.waiting.extend_from_slice(bytes);
            !std::mem::replace(&mut state.is_showing, true)
        };
        if begins {
            tokio::spawn(self.clone().show_soon());
        }
    }

    /// Whether the guest may print more.
    pub(super) fn has_room(&self) -> bool {
        lock(&self.shared.state).left() < MAX_WAITING
    }

    /// Waits until the guest may print more.
    pub(super) async fn room(&self) {
        self.until(Self::has_room).await;
    }

    /// Waits until everything is shown, for a while.
    pub(super) async fn shown(&self) {
        let all_shown = self.until(|sink| lock(&sink.shared.state).left() == 0);
        if timeout(PATIENCE, all_shown).await.is_err() {
            tracing::warn!("what a guest has printed is not shown: nobody takes it");
        }
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let shown = self.shared.shown.notified();
            if holds(self) {
                return;
            }
            self.shared.awaited.notify_one();
            shown.await;
        }
    }

    /// Shows what waits, after a while, and what comes meanwhile.
    async fn show_soon(self) {
        let _ = timeout(DELAY, self.shared.awaited.notified()).await;
        // It goes on when the host does not.
        spawn_blocking(move || {
            while let Some(piece) = self.take_waiting() {
                // What broke has said so; the guest goes on.
                let _ = catch_unwind(AssertUnwindSafe(|| self.to.show(&piece)));
                lock(&self.shared.state).under_way = 0;
                self.shared.shown.notify_waiters();
            }
        });
    }

    fn take_waiting(&self) -> Option<Vec<u8>> {
        let mut state = lock(&self.shared.state);
        state.is_showing = !state.waiting.is_empty();
        state.under_way = state.waiting.len();
        state.is_showing.then(|| std::mem::take(&mut state.waiting))
    }
}

impl OutputSink {
    fn show(&self, bytes: &[u8]) {
        match self {
            Self::Discard => {}
            // The guest cannot help it if standard error is closed.
            Self::Stderr => _ = std::io::stderr().write_all(bytes),
            Self::Callback(show) => show(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::runtime::Runtime;

    use super::*;

    #[test]
    fn what_waits_behind_a_slow_reader_is_shown_although_the_host_ends() {
        let (reader_goes_on, wait) = channel::<()>();
        let (show, shown) = channel();
        let wait = Mutex::new(wait);
        let sink = Sink::new(OutputSink::callback(move |bytes| {
            let _ = show.send(bytes.to_vec());
            let _ = lock(&wait).recv();
        }))
        .unwrap();
        let next = || shown.recv_timeout(Duration::from_secs(60)).unwrap();
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        sink.show(b"first");
        assert_eq!(next(), b"first");
        sink.show(b"second");
        drop(entered);
        runtime.shutdown_background();
        drop(reader_goes_on);
        assert_eq!(next(), b"second");
    }
}
