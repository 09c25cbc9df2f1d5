//! `cargo xtask bench`: what a benchmark needs is built and installed here; what it measures is said in `tests/bench`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::{cargo, heading, run};
use crate::{build, python, redis};

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    /// How often everything is measured [default: 7]
    #[arg(long)]
    rounds: Option<usize>,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these of append, lifecycle and list
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// A checkout of the real Python package to measure in the place of our own program: tests/bench/peer.py says what
    /// it has to hold
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
    /// The cargo profile to build with
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxArguments {
    /// How often everything is measured [default: 5]
    #[arg(long)]
    rounds: Option<usize>,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these of parked, empty, call, start, short and crowd
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// A component made by the Python toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// A component made by the JavaScript toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    js: Option<PathBuf>,
    /// The cargo profile to build with
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// How often everything is measured [default: 5]
    #[arg(long)]
    rounds: Option<usize>,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these of throughput, scaling, latency and memory
    #[arg(long, value_name = "PARTS")]
    only: Option<String>,
    /// A checkout of the DMS frontend, whose event processor is measured beside the platform
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
    /// The cargo profile to build with
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Threads of the runtimes that guests run on: as many wherever it is measured.
const GUEST_THREADS: &str = "2";

/// Builds the plugin and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn store(arguments: &StoreArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let python = python::ensure(&target).map_err(|error| eprintln!("The peer's way is left out: {error:#}")).ok();
    let checkout = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("--peer {}", path.display()));
    let peer = arguments.peer.as_ref().map(checkout).transpose()?;
    heading("The benchmark");
    let mut bench = cargo();
    bench.args(["bench", "--workspace", "--bench", "store", "--profile", &arguments.profile, "--"]);
    bench.arg("--plugin").arg(build::plugin(&target, "bench-guest"));
    bench.arg("--json").arg(target.join("bench-store.json"));
    let rounds = arguments.rounds.map(|rounds| rounds.to_string().into());
    let only = arguments.only.as_ref().map(PathBuf::from);
    for (option, value) in [("--python", python), ("--peer", peer), ("--rounds", rounds), ("--only", only)] {
        bench.args(value.iter().flat_map(|value| [Path::new(option), value]));
    }
    if arguments.quick {
        bench.arg("--quick");
    }
    run(bench.env("REDIS_SERVER", redis))
}

/// Builds the plugins and the benchmark, and measures.
pub(crate) fn sandbox(arguments: &SandboxArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let file = |option: &str, path: &Option<PathBuf>| {
        let path =
            path.as_ref().map(|path| fs::canonicalize(path).with_context(|| format!("{option} {}", path.display())));
        path.transpose()
    };
    let (python, js) = (file("--python", &arguments.python)?, file("--js", &arguments.js)?);
    heading("The benchmark");
    let cache = target.join("bench-sandbox-cache");
    let mut bench = cargo();
    bench.args(["bench", "--workspace", "--bench", "sandbox", "--profile", &arguments.profile, "--"]);
    bench.arg("--plugins").arg(build::examples(&target));
    bench.arg("--cache").arg(&cache).arg("--json").arg(target.join("bench-sandbox.json"));
    let rounds = arguments.rounds.map(|rounds| rounds.to_string().into());
    let only = arguments.only.as_ref().map(PathBuf::from);
    for (option, value) in [("--python", python), ("--js", js), ("--rounds", rounds), ("--only", only)] {
        bench.args(value.iter().flat_map(|value| [Path::new(option), value]));
    }
    if arguments.quick {
        bench.arg("--quick");
    }
    run(bench.env("REDIS_SERVER", redis).env("XDG_CACHE_HOME", cache).env("TOKIO_WORKER_THREADS", GUEST_THREADS))
}

/// Builds the plugin, the command and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn serve(arguments: &ServeArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    heading("The command");
    run(cargo().args(["build", "--workspace", "--exclude", "xtask", "--bins", "--profile", &arguments.profile]))?;
    let checkout = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("--peer {}", path.display()));
    let peer = arguments.peer.as_ref().map(checkout).transpose()?;
    let python = match &peer {
        Some(_) => {
            let python = python::ensure(&target)?;
            python::ensure_dms(&target)?;
            Some(python)
        }
        None => None,
    };
    heading("The benchmark");
    let mut bench = cargo();
    bench.args(["bench", "--workspace", "--bench", "serve", "--profile", &arguments.profile, "--"]);
    bench.arg("--plugin").arg(build::examples(&target).join("work.wasm"));
    let command = format!("task-state{}", std::env::consts::EXE_SUFFIX);
    bench.arg("--command").arg(target.join(&arguments.profile).join(command));
    bench.arg("--json").arg(target.join("bench-serve.json"));
    let rounds = arguments.rounds.map(|rounds| rounds.to_string().into());
    let only = arguments.only.as_ref().map(PathBuf::from);
    for (option, value) in [("--python", python), ("--peer", peer), ("--rounds", rounds), ("--only", only)] {
        bench.args(value.iter().flat_map(|value| [Path::new(option), value]));
    }
    if arguments.quick {
        bench.arg("--quick");
    }
    run(bench.env("REDIS_SERVER", redis))
}
