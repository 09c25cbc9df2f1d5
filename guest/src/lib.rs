//! Rust SDK for plugins that report the life of their tasks through `dms:task-state`.
//!
//! A plugin is a WebAssembly component that a task-state host runs once for each task. It holds no connection and no
//! secret: all that it does to the task store goes through the host, which checks its grants.
//!
//! The smallest plugin, in a crate with `crate-type = ["cdylib"]`, built with
//! `cargo build --target wasm32-wasip2 --release`:
//!
//! ```no_run
//! use task_state_guest::{Failure, Plugin, TaskRecord, current_task};
//!
//! struct Greeter;
//!
//! impl Plugin for Greeter {
//!     fn run(task: TaskRecord) -> Result<(), Failure> {
//!         current_task::log(format!("hello, {}", task.user_id))?;
//!         Ok(())
//!     }
//! }
//!
//! task_state_guest::export!(Greeter);
//! ```
//!
//! - [`current_task`] is the task that the plugin runs for. It needs no grant.
//! - [`repository`] is the rest of the store, as far as the plugin's grants reach.
//! - [`input`] is the task's input, and [`output`] what becomes the task's `launcher_output`, unless the plugin sets that
//!   itself. They are standard input and standard output; in a test they are those of the task. There are no files, no
//!   sockets, no environment and no arguments, unless they are granted.
//! - The task's parameters are JSON text, in [`TaskRecord::parameters`]. With the crate's feature `json`,
//!   `TaskRecord::parameter` reads one of them.
//! - [`ProgressIterator`] tells how far a loop has come.
//! - With the features `log` and `tracing`, `TaskLogger` and `TaskLayer` make log entries or output of what a plugin says
//!   through those crates.
//!
//! Calls work inside a host. Anywhere else they answer [`Error::Internal`], except in a task of the module `testing`: with
//! the feature of that name a plugin runs in a plain `cargo test`, on a store in memory with the host's rules.

#[rustfmt::skip]
mod bindings;
mod convert;
pub mod current_task;
mod draft;
mod error;
#[cfg(any(feature = "log", feature = "tracing"))]
mod events;
mod host;
mod progress;
mod query;
mod record;
pub mod repository;
mod status;
mod streams;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
mod worker;

#[cfg(feature = "json")]
mod parameter;

pub use draft::TaskDraft;
pub use error::{Error, Result};
#[cfg(feature = "tracing")]
pub use events::TaskLayer;
#[cfg(feature = "log")]
pub use events::{InstallError, TaskLogger};
#[cfg(feature = "json")]
pub use parameter::ParameterError;
pub use progress::{ProgressIterator, WithProgress};
pub use query::{Page, Precondition, Scope};
pub use record::{LogEntry, TaskRecord, TaskResult};
pub use status::{ParseError, Priority, TaskStatus};
pub use streams::{Input, Output, input, output};
pub use worker::{Failure, Plugin};

/// What the expansion of [`export!`] refers to. No part of the crate's interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::{export_plugin, exports};
}

/// The examples of the README, which are compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
