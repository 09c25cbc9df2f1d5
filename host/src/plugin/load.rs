//! Plugins: components that have been compiled and checked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::component::Component;

use super::host::Inner;
use super::instance::Guest;
use super::{Capabilities, Outcome, PluginOptions, Run, RunRequest, StartError};
use crate::imports::Grants;
use crate::imports::bindings::PluginPre;

/// What a plugin exports.
const WORKER: &str = "dms:task-state/worker@0.1.0";

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
    /// It cannot be compiled, or is larger than the host allows.
    #[error("it cannot be compiled: {0}")]
    Compile(String),
}

/// A component that tasks can be run on, with its grants. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    pub(super) host: Arc<Inner>,
    pub(super) component: PluginPre<Guest>,
    pub(super) grants: Arc<Grants>,
    pub(super) capabilities: Arc<Capabilities>,
}

impl Plugin {
    /// Compiles a component and checks it against what the host serves. Blocks for as long as that takes.
    pub(super) fn load(host: Arc<Inner>, bytes: &[u8], options: PluginOptions) -> Result<Self, LoadError> {
        check_kind(bytes)?;
        let component =
            Component::from_binary(&host.engine, bytes).map_err(|error| LoadError::Compile(chain(&error)))?;
        if component.get_export_index(None, WORKER).is_none() {
            return Err(LoadError::NoWorker { export: WORKER, why: String::new() });
        }
        let linked = host.linker.instantiate_pre(&component).map_err(|error| unserved(&component, &error))?;
        let component =
            PluginPre::new(linked).map_err(|error| LoadError::NoWorker { export: WORKER, why: chain(&error) })?;
        let PluginOptions { grants, capabilities } = options;
        Ok(Self { host, component, grants: Arc::new(grants), capabilities: Arc::new(capabilities) })
    }

    /// What the plugin may reach besides tasks.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Claims a task and starts it. Waits while as many runs as may be are under way.
    ///
    /// # Errors
    /// [`StartError`]; the task was not touched.
    pub async fn start(&self, request: RunRequest) -> Result<Run, StartError> {
        self.host.start(self.clone(), request).await
    }

    /// Runs a task: [`start`](Self::start), and [`wait`](Run::wait).
    ///
    /// # Errors
    /// As `start`.
    pub async fn run(&self, request: RunRequest) -> Result<Outcome, StartError> {
        self.host.run(self.clone(), request).await
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("grants", &self.grants)
            .field("capabilities", &self.capabilities)
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
