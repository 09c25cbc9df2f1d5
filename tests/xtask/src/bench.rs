//! `cargo xtask bench`: what a benchmark needs is built and installed here; what it measures is said in `tests/bench`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::run::{cargo, heading, run};
use crate::{build, python, redis};

/// What is measured of a benchmark, and how.
#[derive(Debug, Args)]
struct Measured {
    /// How often everything is measured [default: the benchmark's own]
    #[arg(long)]
    rounds: Option<usize>,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these parts of it, with commas between them
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// The cargo profile to build with
    #[arg(long, default_value = "release")]
    profile: String,
}

impl Measured {
    /// The command that runs a benchmark of this name, as it is to be measured.
    fn bench(&self, name: &str, target: &Path) -> Command {
        let mut bench = cargo();
        bench.args(["bench", "--workspace", "--bench", name, "--profile", &self.profile, "--"]);
        bench.arg("--json").arg(target.join(format!("bench-{name}.json")));
        bench.args(self.quick.then_some("--quick"));
        options(
            &mut bench,
            [("--rounds", self.rounds.map(|rounds| rounds.to_string())), ("--only", self.only.clone())],
        );
        bench
    }
}

/// Passes on the options that are given.
fn options<const N: usize, V: AsRef<OsStr>>(command: &mut Command, options: [(&str, Option<V>); N]) {
    for (option, value) in options {
        if let Some(value) = value {
            command.arg(option).arg(value);
        }
    }
}

/// The path of a file or folder that an option names, wherever the benchmark runs.
fn named(option: &str, path: &Option<PathBuf>) -> Result<Option<PathBuf>> {
    let whole = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("{option} {}", path.display()));
    path.as_ref().map(whole).transpose()
}

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    #[command(flatten)]
    measured: Measured,
    /// A checkout of the real Python package to measure in the place of our own program: tests/bench/peer.py says what
    /// it has to hold
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArguments {
    #[command(flatten)]
    measured: Measured,
    /// A component made by the Python toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// A component made by the JavaScript toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    js: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    measured: Measured,
    /// A checkout of the DMS frontend, whose event processor is measured beside the platform
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
}

/// Threads of the runtimes that guests run on: as many wherever it is measured.
const GUEST_THREADS: &str = "2";

/// Builds the plugin and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn store(arguments: &StoreArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let python = python::ensure(&target).map_err(|error| eprintln!("The peer's way is left out: {error:#}")).ok();
    let peer = named("--peer", &arguments.peer)?;
    heading("The benchmark");
    let mut bench = arguments.measured.bench("store", &target);
    bench.arg("--plugin").arg(build::plugin(&target, "bench-guest"));
    options(&mut bench, [("--python", python), ("--peer", peer)]);
    run(bench.env("REDIS_SERVER", redis))
}

/// Builds the plugins and the benchmark, and measures.
pub(crate) fn sandbox(arguments: &SandboxArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let (python, js) = (named("--python", &arguments.python)?, named("--js", &arguments.js)?);
    heading("The benchmark");
    let cache = target.join("bench-sandbox-cache");
    let mut bench = arguments.measured.bench("sandbox", &target);
    bench.arg("--plugins").arg(build::examples(&target)).arg("--cache").arg(&cache);
    options(&mut bench, [("--python", python), ("--js", js)]);
    run(bench.env("REDIS_SERVER", redis).env("XDG_CACHE_HOME", cache).env("TOKIO_WORKER_THREADS", GUEST_THREADS))
}

/// Builds the plugin, the command and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn serve(arguments: &ServeArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let profile = &arguments.measured.profile;
    heading("The command");
    run(cargo().args(["build", "--workspace", "--exclude", "xtask", "--bins", "--profile", profile]))?;
    let peer = named("--peer", &arguments.peer)?;
    let mut python = None;
    if peer.is_some() {
        python = Some(python::ensure(&target)?);
        python::ensure_dms(&target)?;
    }
    heading("The benchmark");
    let mut bench = arguments.measured.bench("serve", &target);
    bench.arg("--plugin").arg(build::examples(&target).join("work.wasm"));
    let command = format!("task-state{}", std::env::consts::EXE_SUFFIX);
    bench.arg("--command").arg(target.join(profile).join(command));
    options(&mut bench, [("--python", python), ("--peer", peer)]);
    run(bench.env("REDIS_SERVER", redis))
}
