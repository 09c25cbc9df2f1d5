//! The host: an engine, a store, and the runs that are under way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use wasmtime::component::Linker;

use super::admission::{Admission, Permit, Share};
use super::engine::{self, Ticker};
use super::instance::Guest;
use super::launch::Caller;
use super::load::{self, Loading, Source};
use super::platform::Imports;
use super::registry::{Registry, Slot};
use super::serving::Serving;
use super::turns::Turns;
use super::{
    CompilerProcess, Inspection, Limits, LoadError, LoadLimits, LoadRequest, Outcome, Plugin, Run, RunRequest,
    StartError, launch, leases,
};
use crate::observer::{Observed, Observer};
use crate::record::TaskId;
use crate::store::{self, SharedStore};

/// Why a host could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the host cannot be made: {0}")]
pub struct HostError(String);

/// Runs tasks on plugins. Cheap to clone; all clones are the same host.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

pub(super) struct Inner {
    pub(super) store: SharedStore,
    pub(super) name: String,
    pub(super) lease: Duration,
    pub(super) observed: Observed,
    pub(super) serving: Arc<Serving>,
    pub(super) ticker: Ticker,
    pub(super) turns: Turns,
    pub(super) loading: Loading,
    /// Guests run on threads of their own, so that they cannot starve the embedder's. Taken when the host goes.
    runtime: Option<Runtime>,
    pub(super) default_limits: Limits,
    max_concurrent_runs: usize,
    admission: Arc<Admission>,
    runs: Arc<Registry>,
}

/// What a host is made of.
#[derive(Debug)]
pub struct HostBuilder {
    store: SharedStore,
    name: String,
    lease: Duration,
    compilation_cache: bool,
    max_concurrent_runs: usize,
    max_queued_runs: usize,
    default_limits: Limits,
    load_limits: LoadLimits,
    compiler: Option<CompilerProcess>,
    max_concurrent_compilations: usize,
    imports: Imports,
    observed: Observed,
}

impl HostBuilder {
    /// The name by which the log of a task tells its host, should that be lost. The name of the machine and the number of
    /// the process unless set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// For how long a host may stand still, or be cut off from the store, and lose nothing: one second to an hour, 30 s
    /// unless set. The leases by which its runs hold their tasks live half as long again. All of them are renewed together,
    /// three times in that time and every 10 s at least. A host that cannot renew them stops its runs before they end; one
    /// that dies leaves tasks which another host, or `check`, ends within 10 s after that.
    pub fn lease(mut self, life: Duration) -> Self {
        self.lease = life.clamp(Duration::from_secs(1), Duration::from_secs(3_600));
        self
    }

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

    /// How many more of one plugin may wait for their turn: 1,024 unless set. They start in the order in which they came;
    /// plugins that have runs waiting take turns.
    pub fn max_queued_runs(mut self, most: usize) -> Self {
        self.max_queued_runs = most;
        self
    }

    /// The limits of runs that bring none of their own.
    pub fn default_limits(mut self, limits: Limits) -> Self {
        self.default_limits = limits;
        self
    }

    /// How large a component may be, and what its compilation may take.
    pub fn load_limits(mut self, limits: LoadLimits) -> Self {
        self.load_limits = limits;
        self
    }

    /// The program that compiles components, in a process of its own for each. Without it they are compiled in this
    /// process, where nothing but what [`LoadLimits`] says of a component itself bounds the time and the memory that
    /// its compilation takes: enough for plugins whose authors are trusted to mean well.
    pub fn compile_with(mut self, compiler: CompilerProcess) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// How many components may be compiled at once, at least one: 2 unless set. Others wait. One that is in the cache
    /// does not.
    pub fn max_concurrent_compilations(mut self, most: usize) -> Self {
        self.max_concurrent_compilations = most.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Serves guests more imports than the host's: the platform's own. A component that needs them is loaded by a host
    /// that has them. What a guest hands over in a call of theirs is bounded as it is in every other; how often they
    /// are called, and what they do, is for the platform to bound.
    ///
    /// `add` may be called more than once: components with asynchronous built-ins have an engine of their own, and a linker
    /// with it. If what it adds is concurrent, all components have that one.
    ///
    /// ```
    /// # use task_state_host::{Host, HostError, store::SharedStore};
    /// # fn example(store: SharedStore) -> Result<Host, HostError> {
    /// Host::builder(store)
    ///     .imports(|linker| {
    ///         linker.root().func_wrap("region", |guest, ()| {
    ///             Ok((guest.data().extension::<String>().cloned().unwrap_or_default(),))
    ///         })
    ///     })
    ///     .build()
    /// # }
    /// ```
    pub fn imports(mut self, add: impl Fn(&mut Linker<Guest>) -> wasmtime::Result<()> + Send + Sync + 'static) -> Self {
        self.imports.push(add);
        self
    }

    /// Has somebody told what the host does, to count it: nobody unless set.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observed = Observed::by(observer);
        self
    }

    /// Makes the host: an engine for components without asynchronous built-ins, and threads for guests. It keeps the store
    /// free of what expired tasks leave behind for as long as it lives.
    ///
    /// # Errors
    /// [`HostError`] if the system does not give what it needs.
    pub fn build(self) -> Result<Host, HostError> {
        let failed = |error: wasmtime::Error| HostError(format!("{error:#}"));
        let cache = if self.compilation_cache { engine::open_cache() } else { None };
        let serving = Serving::new(self.max_concurrent_runs, cache.clone(), self.imports).map_err(failed)?;
        let (serving, permits) = (Arc::new(serving), self.max_concurrent_compilations);
        let loading = Loading::new(serving.engine(), cache.as_ref(), self.load_limits, self.compiler, permits);
        let runtime = runtime::Builder::new_multi_thread()
            .thread_name("task-state-guest")
            .enable_all()
            .build()
            .map_err(|error| HostError(format!("no threads for guests: {error}")))?;
        let turns = Turns::new(runtime.metrics().num_workers())
            .map_err(|error| HostError(format!("no threads for guests that compute: {error}")))?;
        let budget = turns.budget().clone();
        let ticked = serving.clone();
        let ticker = Ticker::start(move || budget.tick(), move || ticked.tick())
            .map_err(|error| HostError(format!("no thread for the clock: {error}")))?;
        let store = self.store.clone();
        runtime.spawn(async move { store.maintain().await });
        let runs = Registry::new();
        runtime.spawn(leases::keep_renewing(runs.clone(), self.store.clone(), self.lease, self.observed.clone()));
        runtime.spawn(leases::keep_asking(runs.clone(), self.store.clone()));
        Ok(Host(Arc::new(Inner {
            store: self.store,
            name: self.name,
            lease: self.lease,
            observed: self.observed,
            loading,
            serving,
            ticker,
            turns,
            runtime: Some(runtime),
            default_limits: self.default_limits,
            max_concurrent_runs: self.max_concurrent_runs,
            admission: Admission::new(self.max_concurrent_runs, self.max_queued_runs),
            runs,
        })))
    }
}

impl Host {
    /// A host on a store.
    pub fn builder(store: SharedStore) -> HostBuilder {
        HostBuilder {
            store,
            name: own_name(),
            lease: Duration::from_secs(30),
            compilation_cache: true,
            max_concurrent_runs: 256,
            max_queued_runs: 1_024,
            default_limits: Limits::default(),
            load_limits: LoadLimits::default(),
            compiler: None,
            max_concurrent_compilations: 2,
            imports: Imports::default(),
            observed: Observed::default(),
        }
    }

    /// Loads a plugin from a file, with its [`Grants`](super::Grants), and capabilities if it is to have any.
    ///
    /// What is compiled ends when the caller stops waiting.
    ///
    /// # Errors
    /// [`LoadError`], saying what is wrong with the file.
    pub async fn load_file(&self, path: &Path, request: impl Into<LoadRequest>) -> Result<Plugin, LoadError> {
        self.load_from(Source::File(path.to_owned()), request.into()).await
    }

    /// Loads a plugin from the bytes of a component, with its [`Grants`](super::Grants), and capabilities if it is to
    /// have any.
    ///
    /// # Errors
    /// [`LoadError`], saying what is wrong with it.
    pub async fn load(&self, bytes: &[u8], request: impl Into<LoadRequest>) -> Result<Plugin, LoadError> {
        self.load_from(Source::Bytes(bytes.to_vec()), request.into()).await
    }

    async fn load_from(&self, source: Source, request: LoadRequest) -> Result<Plugin, LoadError> {
        let host = self.0.clone();
        self.0.on_own_threads(Plugin::load(host, source, request)).await
    }

    /// Tells what is in the file of a component, and whether this host would load it with this request.
    ///
    /// # Errors
    /// [`LoadError`] if the file cannot be read, is larger than the limit, or holds no component.
    pub async fn inspect_file(&self, path: &Path, request: impl Into<LoadRequest>) -> Result<Inspection, LoadError> {
        self.inspect_from(Source::File(path.to_owned()), request.into()).await
    }

    /// The same for the bytes of a component.
    ///
    /// # Errors
    /// [`LoadError`] if there are more than the limit, or they are no component.
    pub async fn inspect(&self, bytes: &[u8], request: impl Into<LoadRequest>) -> Result<Inspection, LoadError> {
        self.inspect_from(Source::Bytes(bytes.to_vec()), request.into()).await
    }

    async fn inspect_from(&self, source: Source, request: LoadRequest) -> Result<Inspection, LoadError> {
        let host = self.0.clone();
        self.0.on_own_threads(Inspection::of(host, source, request)).await
    }

    /// The name by which others know it: see [`HostBuilder::name`].
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The store that the tasks are in.
    pub fn store(&self) -> &SharedStore {
        &self.0.store
    }

    /// How large a component may be, and what its compilation may take.
    pub fn load_limits(&self) -> &LoadLimits {
        &self.0.loading.limits
    }

    /// How many runs may be under way at once.
    pub(crate) fn max_concurrent_runs(&self) -> usize {
        self.0.max_concurrent_runs
    }

    /// Works on the host's own threads, beside its guests.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0.runtime {
            runtime.spawn(work);
        }
    }

    /// The same, until the tasks are dropped that it is one of.
    pub(crate) fn spawn_into(&self, tasks: &mut JoinSet<()>, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0.runtime {
            tasks.spawn_on(work, runtime.handle());
        }
    }

    /// Who is told what it does.
    pub(crate) fn observed(&self) -> &Observed {
        &self.0.observed
    }

    /// The runs that are under way, in the order of their start.
    pub fn runs(&self) -> Vec<Run> {
        self.0.runs.list()
    }

    /// The run that is under way on a task, to cancel it, for instance.
    pub fn run_of(&self, task: &TaskId) -> Option<Run> {
        self.0.runs.find(task)
    }

    /// Starts nothing any more, and waits until the runs that are under way have ended by themselves. Those that have not
    /// when the time is over are cancelled, and their ends are awaited too. Nothing is left `running`.
    pub async fn drain(&self, time: Duration) {
        self.0.admission.close();
        self.0.runs.close();
        if tokio::time::timeout(time, self.0.runs.ended()).await.is_err() {
            self.shutdown().await;
        }
    }

    /// Cancels every run and waits for their ends. Nothing is left `running`; nothing starts any more.
    pub async fn shutdown(&self) {
        self.0.admission.close();
        self.0.runs.cancel();
        self.0.runs.ended().await;
    }
}

impl Inner {
    /// Works on the host's own threads for as long as the caller waits.
    async fn on_own_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LoadError>> + Send + 'static,
    ) -> Result<T, LoadError> {
        let Some(runtime) = &self.runtime else { return Err(load::broken()) };
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, runtime.handle());
        tasks.join_next().await.and_then(Result::ok).unwrap_or_else(|| Err(load::broken()))
    }

    /// Starts a run on the host's own threads. What has begun there goes on, whatever becomes of the caller.
    pub(super) async fn start(&self, plugin: &Plugin, request: RunRequest) -> Result<Run, StartError> {
        let place = self.enter(plugin.0.share).await?;
        let (caller, started) = oneshot::channel();
        self.launch(plugin, request, Caller::AwaitsStart(caller), place);
        started.await.unwrap_or_else(|_| Err(broken().into()))
    }

    /// The same, for a caller who wants to know the end alone, and is not woken before.
    pub(super) async fn run(&self, plugin: &Plugin, request: RunRequest) -> Result<Outcome, StartError> {
        let place = self.enter(plugin.0.share).await?;
        let (caller, ended) = oneshot::channel();
        self.launch(plugin, request, Caller::AwaitsEnd(caller), place);
        ended.await.unwrap_or_else(|_| Err(broken().into()))
    }

    /// Waits for the turn of one more run.
    async fn enter(&self, share: Share) -> Result<(Slot, Permit), StartError> {
        let permit = self.admission.admit(share).await?;
        let slot = self.runs.enter().ok_or(StartError::ShuttingDown)?;
        Ok((slot, permit))
    }

    fn launch(&self, plugin: &Plugin, request: RunRequest, caller: Caller, place: (Slot, Permit)) {
        if let Some(runtime) = &self.runtime {
            // On the heap: the runtime moves all that a task has when that ends.
            runtime.spawn(Box::pin(launch::carry_out(plugin.clone(), Box::new(request), caller, place)));
        }
    }
}

/// The name of the machine, and the number of this process.
fn own_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = if machine.trim().is_empty() { "unknown" } else { machine.trim() };
    format!("{machine}:{}", std::process::id())
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
        f.debug_struct("Host")
            .field("store", &self.store)
            .field("runs", &self.runs.list().len())
            .finish_non_exhaustive()
    }
}
