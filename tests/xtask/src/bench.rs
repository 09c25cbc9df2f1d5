//! `cargo xtask bench`: what a benchmark needs is built and installed here; what it measures is said in `tests/bench`.

use std::fs;
use std::path::PathBuf;

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

/// Builds the plugin and the benchmark, gives the peer's way its libraries, and measures.
pub(crate) fn store(arguments: &StoreArguments) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["bench-guest"])?;
    let target = build::target_directory()?;
    let python = match python::ensure(&target) {
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
