//! Shows what a guest prints, on a thread that may block: a reader that does not read holds up the guest, and nobody else.

use std::collections::VecDeque;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::{OutputSink, lock};

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
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// How many bytes are not shown yet.
    bytes: usize,
    /// Whether a thread is at it.
    is_showing: bool,
}

impl Sink {
    pub(super) fn new(to: OutputSink) -> Self {
        Self { to, shared: Arc::default() }
    }

    /// Has bytes shown after those before.
    pub(super) fn show(&self, bytes: &[u8]) {
        if matches!(self.to, OutputSink::Discard) {
            return;
        }
        let begins = {
            let mut state = lock(&self.shared.state);
            state.bytes += bytes.len();
            state.waiting.push_back(bytes.to_vec());
            !std::mem::replace(&mut state.is_showing, true)
        };
        if begins {
            let sink = self.clone();
            tokio::task::spawn_blocking(move || sink.show_waiting());
        }
    }

    /// Whether the guest may print more.
    pub(super) fn has_room(&self) -> bool {
        lock(&self.shared.state).bytes < MAX_WAITING
    }

    /// Waits until the guest may print more.
    pub(super) async fn room(&self) {
        self.until(Self::has_room).await;
    }

    /// Waits until everything is shown, for a while.
    pub(super) async fn shown(&self) {
        let all_shown = self.until(|sink| lock(&sink.shared.state).bytes == 0);
        if tokio::time::timeout(PATIENCE, all_shown).await.is_err() {
            tracing::warn!("what a guest has printed is not shown: nobody takes it");
        }
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let shown = self.shared.shown.notified();
            if holds(self) {
                return;
            }
            shown.await;
        }
    }

    fn show_waiting(&self) {
        loop {
            let piece = {
                let mut state = lock(&self.shared.state);
                state.is_showing = !state.waiting.is_empty();
                state.waiting.pop_front()
            };
            let Some(piece) = piece else { return };
            let show = || match &self.to {
                OutputSink::Discard => {}
                // The guest cannot help it if standard error is closed.
                OutputSink::Stderr => _ = std::io::stderr().write_all(&piece),
                OutputSink::Callback(show) => show(&piece),
            };
            // What broke has said so; the guest goes on.
            let _ = catch_unwind(AssertUnwindSafe(show));
            lock(&self.shared.state).bytes -= piece.len();
            self.shared.shown.notify_waiters();
        }
    }
}
