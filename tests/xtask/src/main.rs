//! `cargo xtask`: the few commands that a newcomer and CI call. Each brings what it needs, or says what is missing, and
//! shows every command that it runs, so that whoever reads along can run them without it.

mod apt;
mod bench;
mod build;
mod demo;
mod fuzz;
mod languages;
mod page;
mod promtool;
mod python;
mod redis;
mod registry;
mod run;
mod serve;
mod suite;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a newcomer and CI call
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Xtask {
    /// Build the example plugins and the command, run both plugins, and show what they left. Needs no Redis
    Demo,
    /// Build the example plugins and the command, and run a platform of them, whose page is at http://127.0.0.1:9000/.
    /// Needs no Redis
    Serve,
    /// Run the whole suite. Needs a Redis server and a registry, and installs them with apt-get where it can; with Python, it
    /// also reads as the Python package does
    Test {
        /// Arguments for `cargo test --workspace`, such as `--test store_redis`; after `--`, those for the tests themselves
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
        arguments: Vec<OsString>,
    },
    /// Check that the interface in wit/ is compatible with what was released: see wit/README.md
    Wit,
    /// Look for inputs that break a promise, with libFuzzer: see .github/CONTRIBUTING.md. Needs cargo-fuzz and a C++ compiler
    Fuzz(fuzz::FuzzArguments),
    /// Measure what things cost, on servers of its own
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Measure the store against the peer's way and the bare limit. Prints one table; all samples go to
    /// target/bench-store.json
    Store(bench::StoreArguments),
    /// Measure the sandbox against bare wasmtime, and against itself when it is alone. Prints one table; all samples go
    /// to target/bench-sandbox.json
    Sandbox(bench::SandboxArguments),
    /// Measure the platform against the peer's way, by one process and by several. Prints one table; all samples go to
    /// target/bench-serve.json
    Serve(bench::ServeArguments),
}

fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Demo => demo::demo(),
        Xtask::Serve => serve::serve(),
        // Just as they were typed: the parser takes out a `--` that comes first, and cargo needs it.
        Xtask::Test { .. } => suite::test(&env::args_os().skip(2).collect::<Vec<_>>()),
        Xtask::Wit => suite::wit(),
        Xtask::Fuzz(arguments) => fuzz::fuzz(&arguments),
        Xtask::Bench(Bench::Store(arguments)) => bench::store(&arguments),
        Xtask::Bench(Bench::Sandbox(arguments)) => bench::sandbox(&arguments),
        Xtask::Bench(Bench::Serve(arguments)) => bench::serve(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
