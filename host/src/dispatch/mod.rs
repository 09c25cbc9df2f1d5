//! Runs the tasks of a queue on plugins.
//!
//! A platform registers a task and [submits](Dispatcher::submit) it; the store keeps it in its
//! [queue](crate::store::TaskQueue) until a process has room for it. Any number of processes on one store share the work. A
//! task whose process dies is run again if its attempts say so, and ended with the reason if they do not.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use task_state_host::dispatch::{Dispatcher, Route, Submission};
//! use task_state_host::record::{Draft, JsonObject, Service, UserId};
//! use task_state_host::store::{Access, Precondition, SharedStore};
//! use task_state_host::{Grants, Host};
//!
//! # async fn example(store: SharedStore) -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::builder(store.clone()).build()?;
//! let plugin = host.load_file(Path::new("csv_profile.wasm"), Grants::for_services(["analytics"])).await?;
//! let dispatcher = Dispatcher::builder(host).build();
//! dispatcher.set_routes(vec![Route::new(plugin, ["analytics"])]);
//!
//! let draft = Draft::new(Service::new("analytics")?, UserId::new("alice")?);
//! let task_id = store.save(draft, Precondition::None, &Access::ANY).await?;
//! let (service, user_id) = ("analytics".to_owned(), "alice".to_owned());
//! dispatcher.submit(&Submission { task_id, service, user_id, parameters: JsonObject::default() }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Programs that know no guard
//!
//! A frontend in Python shares the datastore. It writes to a task after it has been told that it is accepted, and to
//! others at any moment, by reading a record, changing it and writing it whole. So
//!
//! - the run of a task that a frontend is `dispatching` starts once that has set it `running`, or after a
//!   [settling time](DispatcherBuilder::settle);
//! - entries of a run that such a writer has erased come back in their order, once, and so does the end of a task, for a
//!   [stated time](DispatcherBuilder::restore_for) after it, as long as this process lives;
//! - tasks that a frontend left when it died are [adopted](DispatcherBuilder::adopt_after).
//!
//! Nothing here knows HTTP, nor which engine the store is.

mod active;
mod adopt;
mod cancel;
mod pause;
mod restore;
mod route;
mod same_json;
mod settle;
mod start;
mod submit;
mod take;
mod waiting;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::active::Runs;
use self::restore::Restorer;
use self::settle::Settling;
use self::waiting::Waiting;
use crate::plugin::{Host, lock};
use crate::store::SharedStore;

pub use self::cancel::{CancelError, Cancellation};
pub use self::route::Route;
pub use self::submit::{Submission, SubmitError};

/// Runs queued tasks on plugins. Cheap to clone; all clones are the same dispatcher. When the last is dropped, nothing more
/// is taken from the queue; what runs goes on.
#[derive(Debug, Clone)]
pub struct Dispatcher(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    /// Aborted when they are dropped.
    _work: JoinSet<()>,
}

/// What all parts of a dispatcher know.
#[derive(Debug)]
struct Shared {
    host: Host,
    settle: Duration,
    adopt_after: Duration,
    max_waiting: u64,
    routes: Mutex<Arc<[Route]>>,
    rerouted: Notify,
    runs: Arc<Runs>,
    closed: watch::Sender<bool>,
    /// Whether nothing is on its way from the queue any more.
    stopped: watch::Sender<bool>,
    /// The store has refused something lately that it should have done.
    trouble: AtomicBool,
    settling: Settling,
    restorer: Arc<Restorer>,
    waiting: Waiting,
}

/// What a dispatcher is made of.
#[derive(Debug)]
pub struct DispatcherBuilder {
    host: Host,
    settle: Duration,
    adopt_after: Duration,
    restore_for: Duration,
    max_waiting: u64,
}

impl DispatcherBuilder {
    /// For how long the run of a task that a frontend is `dispatching` waits at most for that to have set it `running`: 2 s
    /// unless set.
    pub fn settle(mut self, most: Duration) -> Self {
        self.settle = most;
        self
    }

    /// How long after its last change a task is taken to have been left by a frontend that died, if it is `pending`,
    /// `dispatching` or `cancel_requested` and nobody has it: then it is put into the queue. 60 s unless set. Only tasks that a
    /// route serves are looked for, twice in that time and every 30 s at least, unless the store holds so many that a look
    /// takes longer. [`Duration::MAX`] is never.
    pub fn adopt_after(mut self, age: Duration) -> Self {
        self.adopt_after = age;
        self
    }

    /// For how long after the end of a run its task is looked at, should a writer without a guard undo it: 10 s unless set.
    pub fn restore_for(mut self, time: Duration) -> Self {
        self.restore_for = time;
        self
    }

    /// How many tasks may wait in the queue before a submission is refused: 1,000,000 unless set. Counted once a
    /// second at the most, and more seldom if that takes long: those that were accepted since count too, and those that are
    /// run since still do.
    pub fn max_waiting(mut self, most: u64) -> Self {
        self.max_waiting = most;
        self
    }

    /// A dispatcher at work, on the host's own threads. It takes nothing before it has [routes](Dispatcher::set_routes).
    pub fn build(self) -> Dispatcher {
        let Self { host, settle, adopt_after, restore_for, max_waiting } = self;
        let shared = Arc::new(Shared {
            restorer: Restorer::new(host.store().clone(), restore_for),
            host,
            settle,
            adopt_after,
            max_waiting,
            routes: Mutex::new(Arc::new([])),
            rerouted: Notify::new(),
            runs: Runs::new(),
            closed: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
            trouble: AtomicBool::new(false),
            settling: Settling::default(),
            waiting: Waiting::default(),
        });
        let mut work = JoinSet::new();
        shared.host.spawn_into(&mut work, take::keep_taking(shared.clone()));
        shared.host.spawn_into(&mut work, settle::keep_settling(shared.clone()));
        shared.host.spawn_into(&mut work, adopt::keep_adopting(shared.clone()));
        shared.host.spawn_into(&mut work, restore::keep_restoring(shared.restorer.clone()));
        Dispatcher(Arc::new(Handle { shared, _work: work }))
    }
}

impl Dispatcher {
    /// A dispatcher for the plugins of a host, and the tasks of its store.
    pub fn builder(host: Host) -> DispatcherBuilder {
        DispatcherBuilder {
            host,
            settle: Duration::from_secs(2),
            adopt_after: Duration::from_secs(60),
            restore_for: Duration::from_secs(10),
            max_waiting: 1_000_000,
        }
    }

    /// Which plugin runs which tasks, from now on. What runs goes on, and counts for the route that serves its task now.
    pub fn set_routes(&self, routes: Vec<Route>) {
        let shared = &self.0.shared;
        *lock(&shared.routes) = routes.into();
        shared.rerouted.notify_one();
    }

    /// Which plugin runs which tasks.
    pub fn routes(&self) -> Vec<Route> {
        self.0.shared.routes().to_vec()
    }

    /// The host whose plugins it runs.
    pub fn host(&self) -> &Host {
        &self.0.shared.host
    }

    /// How many runs it has begun that are under way, or about to be.
    pub fn active(&self) -> usize {
        *self.0.shared.runs.count().borrow()
    }

    /// Takes nothing more from the queue, and waits until what runs has ended, and what has not begun waits in the queue
    /// again. When the time is over, what still runs is cancelled. Nothing starts on the host any more.
    ///
    /// What has ended lately is looked after for as long as there is time: see [`DispatcherBuilder::restore_for`].
    pub async fn drain(&self, time: Duration) {
        let shared = &self.0.shared;
        let now = Instant::now();
        let end = now.checked_add(time).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        shared.closed.send_replace(true);
        shared.host.drain(time).await;
        // The senders are here, so they cannot be gone.
        let _ = shared.stopped.subscribe().wait_for(|stopped| *stopped).await;
        let _ = shared.runs.count().wait_for(|count| *count == 0).await;
        let _ = timeout_at(end, shared.restorer.idle()).await;
    }
}

impl Shared {
    fn store(&self) -> &SharedStore {
        self.host.store()
    }

    fn routes(&self) -> Arc<[Route]> {
        lock(&self.routes).clone()
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Waits until the dispatcher takes nothing more.
    async fn closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Waits for something, or until the dispatcher takes nothing more.
    async fn closed_or(&self, wait: impl Future<Output = ()>) {
        tokio::select! {
            () = wait => {}
            () = self.closed() => {}
        }
    }

    fn note_trouble(&self) {
        self.trouble.store(true, Ordering::Relaxed);
    }

    /// Whether there was trouble since this was asked last.
    fn had_trouble(&self) -> bool {
        self.trouble.swap(false, Ordering::Relaxed)
    }
}
