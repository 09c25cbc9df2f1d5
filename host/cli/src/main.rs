//! `task-state`, the command: runs plugins, and looks at, changes and mends the tasks that they report.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod args;
mod author;
mod commands;
mod exit;
mod open_store;
mod output;
mod telemetry;

use std::process::ExitCode;

/// Runs allocate on one thread what another frees; this allocator does not make them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::main()
}
