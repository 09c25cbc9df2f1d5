//! `cargo xtask bench`: what a benchmark needs is built and installed here; what it measures is said in `tests/bench`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::run::{cargo, find, heading, program, root, run};
use crate::{build, redis};

/// The programs looked for, the first one first.
const PYTHONS: [&str; 2] = ["python3", "python"];

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

/// Builds the plugin and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn store(arguments: &StoreArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let python = match python(&target) {
        Ok(python) => Some(python),
        Err(error) => {
            eprintln!("The peer's way is left out: {error:#}");
            None
        }
    };
    heading("The benchmark");
    let mut bench = cargo();
    bench.args(["bench", "--workspace", "--bench", "store", "--profile", &arguments.profile, "--"]);
    bench.arg("--plugin").arg(build::plugin(&target, "bench-guest"));
    bench.arg("--json").arg(target.join("bench-store.json"));
    if let Some(python) = python {
        bench.arg("--python").arg(python);
    }
    if let Some(checkout) = &arguments.peer {
        let path = fs::canonicalize(checkout).with_context(|| format!("--peer {}", checkout.display()))?;
        bench.arg("--peer").arg(path);
    }
    if let Some(rounds) = arguments.rounds {
        bench.arg("--rounds").arg(rounds.to_string());
    }
    if let Some(only) = &arguments.only {
        bench.arg("--only").arg(only);
    }
    if arguments.quick {
        bench.arg("--quick");
    }
    run(bench.env("REDIS_SERVER", redis))
}

/// A Python of the project's own, with the libraries of the peer's way.
fn python(target: &Path) -> Result<PathBuf> {
    heading("The peer's way");
    let environment = target.join("bench-venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        let system = PYTHONS.into_iter().find_map(find).context("there is no Python on the PATH")?;
        run(program(system).args(["-m", "venv"]).arg(&environment))
            .context("Python cannot make an environment (on Debian it needs the package python3-venv)")?;
    }
    let requirements = root().join("tests/bench/requirements.txt");
    run(program(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(requirements))?;
    Ok(python)
}
