//! The host: an engine, a store, and the runs that are under way.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use wasmtime::component::Linker;

use super::engine::{self, Ticker};
use super::instance::Guest;
use super::launch::Caller;
use super::registry::Registry;
use super::{Limits, LoadError, Outcome, Plugin, PluginOptions, Run, RunRequest, StartError, launch};
use crate::imports;
use crate::store::{self, SharedStore};

/// How many turns of guests pass before timers and sockets have theirs. A turn is short, or one tick of the epoch.
const EVENT_INTERVAL: u32 = 4;

/// Why a host could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the host cannot be made: {0}")]
pub struct HostError(String);

/// Runs tasks on plugins. Cheap to clone; all clones are the same host.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: SharedStore,
    pub(super) engine: wasmtime::Engine,
    pub(super) ticker: Ticker,
    pub(super) linker: Linker<Guest>,
    /// Guests run on threads of their own, so that they cannot starve the embedder's. Taken when the host goes.
    runtime: Option<Runtime>,
    pub(super) default_limits: Limits,
    permits: Arc<Semaphore>,
    queue: Semaphore,
    max_runs: usize,
    max_queued: usize,
    runs: Arc<Registry>,
}

/// What a host is made of.
#[derive(Debug)]
pub struct HostBuilder {
    store: SharedStore,
    compilation_cache: bool,
    max_concurrent_runs: usize,
    max_queued_runs: usize,
    default_limits: Limits,
}

impl HostBuilder {
    /// Whether compiled components are kept on disk, in the user's cache directory. They are unless set.
    pub fn compilation_cache(mut self, keep: bool) -> Self {
        self.compilation_cache = keep;
        self
    }

    /// How many runs may be under way at once, at least one: 256 unless set.
    pub fn max_concurrent_runs(mut self, most: usize) -> Self {
        self.max_concurrent_runs = most.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// How many more may wait for their turn: 1,024 unless set.
    pub fn max_queued_runs(mut self, most: usize) -> Self {
        self.max_queued_runs = most.min(Semaphore::MAX_PERMITS);
        self
    }

    /// The limits of runs that bring none of their own.
    pub fn default_limits(mut self, limits: Limits) -> Self {
        self.default_limits = limits;
        self
    }

    /// Makes the host: an engine, and threads for guests. It keeps the store free of what expired tasks leave behind for as
    /// long as it lives.
    ///
    /// # Errors
    /// [`HostError`] if the system does not give what it needs.
    pub fn build(self) -> Result<Host, HostError> {
        let failed = |error: wasmtime::Error| HostError(format!("{error:#}"));
        let engine = engine::new(self.max_concurrent_runs, self.compilation_cache).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(failed)?;
        imports::add_to_linker(&mut linker).map_err(failed)?;
        let runtime = runtime::Builder::new_multi_thread()
            .thread_name("task-state-guest")
            .event_interval(EVENT_INTERVAL)
            .enable_all()
            .build()
            .map_err(|error| HostError(format!("no threads for guests: {error}")))?;
        let ticker =
            Ticker::start(engine.clone()).map_err(|error| HostError(format!("no thread for the clock: {error}")))?;
        let store = self.store.clone();
        runtime.spawn(async move { store.maintain().await });
        Ok(Host(Arc::new(Inner {
            store: self.store,
            engine,
            ticker,
            linker,
            runtime: Some(runtime),
            default_limits: self.default_limits,
            permits: Arc::new(Semaphore::new(self.max_concurrent_runs)),
            max_runs: self.max_concurrent_runs,
            max_queued: self.max_queued_runs,
            queue: Semaphore::new(self.max_queued_runs),
            runs: Registry::new(),
        })))
    }
}

impl Host {
    /// A host on a store.
    pub fn builder(store: SharedStore) -> HostBuilder {
        HostBuilder {
            store,
            compilation_cache: true,
            max_concurrent_runs: 256,
            max_queued_runs: 1_024,
            default_limits: Limits::default(),
        }
    }

    /// Loads a plugin from a file, with its [`Grants`](super::Grants), and capabilities if it is to have any.
    ///
    /// # Errors
    /// [`LoadError`], saying what is wrong with the file.
    pub async fn load_file(&self, path: &Path, options: impl Into<PluginOptions>) -> Result<Plugin, LoadError> {
        let (host, path, options) = (self.0.clone(), path.to_owned(), options.into());
        self.0
            .blocking(move || match std::fs::read(&path) {
                Ok(bytes) => Plugin::load(host, &bytes, options),
                Err(error) => Err(LoadError::File { path, error }),
            })
            .await
    }

    /// Loads a plugin from the bytes of a component, with its [`Grants`](super::Grants), and capabilities if it is to
    /// have any.
    ///
    /// # Errors
    /// [`LoadError`], saying what is wrong with it.
    pub async fn load(&self, bytes: &[u8], options: impl Into<PluginOptions>) -> Result<Plugin, LoadError> {
        let (host, bytes, options) = (self.0.clone(), bytes.to_vec(), options.into());
        self.0.blocking(move || Plugin::load(host, &bytes, options)).await
    }

    /// The store that the tasks are in.
    pub fn store(&self) -> &SharedStore {
        &self.0.store
    }

    /// Cancels every run and waits for their ends. Nothing is left `running`; nothing starts any more.
    pub async fn shutdown(&self) {
        self.0.permits.close();
        self.0.runs.close().await;
    }
}

impl Inner {
    /// Loads a plugin on a thread that may block.
    async fn blocking(
        &self,
        load: impl FnOnce() -> Result<Plugin, LoadError> + Send + 'static,
    ) -> Result<Plugin, LoadError> {
        let ended = || LoadError::Compile("the compiler broke".to_owned());
        let Some(runtime) = &self.runtime else { return Err(ended()) };
        runtime.spawn_blocking(load).await.unwrap_or_else(|_| Err(ended()))
    }

    /// Starts a run on the host's own threads. What has begun there goes on, whatever becomes of the caller.
    pub(super) async fn start(&self, plugin: Plugin, request: RunRequest) -> Result<Run, StartError> {
        let (caller, started) = oneshot::channel();
        self.spawn(plugin, request, Caller::AwaitsStart(caller)).await?;
        started.await.unwrap_or_else(|_| Err(broken().into()))
    }

    /// The same, for a caller who wants to know the end alone, and is not woken before.
    pub(super) async fn run(&self, plugin: Plugin, request: RunRequest) -> Result<Outcome, StartError> {
        let (caller, ended) = oneshot::channel();
        self.spawn(plugin, request, Caller::AwaitsEnd(caller)).await?;
        ended.await.unwrap_or_else(|_| Err(broken().into()))
    }

    async fn spawn(&self, plugin: Plugin, request: RunRequest, caller: Caller) -> Result<(), StartError> {
        let permit = self.permit().await?;
        let slot = self.runs.enter().ok_or(StartError::ShuttingDown)?;
        if let Some(runtime) = &self.runtime {
            runtime.spawn(launch::carry_out(plugin, request, caller, slot, permit));
        }
        Ok(())
    }

    /// Waits for the turn of one more run.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, StartError> {
        match self.permits.clone().try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(StartError::ShuttingDown),
            Err(TryAcquireError::NoPermits) => {}
        }
        let full = |_| StartError::Full { running: self.max_runs, queued: self.max_queued };
        let _waiting = self.queue.try_acquire().map_err(full)?;
        self.permits.clone().acquire_owned().await.map_err(|_| StartError::ShuttingDown)
    }
}

fn broken() -> store::Error {
    store::Error::Failed("the store broke while the task was claimed".to_owned())
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which is forbidden on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("store", &self.store).field("max_runs", &self.max_runs).finish_non_exhaustive()
    }
}
