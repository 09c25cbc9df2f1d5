//! Bare wasmtime: the same engine, allocator, component, WASI and imports, and nothing of the host around them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use task_state_host::Grants;
use task_state_host::imports::bindings::PluginPre;
use task_state_host::imports::{self, TaskStateCtx, TaskStateView};
use task_state_host::record::{Change, Service, Status, TaskId, TaskRecord, UserId};
use task_state_host::store::{Access, Claim, RunId, SharedStore};
use task_state_host::wasmtime::component::{Component, Linker, ResourceTable};
use task_state_host::wasmtime::{
    self, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store, StoreLimits,
    StoreLimitsBuilder,
};
use task_state_host::wasmtime_wasi::p2::pipe::MemoryInputPipe;
use task_state_host::wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use tokio::runtime::Runtime;

use crate::guests::{SERVICE, USER, add_native};
use crate::nothing::Nothing;

/// Bytes of memory, of stack and of what is handed over in one call: the host's defaults.
const MEMORY: usize = 256 << 20;
const STACK: usize = 2 << 20;
const HOST_STACK: usize = 512 << 10;
const CALL: usize = 4 << 20;
const KEPT_RESIDENT: usize = 128 << 10;

/// For how long a task is claimed.
const LEASE: Duration = Duration::from_secs(45);

/// A component on bare wasmtime, on threads of its own.
#[derive(Debug)]
pub(crate) struct Bare {
    runtime: Option<Runtime>,
    plugin: Arc<Loaded>,
}

struct Loaded {
    engine: Engine,
    component: PluginPre<State>,
    nothing: Arc<Nothing>,
    grants: Arc<Grants>,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    task_state: TaskStateCtx,
    limits: StoreLimits,
}

impl Bare {
    pub(crate) fn new(nothing: Arc<Nothing>, file: &Path, at_once: u32) -> Result<Self> {
        let plugin = Arc::new(Loaded::new(nothing, file, at_once).map_err(told)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { runtime: Some(runtime), plugin })
    }

    /// Makes an instance on one of the threads, runs it on the task, and drops it.
    pub(crate) async fn run(&self, input: &str) -> Result<()> {
        let (plugin, input) = (self.plugin.clone(), input.to_owned());
        self.spawn(async move { run(&plugin, plugin.nothing.task(), input).await }).await
    }

    /// The same with a task that is claimed before and ended after, as whoever runs tasks has to.
    pub(crate) async fn run_claimed(&self, input: &str) -> Result<()> {
        let (plugin, input) = (self.plugin.clone(), input.to_owned());
        self.spawn(async move {
            let store: SharedStore = plugin.nothing.clone();
            let claim = Claim::new(Service::new(SERVICE)?, UserId::new(USER)?, RunId::unique(), LEASE);
            let task = store.claim(claim).await?.task;
            run(&plugin, &task, input).await?;
            let id = TaskId::stored(task.task_id())?;
            store.change(&id, Change::finish(Status::Completed), &Access::ANY).await?;
            Ok(())
        })
        .await
    }

    async fn spawn(&self, run: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        self.runtime.as_ref().context("it was dropped")?.spawn(run).await?
    }
}

/// An error with its causes.
fn told(error: wasmtime::Error) -> Error {
    Error::msg(format!("{error:#}"))
}

impl Loaded {
    fn new(nothing: Arc<Nothing>, file: &Path, at_once: u32) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(at_once))?;
        let mut linker = Linker::new(&engine);
        task_state_host::wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        imports::add_to_linker(&mut linker)?;
        add_native(&mut linker, &nothing)?;
        let component = Component::from_file(&engine, file)?;
        let component = PluginPre::new(linker.instantiate_pre(&component)?)?;
        let grants = Arc::new(Grants::for_services([SERVICE]));
        Ok(Self { engine, component, nothing, grants })
    }
}

async fn run(plugin: &Loaded, task: &TaskRecord, input: String) -> Result<()> {
    let store: SharedStore = plugin.nothing.clone();
    let state = State {
        wasi: WasiCtx::builder().stdin(MemoryInputPipe::new(input)).allow_tcp(false).allow_udp(false).build(),
        table: ResourceTable::new(),
        task_state: TaskStateCtx::new(store, Grants::clone(&plugin.grants)),
        limits: StoreLimitsBuilder::new().memory_size(MEMORY).build(),
    };
    let mut store = Store::new(&plugin.engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    store.set_hostcall_fuel(CALL);
    let instance = plugin.component.instantiate_async(&mut store).await.map_err(told)?;
    let returned = instance.dms_task_state_worker().call_run(&mut store, &task.into()).await;
    returned.map_err(told)?.map_err(Error::msg)
}

/// The settings of the host's engine for components of synchronous calls.
fn config(runs: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(runs)
        .total_stacks(runs)
        .total_memories(runs * 2)
        .total_tables(runs * 8)
        .total_core_instances(runs * 64)
        .max_memories_per_component(2)
        .max_tables_per_component(8)
        .max_core_instances_per_component(64)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .max_tables_per_module(8)
        .max_memories_per_module(2)
        .table_elements(100_000)
        .linear_memory_keep_resident(KEPT_RESIDENT)
        .table_keep_resident(KEPT_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.wasm_component_model_async(false).concurrency_support(false);
    config.epoch_interruption(true).max_wasm_stack(STACK).async_stack_size(STACK + HOST_STACK);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl TaskStateView for State {
    fn task_state(&mut self) -> &mut TaskStateCtx {
        &mut self.task_state
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("nothing", &self.nothing).finish_non_exhaustive()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // What runs on it may wait for hours.
            runtime.shutdown_background();
        }
    }
}
