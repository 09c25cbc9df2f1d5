//! Plugins: components that have been checked, compiled and linked.
//!
//! A component comes from a stranger, and its compilation is the one thing that he has done in the host's own process.
//! So it is read up to a limit, checked before a compiler sees it, and compiled in a process of its own if the embedder
//! has given one.

mod check;
mod compiled;
mod compiler;
mod digest;
mod limits;
mod process;
mod read;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;

use super::admission::Share;
use super::engine::{self, Model};
use super::host::Inner;
use super::instance::Guest;
use super::{Capabilities, Manifest, Outcome, Run, RunRequest, StartError};
use crate::imports::Grants;
use crate::imports::bindings::PluginPre;

pub use digest::Sha256;
pub use limits::{LimitExceeded, LoadLimits};
pub use process::CompilerProcess;

pub(super) use check::{Depth, Item, Producer, Surface, survey};

use compiled::Compiled;
use process::Order;

/// What a plugin exports.
const WORKER: &str = "dms:task-state/worker@0.1.2";

/// Why a component cannot be a plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path:?}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is not the component that it is pinned to be.
    #[error("its SHA-256 sum is {found}, and it is pinned to {pinned}")]
    Pinned {
        /// The sum that it has.
        found: Sha256,
        /// The sum that it was to have.
        pinned: Sha256,
    },
    /// It, or its compilation, goes past a limit; see [`LoadLimits`].
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// It is not WebAssembly.
    #[error("it is not a WebAssembly component: {0}")]
    NotWasm(String),
    /// It is a core module.
    #[error("it is a core WebAssembly module, and a plugin is a component (for Rust, build it for wasm32-wasip2)")]
    CoreModule,
    /// It is a component that does not export the worker, or exports another one.
    #[error("it does not export {export} as a plugin does{}", if .why.is_empty() { String::new() } else { format!(": {}", .why) })]
    NoWorker {
        /// The export.
        export: &'static str,
        /// How it differs; empty if it is not there.
        why: String,
    },
    /// It imports something that the host does not serve.
    #[error("it imports {name}, which the host does not serve{}", if .why.is_empty() { String::new() } else { format!(": {}", .why) })]
    UnservedImport {
        /// The import.
        name: String,
        /// How it differs from what the host serves; empty if the host serves nothing of that name.
        why: String,
    },
    /// It has asynchronous built-ins, and the host cannot serve those: there is no address space for a second pool of
    /// instances, for instance.
    #[error("it has asynchronous built-ins, for which the host has no engine: {0}")]
    NoEngine(String),
    /// It is not a valid component, or cannot be compiled, or is larger than a run may be.
    #[error("it cannot be compiled: {0}")]
    Compile(String),
}

/// What a plugin is loaded with: what it may do, what it may reach, and which component it must be. [`Grants`] alone make
/// one, with no capabilities, and so does a [`Manifest`], except for its limits: those are the host's and a run's.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadRequest {
    /// What the plugin may do with tasks.
    pub grants: Grants,
    /// What it may reach besides them: nothing unless set.
    pub capabilities: Capabilities,
    /// The sum that the component must have, if it is pinned.
    pub sha256: Option<Sha256>,
    /// How many runs of it may be under way at once; as many as the host's unless set.
    pub max_concurrent_runs: Option<usize>,
}

impl LoadRequest {
    /// A plugin with these grants and no capabilities, of any component.
    pub fn new(grants: Grants) -> Self {
        Self { grants, capabilities: Capabilities::none(), sha256: None, max_concurrent_runs: None }
    }

    /// The same with these capabilities.
    pub fn capabilities(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// The same of a component with this sum alone.
    pub fn sha256(self, sum: Sha256) -> Self {
        Self { sha256: Some(sum), ..self }
    }

    /// The same with a share of the host: at most so many runs under way at once, at least one. More wait.
    pub fn max_concurrent_runs(self, most: usize) -> Self {
        Self { max_concurrent_runs: Some(most), ..self }
    }
}

impl From<Grants> for LoadRequest {
    fn from(grants: Grants) -> Self {
        Self::new(grants)
    }
}

impl From<Manifest> for LoadRequest {
    fn from(manifest: Manifest) -> Self {
        let Manifest { grants, capabilities, sha256, .. } = manifest;
        Self { sha256, ..Self::new(grants).capabilities(capabilities) }
    }
}

/// Where a component comes from.
pub(super) enum Source {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// How a host comes by compiled components.
#[derive(Debug)]
pub(super) struct Loading {
    pub(super) limits: LoadLimits,
    process: Option<CompilerProcess>,
    engine: String,
    cache: Option<PathBuf>,
    compiled: Compiled,
    /// How many components may be compiled at once: each may take all of its limits.
    permits: Arc<Semaphore>,
}

impl Loading {
    pub(super) fn new(
        engine: &wasmtime::Engine,
        cache: Option<&wasmtime::Cache>,
        limits: LoadLimits,
        process: Option<CompilerProcess>,
        at_once: usize,
    ) -> Self {
        let engine = engine::identity(engine);
        let is_bounded = process.is_some();
        let manner = format!("{} {engine} {is_bounded} {limits:?}", env!("CARGO_PKG_VERSION"));
        Self {
            compiled: Compiled::new(cache, manner),
            cache: cache.map(|cache| cache.directory().clone()),
            permits: Arc::new(Semaphore::new(at_once)),
            limits,
            process,
            engine,
        }
    }

    /// Has a component checked and compiled within the limits, unless it was before, and tells its model. While the permit
    /// is there, the host's own compiler may be called with it.
    async fn admit(&self, component: &Arc<Fetched>) -> Result<(Model, Option<OwnedSemaphorePermit>), LoadError> {
        if let Some(model) = Model::ALL.into_iter().find(|model| self.compiled.contains(component.sum, *model)) {
            return Ok((model, None));
        }
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| broken())?;
        let model = match &self.process {
            Some(process) => {
                let order = Order {
                    size: component.bytes.len(),
                    limits: self.limits.clone(),
                    engine: self.engine.clone(),
                    cache: self.cache.clone(),
                };
                process.compile(&order, &component.bytes).await?
            }
            None => {
                let (component, limits) = (component.clone(), self.limits.clone());
                blocking(move || check::check(&component.bytes, &limits)).await?
            }
        };
        Ok((model, Some(permit)))
    }
}

/// A component that was read.
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    pub(super) sum: Sha256,
}

impl Fetched {
    /// Reads a component and compares its sum.
    pub(super) fn fetch(source: Source, limits: &LoadLimits, pinned: Option<Sha256>) -> Result<Self, LoadError> {
        let bytes = match source {
            Source::File(path) => read::file(&path, limits.component_bytes)?,
            Source::Bytes(bytes) => {
                read::check_size(bytes.len() as u64, limits.component_bytes)?;
                bytes
            }
        };
        check_kind(&bytes)?;
        let sum = Sha256::of(&bytes);
        match pinned {
            Some(pinned) if pinned != sum => Err(LoadError::Pinned { found: sum, pinned }),
            _ => Ok(Self { bytes, sum }),
        }
    }
}

/// A component that tasks can be run on, with its grants. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(pub(super) Arc<Loaded>);

/// What a plugin consists of.
pub(super) struct Loaded {
    pub(super) host: Arc<Inner>,
    pub(super) component: PluginPre<Guest>,
    pub(super) grants: Arc<Grants>,
    pub(super) capabilities: Arc<Capabilities>,
    pub(super) share: Share,
}

impl Plugin {
    /// Reads a component, has it checked and compiled, and links it to what the host serves.
    pub(super) async fn load(host: Arc<Inner>, source: Source, request: LoadRequest) -> Result<Self, LoadError> {
        let (limits, pinned) = (host.loading.limits.clone(), request.sha256);
        let component = Arc::new(blocking(move || Fetched::fetch(source, &limits, pinned)).await?);
        Self::load_fetched(host, component, request).await
    }

    /// The same for a component that was read before.
    pub(super) async fn load_fetched(
        host: Arc<Inner>,
        component: Arc<Fetched>,
        request: LoadRequest,
    ) -> Result<Self, LoadError> {
        let (model, permit) = host.loading.admit(&component).await?;
        blocking(move || {
            let plugin = Self::link(host, &component.bytes, model, request)?;
            if permit.is_some() {
                plugin.0.host.loading.compiled.insert(component.sum, model);
            }
            Ok(plugin)
        })
        .await
    }

    /// Makes a plugin of a component that may be compiled here, if it is not in the cache by now.
    fn link(host: Arc<Inner>, bytes: &[u8], model: Model, request: LoadRequest) -> Result<Self, LoadError> {
        let linker = host.serving.linker(model).map_err(|error| LoadError::NoEngine(chain(&error)))?;
        let component =
            Component::from_binary(linker.engine(), bytes).map_err(|error| LoadError::Compile(chain(&error)))?;
        if component.get_export_index(None, WORKER).is_none() {
            return Err(LoadError::NoWorker { export: WORKER, why: String::new() });
        }
        let linked = linker.instantiate_pre(&component).map_err(|error| unserved(&component, &error))?;
        let component =
            PluginPre::new(linked).map_err(|error| LoadError::NoWorker { export: WORKER, why: chain(&error) })?;
        let LoadRequest { grants, capabilities, max_concurrent_runs, .. } = request;
        let share = Share::new(max_concurrent_runs);
        let (grants, capabilities) = (Arc::new(grants), Arc::new(capabilities));
        Ok(Self(Arc::new(Loaded { host, component, grants, capabilities, share })))
    }

    /// What the plugin may reach besides tasks.
    pub fn capabilities(&self) -> &Capabilities {
        &self.0.capabilities
    }

    /// Claims a task and starts it. Waits while as many runs as may be are under way.
    ///
    /// # Errors
    /// [`StartError`]; the task was not touched.
    pub async fn start(&self, request: RunRequest) -> Result<Run, StartError> {
        self.0.host.start(self, request).await
    }

    /// Runs a task: [`start`](Self::start), and [`wait`](Run::wait).
    ///
    /// # Errors
    /// As `start`.
    pub async fn run(&self, request: RunRequest) -> Result<Outcome, StartError> {
        self.0.host.run(self, request).await
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("grants", &self.0.grants)
            .field("capabilities", &self.0.capabilities)
            .finish_non_exhaustive()
    }
}

/// Tells a component from other files by its first eight bytes.
fn check_kind(bytes: &[u8]) -> Result<(), LoadError> {
    match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule),
        [0, b'a', b's', b'm', ..] => Err(LoadError::NotWasm("its version is not known".to_owned())),
        [] => Err(LoadError::NotWasm("it is empty".to_owned())),
        _ => Err(LoadError::NotWasm("it does not begin with the four bytes that all WebAssembly does".to_owned())),
    }
}

/// Does work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broken()))
}

/// What is said when work on a component ended in a way that it should not.
pub(super) fn broken() -> LoadError {
    LoadError::Compile("the compiler broke".to_owned())
}

/// The import that the linker has stumbled over.
fn unserved(component: &Component, error: &wasmtime::Error) -> LoadError {
    let said = error.to_string();
    let kind = component.component_type();
    let name = kind.imports(component.engine()).map(|(name, _)| name).find(|name| said.contains(&format!("`{name}`")));
    match name {
        Some(name) if error.chain().count() <= 1 => {
            LoadError::UnservedImport { name: name.to_owned(), why: String::new() }
        }
        Some(name) => LoadError::UnservedImport { name: name.to_owned(), why: error.root_cause().to_string() },
        None => LoadError::Compile(chain(error)),
    }
}

/// An error with its causes, on one line.
fn chain(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}
