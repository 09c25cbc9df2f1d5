//! What a caller asks of a run.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::WasiCtxBuilder;

use super::events::Events;
use super::platform::Platform;
use super::{Journal, Limits, RunEvents};
use crate::imports::Faults;
use crate::record::{JsonObject, Priority, Service, TaskId, UserId};
use crate::store::Ticket;

/// One run of one task.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunRequest {
    /// The task: the next number of the store's sequence, if absent.
    pub task_id: Option<TaskId>,
    /// The service that the task belongs to.
    pub service: Service,
    /// The user for whom it is done.
    pub user_id: UserId,
    /// The parameters of a new task. A task that is there already has its own, and is refused if any are given.
    pub parameters: Option<JsonObject>,
    /// The urgency of a new task.
    pub priority: Priority,
    /// What the guest reads from its standard input.
    pub input: Input,
    /// How much the run may use: the host's default limits, if absent.
    pub limits: Option<Limits>,
    /// What the run meets on purpose: for tests of a plugin.
    pub faults: Option<Faults>,
    /// Where what the guest prints is shown while it runs.
    pub output: OutputSink,
    /// By which the task was taken from the [queue](crate::store::TaskQueue): then it may be `running` already.
    pub ticket: Option<Ticket>,
    /// How many attempts at a task of the queue there may be, at least one: 1 unless set. One that fails and is not the last
    /// leaves the task `running`, and in the queue.
    pub attempts: u32,
    /// How long the second attempt is waited for at the most, and each further one twice as long as the one before, up to
    /// an hour. A random part of each wait, a half at the most, is left out.
    pub backoff: Duration,
    pub(super) events: Events,
    pub(super) platform: Platform,
}

impl RunRequest {
    /// A run of a new task of a service and user, without parameters or input.
    pub fn new(service: Service, user_id: UserId) -> Self {
        Self {
            task_id: None,
            service,
            user_id,
            parameters: None,
            priority: Priority::default(),
            input: Input::Empty,
            limits: None,
            faults: None,
            output: OutputSink::Discard,
            ticket: None,
            attempts: 1,
            backoff: Duration::ZERO,
            events: Events::default(),
            platform: Platform::default(),
        }
    }

    /// Subscribes to all that happens in the run, from its first status on. Of several runs on clones of a request, the
    /// first tells its events.
    pub fn events(&self) -> RunEvents {
        self.events.subscribe()
    }

    /// Has the entries of the run kept in a journal.
    pub(crate) fn keep_entries_in(&self, journal: Arc<Journal>) {
        self.events.keep(journal);
    }

    /// The same with a value that [imports of the platform's own](super::HostBuilder::imports) find in the
    /// [`Guest`](super::Guest). Each run has a clone of it.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.platform.set_extension(value);
        self
    }

    /// The same with more of WASI than the plugin's [capabilities](super::Capabilities): what `grant` does to the
    /// context of a run comes last, and is kept as it is. Nothing tells of it but this call.
    pub fn wasi(mut self, grant: impl Fn(&mut WasiCtxBuilder) + Send + Sync + 'static) -> Self {
        self.platform.set_wasi(grant);
        self
    }
}

/// The standard input of a guest. It is streamed: however large it is, little of it is in memory at a time.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Input {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// The content of a file, or of a pipe that has a name.
    File(PathBuf),
    /// The standard input of this process. Of several runs at once each byte goes to one.
    Stdin,
    /// What the store keeps as the [input](crate::store::TaskStore::input) of the task, from its first byte on; nothing if the
    /// task has none. It is read in pieces as the guest reads, and not at all if that does not. While the store is away the
    /// guest waits.
    OfTask,
}

/// A function that is given what a guest prints.
pub type Show = dyn Fn(&[u8]) + Send + Sync;

/// Where what a guest prints is shown, within some 10 ms: standard output and standard error as one stream.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum OutputSink {
    /// Nowhere.
    #[default]
    Discard,
    /// On the standard error of this process, as it is.
    Stderr,
    /// Given to a function, in pieces that need not end with a line or a whole character. It may block: then the guest
    /// waits before it prints more, and the end of the run waits for 5 s at the most.
    Callback(Arc<Show>),
}

impl OutputSink {
    /// A function that is given what comes; see [`Callback`](Self::Callback).
    pub fn callback(show: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self::Callback(Arc::new(show))
    }
}

impl fmt::Debug for OutputSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discard => "Discard",
            Self::Stderr => "Stderr",
            Self::Callback(_) => "Callback(..)",
        })
    }
}
