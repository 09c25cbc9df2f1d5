//! The wasmtime engines that guests run on, and the thread that interrupts them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::{Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::Sha256;

/// For how many ticks the clock goes on without a guest. To wake it costs more than a short run does.
const IDLE_TICKS: u32 = 200;

/// The most of each that a component may have. The pool holds as many for each run that may be under way, so that no
/// plugin takes another's. A component of one language runtime has one memory, and as many core instances as its
/// toolchain cuts it into: for Python some thirty.
pub(super) const MAX_MEMORIES: u32 = 2;
pub(super) const MAX_TABLES: u32 = 8;
pub(super) const MAX_INSTANCES: u32 = 64;

/// The most elements of one table. Python's runtime has some ten thousand.
const TABLE_ELEMENTS: usize = 100_000;

/// The most bytes of the engine's own account of one instance; nothing is reserved for it.
const INSTANCE_BYTES: usize = 16 << 20;

/// Bytes of a guest's stack. At wasmtime's default of 512 KiB, Python traps on JSON that is nested 1,000 deep, where it
/// raises an error of its own with more.
const MAX_STACK: usize = 2 << 20;

/// Bytes of stack for what the host does when a guest calls it.
const HOST_STACK: usize = 512 << 10;

/// Bytes of a memory that are cleared rather than given back to the system when a run ends: less than a small guest
/// touches costs page faults at its next run.
const KEPT_RESIDENT: usize = 128 << 10;

/// How hard zstd works to make compiled components small on disk. Those of the least level are a tenth larger, and are read
/// half as fast again. wasmtime's own choice is 3, and 20 for what is loaded often, which takes a core for many seconds.
const COMPRESSION: i32 = 1;

/// What a component asks of the component model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Model {
    /// Calls that return when they are done.
    Synchronous,
    /// Asynchronous built-ins. wasmtime then keeps account of tasks at every call, also for guests that have only one:
    /// that made a short run a sixth slower.
    Concurrent,
}

impl Model {
    pub(super) const ALL: [Self; 2] = [Self::Synchronous, Self::Concurrent];
}

/// How instances are allocated: all engines of a host do it alike, as code that is compiled for it depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allocation {
    /// From a pool for so many runs at once.
    Pool(usize),
    /// One by one. Memories grow by moving.
    Single,
}

impl Allocation {
    /// An engine, with compiled components kept on disk if asked for.
    pub(super) fn engine(self, model: Model, cache: Option<Cache>) -> wasmtime::Result<Engine> {
        let mut config = config(model, cache);
        match self {
            Self::Pool(runs) => _ = config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(runs))),
            Self::Single => config = single(config),
        }
        Engine::new(&config)
    }
}

/// The first engine of a host for so many runs at once, and how it allocates instances: one by one where the system does
/// not give the address space of a pool, as in a container with a limit on it.
pub(super) fn new(model: Model, runs: usize, cache: Option<Cache>) -> wasmtime::Result<(Engine, Allocation)> {
    let of = |allocation: Allocation| Ok((allocation.engine(model, cache.clone())?, allocation));
    of(Allocation::Pool(runs)).or_else(|error: wasmtime::Error| {
        tracing::warn!(error = format!("{error:#}"), "no pool of instances; they are allocated one by one");
        of(Allocation::Single)
    })
}

/// What code depends on that is compiled for an engine, in a few digits: the system, wasmtime and its settings.
pub(super) fn identity(engine: &Engine) -> String {
    Sha256::of_hash(&engine.precompile_compatibility_hash()).to_string()
}

/// An engine in another process that compiles for a host and allocates nothing, with compiled components kept in a
/// directory if there is one. The host is known by the identity of the first of its engines. Whether it has a pool is part
/// of that, but how large it is is not.
pub(super) fn for_compilation(wanted: &str, model: Model, cache: Option<&Path>) -> wasmtime::Result<Engine> {
    let cache = cache.and_then(|directory| open_cache_in(CacheConfig::new().with_directory(directory)));
    for allocated in [|config| config, single] {
        for first in Model::ALL {
            let of = |model| Engine::new(&allocated(config(model, cache.clone())));
            let engine = of(first)?;
            if identity(&engine) == wanted {
                return if model <= first { Ok(engine) } else { of(model) };
            }
        }
    }
    Err(wasmtime::Error::msg("it is not of the same build as the host"))
}

/// The settings of every engine.
fn config(model: Model, cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    let is_concurrent = model == Model::Concurrent;
    config.wasm_component_model_async(is_concurrent).concurrency_support(is_concurrent);
    config.epoch_interruption(true).cache(cache);
    config.max_wasm_stack(MAX_STACK).async_stack_size(MAX_STACK + HOST_STACK);
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

/// The same for instances that are allocated one by one.
fn single(mut config: Config) -> Config {
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config.memory_reservation(0).memory_guard_size(64 << 10).memory_reservation_for_growth(1 << 20);
    config
}

fn pool(runs: usize) -> PoolingAllocationConfig {
    let runs = u32::try_from(runs).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(runs)
        .total_stacks(runs)
        .total_memories(runs.saturating_mul(MAX_MEMORIES))
        .total_tables(runs.saturating_mul(MAX_TABLES))
        .total_core_instances(runs.saturating_mul(MAX_INSTANCES))
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_core_instances_per_component(MAX_INSTANCES)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_tables_per_module(MAX_TABLES)
        .max_memories_per_module(MAX_MEMORIES)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT_RESIDENT)
        .table_keep_resident(KEPT_RESIDENT)
        // Where the kernel can tell which pages were written, those alone are cleared.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The cache of compiled components in the user's cache directory. A host without one compiles every time.
pub(super) fn open_cache() -> Option<Cache> {
    open_cache_in(&mut CacheConfig::new())
}

fn open_cache_in(config: &mut CacheConfig) -> Option<Cache> {
    config.with_baseline_compression_level(COMPRESSION).with_optimized_compression_level(COMPRESSION);
    Cache::new(config.clone())
        .inspect_err(|error| tracing::warn!(error = format!("{error:#}"), "compiled components are not kept"))
        .ok()
}

/// The thread that moves the epoch of the engines on while there are guests, so that each of them is asked in time.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    guests: AtomicUsize,
    /// The thread rests until it is woken.
    rests: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    /// Rests while there is no guest. The thread of a guest that comes meanwhile, or of the end, sees that it has to wake
    /// this one, or is seen.
    fn rest(&self) {
        self.rests.store(true, Ordering::SeqCst);
        if self.guests.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        self.rests.store(false, Ordering::SeqCst);
    }
}

/// A guest for whom the epoch moves on, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticking<'a>(&'a Shared);

impl Ticker {
    /// Ticks after each pause, which may be another one each time.
    pub(super) fn start(
        pause: impl Fn() -> Duration + Send + 'static,
        tick: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let watched = shared.clone();
        let thread = thread::Builder::new().name("task-state-epoch".to_owned()).spawn(move || {
            let mut idle = 0;
            while !watched.stop.load(Ordering::SeqCst) {
                idle = if watched.guests.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                if idle > IDLE_TICKS {
                    watched.rest();
                } else {
                    thread::park_timeout(pause());
                    tick();
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ticks for one more guest.
    pub(super) fn tick(&self) -> Ticking<'_> {
        self.shared.guests.fetch_add(1, Ordering::SeqCst);
        if self.shared.rests.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Ticking(&self.shared)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.guests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends at once and cannot panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_can_be_made_for_one_run_and_for_many() {
        for model in Model::ALL {
            for runs in [1, 256] {
                assert!(new(model, runs, None).is_ok(), "{runs} runs");
            }
        }
    }

    #[test]
    fn more_runs_than_address_space_still_give_an_engine() {
        assert!(new(Model::Synchronous, usize::MAX, None).is_ok());
    }

    #[test]
    fn another_process_compiles_for_an_engine_with_and_without_a_pool() {
        for runs in [1, usize::MAX] {
            let (first, allocation) = new(Model::Synchronous, runs, None).unwrap();
            let other = allocation.engine(Model::Concurrent, None).unwrap();
            for (host, model, engine) in [
                (&first, Model::Synchronous, &first),
                (&first, Model::Concurrent, &other),
                // One whose own imports are concurrent has no other.
                (&other, Model::Synchronous, &other),
                (&other, Model::Concurrent, &other),
            ] {
                let compiles = for_compilation(&identity(host), model, None).unwrap();
                assert_eq!(identity(&compiles), identity(engine), "{model:?}");
            }
            assert_ne!(identity(&first), identity(&other));
        }
        assert!(for_compilation("another", Model::Synchronous, None).is_err());
    }

    #[test]
    fn a_ticker_ends_with_its_owner_however_many_guests_there_were() {
        let ticker = Ticker::start(|| Duration::from_millis(1), || {}).unwrap();
        let guests = [ticker.tick(), ticker.tick()];
        drop(guests);
        let shared = ticker.shared.clone();
        drop(ticker);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
