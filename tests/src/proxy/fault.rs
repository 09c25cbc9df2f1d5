//! What goes wrong, with which request, and whether it has happened yet.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::watch;

use crate::resp;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is cut; the server never sees the request.
    CutBeforeRequest,
    /// The connection is cut when half of the request has reached the server.
    CutInRequest,
    /// The server executes the request; then the connection is cut, without the answer.
    CutBeforeReply,
    /// The server executes the request; the connection is cut when half of the answer has reached the client.
    CutInReply,
    /// The request never reaches the server, nor does anything after it on this connection, which stays open.
    SwallowRequest,
    /// The server executes the request; neither the answer nor anything after it on this connection reaches the client.
    /// The connection stays open.
    SwallowReply,
    /// The request, and everything after it on this connection, waits until it is [released](Injected::release). Then
    /// the server gets it, even if the client has gone.
    StallRequest,
    /// The server executes the request; the answer, and everything after it on this connection, waits until it is
    /// [released](Injected::release).
    StallReply,
    /// The answer reaches the client in small pieces, over a second or so.
    TrickleReply,
    /// The answer to `TIME` shows a clock that is so many seconds ahead of the server's, or behind it.
    ShiftTime(i64),
}

impl Fault {
    /// Whether the server is to see the request.
    pub(super) fn reaches_server(self) -> bool {
        !matches!(self, Self::CutBeforeRequest | Self::CutInRequest | Self::SwallowRequest)
    }
}

/// A request on its way to the server.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The request as it was sent.
    pub bytes: &'a [u8],
}

impl<'a> Request<'a> {
    /// The command and its arguments.
    pub fn words(&self) -> Vec<&'a [u8]> {
        resp::words(self.bytes)
    }

    /// Whether this is a certain command, in whatever case it is spelled.
    pub fn is(&self, command: &str) -> bool {
        self.words().first().is_some_and(|word| word.eq_ignore_ascii_case(command.as_bytes()))
    }

    /// Whether some text stands anywhere in the request.
    pub fn contains(&self, text: &str) -> bool {
        text.is_empty() || self.bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

type Predicate = dyn Fn(&Request<'_>) -> bool + Send + Sync;

/// Which requests a fault befalls: of those that match, so many after the first few.
#[derive(Clone)]
pub struct Trigger {
    matches: Arc<Predicate>,
    skip: u64,
    times: u64,
}

impl Trigger {
    /// The next request, whatever it is.
    pub fn next() -> Self {
        Self::when(|_| true)
    }

    /// The next request for which a condition holds.
    pub fn when(condition: impl Fn(&Request<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { matches: Arc::new(condition), skip: 0, times: 1 }
    }

    /// The next request with this command, in whatever case it is spelled.
    pub fn command(command: &str) -> Self {
        let command = command.to_owned();
        Self::when(move |request| request.is(&command))
    }

    /// The next request that contains this text anywhere.
    pub fn containing(text: &str) -> Self {
        let text = text.to_owned();
        Self::when(move |request| request.contains(&text))
    }

    /// Lets this many that match go by first.
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Befalls this many in all, not one.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Befalls every one from then on.
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trigger").field("skip", &self.skip).field("times", &self.times).finish_non_exhaustive()
    }
}

/// A fault that a proxy was told of.
#[derive(Debug, Clone)]
pub struct Injected {
    pub(super) fault: Fault,
    trigger: Trigger,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that matched.
    matched: AtomicU64,
    /// Requests that the fault befell.
    hits: watch::Sender<u64>,
    /// Requests among those that the server has answered.
    executed: watch::Sender<u64>,
    released: watch::Sender<bool>,
}

impl Injected {
    pub(super) fn new(trigger: Trigger, fault: Fault) -> Self {
        Self { fault, trigger, state: Arc::default() }
    }

    /// How many requests it has befallen.
    pub fn hits(&self) -> u64 {
        *self.state.hits.borrow()
    }

    /// How many of those requests the server has executed and answered.
    pub fn executed(&self) -> u64 {
        *self.state.executed.borrow()
    }

    /// Waits until it has befallen a request.
    pub async fn until_hit(&self) {
        wait_for(&self.state.hits, |&hits| hits > 0).await;
    }

    /// Waits until the server has executed and answered a request that it befell.
    pub async fn until_executed(&self) {
        wait_for(&self.state.executed, |&executed| executed > 0).await;
    }

    /// Lets everything that it stalls go on, now and in future.
    pub fn release(&self) {
        self.state.released.send_replace(true);
    }

    /// What befalls this request, if anything.
    pub(super) fn meet(&self, request: &Request<'_>) -> bool {
        if !(self.trigger.matches)(request) {
            return false;
        }
        let number = self.state.matched.fetch_add(1, SeqCst);
        let hit = number >= self.trigger.skip && number - self.trigger.skip < self.trigger.times;
        if hit {
            self.state.hits.send_modify(|hits| *hits += 1);
        }
        hit
    }

    pub(super) fn note_executed(&self) {
        self.state.executed.send_modify(|executed| *executed += 1);
    }

    pub(super) async fn until_released(&self) {
        wait_for(&self.state.released, |&released| released).await;
    }
}

async fn wait_for<T>(sender: &watch::Sender<T>, condition: impl FnMut(&T) -> bool) {
    // It fails only without a sender, and this is one.
    let _ = sender.subscribe().wait_for(condition).await;
}
