//! The host side of `dms:task-state`.
//!
//! Platforms run other people's code as WebAssembly components. This library serves those plugins the task-state API and
//! keeps what they report in a store that it alone can reach: a guest holds no connection, no key and no secret, and can
//! touch only the tasks that it was granted.
//!
//! # A program that runs a plugin
//!
//! ```no_run
//! use std::error::Error;
//! use std::path::Path;
//!
//! use task_state_host::record::{JsonObject, Service, TaskId, UserId};
//! use task_state_host::store::{self, StoreUrl};
//! use task_state_host::{Grants, Host, Input, RunRequest, Settings};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     // redis://HOST for the datastore that others share; `DMS_REDIS_TASK_TTL_SECONDS` and the like are heeded.
//!     let store = store::open(&StoreUrl::parse("sqlite:tasks.db")?, &Settings::from_env()?).await?;
//!
//!     let host = Host::builder(store).max_concurrent_runs(64).build()?;
//!     let plugin = host.load_file(Path::new("csv_profile.wasm"), Grants::for_services(["analytics"])).await?;
//!
//!     let mut request = RunRequest::new(Service::new("analytics")?, UserId::new("alice")?);
//!     request.task_id = Some(TaskId::new("external-1")?);
//!     request.parameters = Some(JsonObject::parse("parameters", r#"{"format": "json"}"#)?);
//!     request.input = Input::File("measurements.csv".into());
//!     let run = plugin.start(request).await?;
//!     // … run.events() tells what happens, run.cancel() asks it to stop; another run of the same task is refused
//!
//!     let outcome = run.wait().await;
//!     println!("{}: {}", outcome.status, outcome.task().await?.encode());
//!     host.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # The parts
//!
//! - [`dispatch`] has the [`Dispatcher`](dispatch::Dispatcher), which runs the tasks of a queue on plugins.
//! - [`plugin`] has the [`Host`], which runs guests under [`Limits`], on threads of its own.
//! - [`imports`] has only the imports, for a platform with an engine, a linker and a store type of its own. The example
//!   `foreign_linker` is such a platform.
//! - [`store`] keeps tasks: in Redis, in a layout that other programs share, or in SQLite, which needs no server.
//! - [`record`] is the task record, and the one way to change it.
//!
//! [`wasmtime`], [`wasmtime_wasi`] and [`toml`] are those that the library was built with.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod dispatch;
pub mod imports;
mod jitter;
mod observer;
pub mod plugin;
pub mod record;
mod redaction;
mod settings;
pub mod store;
pub mod tls;
mod units;

pub use observer::Observer;
pub use plugin::{
    CallError, Capabilities, CompilerProcess, Fault, Faults, Grants, Guest, Host, HostBuilder, HostError, Input,
    Inspection, Limits, LoadError, LoadLimits, LoadRequest, Manifest, ManifestError, Operation, Outcome, OutputSink,
    Plugin, Quotas, Run, RunEvent, RunEvents, RunRequest, Sha256, StartError,
};
pub use settings::{BadVariable, DEFAULT_TTL, Settings};
pub use {toml, wasmtime, wasmtime_wasi};
