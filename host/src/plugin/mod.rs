//! Plugins, and one run of one task.
//!
//! A [`Host`] compiles components and runs tasks on them, each run in a fresh instance under its own limits, on threads
//! of the host's own. Nothing here knows which engine the store is.

mod admission;
mod capabilities;
mod claimed_task;
mod cpu_time;
mod engine;
mod events;
mod execute;
mod held;
mod host;
mod input;
mod inspect;
mod instance;
mod journal;
mod known_task;
mod launch;
mod lazy_input;
mod leases;
mod limits;
mod live_output;
mod load;
mod manifest;
mod memory;
mod output;
mod pace;
mod platform;
mod registry;
mod request;
mod retry;
mod run;
mod serving;
mod sink;
mod stored_input;
mod supervise;
mod turns;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use capabilities::{Capabilities, Directory, HttpGrant, HttpLimits, Secret, SecretSource, Variable};
pub use events::{RunEvent, RunEvents};
pub use host::{Host, HostBuilder, HostError};
pub use inspect::{Inspection, Interface, Need, Tool};
pub use instance::Guest;
pub use limits::Limits;
pub use load::{CompilerProcess, LimitExceeded, LoadError, LoadLimits, LoadRequest, Plugin, Sha256};
pub use manifest::{Manifest, ManifestError};
pub use request::{Input, OutputSink, RunRequest, Show};
pub use run::{Outcome, Run, StartError};

pub(crate) use journal::{Budget, Journal};

pub use crate::imports::{CallError, Fault, Faults, Grants, Operation, Quotas, WitStatus};
pub use crate::units::{in_units, parse_bytes, parse_duration};

/// Takes a lock for a moment. What it guards is whole even if a thread broke while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
