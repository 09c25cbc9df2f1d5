//! The WIT interfaces, served to guests: check the grant, call the store, map the error.
//!
//! A platform with an engine, a linker and a store type of its own adds them with [`add_to_linker`]; a
//! [`Host`](crate::Host) does so for itself. Nothing here knows a plugin or a run.
//!
//! ```
//! use task_state_host::imports::{self, Grants, TaskStateCtx, TaskStateView};
//! use task_state_host::store::SharedStore;
//! use task_state_host::wasmtime::component::Linker;
//! use task_state_host::wasmtime::{Engine, Result};
//!
//! struct Platform {
//!     task_state: TaskStateCtx,
//!     // … whatever else its guests reach
//! }
//!
//! impl TaskStateView for Platform {
//!     fn task_state(&mut self) -> &mut TaskStateCtx {
//!         &mut self.task_state
//!     }
//! }
//!
//! fn linker(engine: &Engine) -> Result<Linker<Platform>> {
//!     let mut linker = Linker::new(engine);
//!     imports::add_to_linker(&mut linker)?;
//!     Ok(linker)
//! }
//!
//! fn state(store: SharedStore) -> Platform {
//!     Platform { task_state: TaskStateCtx::new(store, Grants::for_services(["analytics"])) }
//! }
//! # linker(&Engine::default()).unwrap();
//! ```

mod context;
mod convert;
mod current_task;
mod error;
mod faults;
mod grants;
mod quotas;
mod repository;

use wasmtime::component::{HasData, Linker};

pub use context::{TaskStateCtx, TaskStateView};
pub use faults::{CallError, Fault, Faults, WitStatus};
pub use grants::{Grants, MissingGrant, Operation};
pub use quotas::Quotas;

pub(crate) use context::{CurrentTask, Underway};

/// What wasmtime's [`bindgen!`](wasmtime::component::bindgen) makes of the WIT package, with async functions.
///
/// A platform that generates bindings for a world of its own names them in the macro's `with`, as
/// `"dms:task-state": task_state_host::imports::bindings::dms::task_state`.
pub mod bindings {
    #![allow(missing_docs, reason = "generated")]

    wasmtime::component::bindgen!({
        path: "../wit",
        world: "dms:task-state/plugin",
        imports: { default: async },
        exports: { default: async },
    });
}

/// Says what the imports find in a store's data, for a platform that adds one interface of [`bindings`] at a time.
#[derive(Debug)]
pub struct TaskState;

impl HasData for TaskState {
    type Data<'a> = &'a mut TaskStateCtx;
}

/// Adds `dms:task-state/types`, `repository` and `current-task` to a linker.
///
/// # Errors
/// If the linker has one of them already.
pub fn add_to_linker<T: TaskStateView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    add_to_linker_with(linker, T::task_state)
}

/// The same for a store type that is not the platform's own, or keeps several contexts: `context` finds the one.
///
/// # Errors
/// As [`add_to_linker`].
pub fn add_to_linker_with<T: Send + 'static>(
    linker: &mut Linker<T>,
    context: fn(&mut T) -> &mut TaskStateCtx,
) -> wasmtime::Result<()> {
    use bindings::dms::task_state;
    task_state::types::add_to_linker::<T, TaskState>(linker, context)?;
    task_state::repository::add_to_linker::<T, TaskState>(linker, context)?;
    task_state::current_task::add_to_linker::<T, TaskState>(linker, context)
}

#[cfg(test)]
mod tests;
