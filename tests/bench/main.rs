//! What the store costs, beside the peer's way and beside the bare limit: `cargo xtask bench store`.
//!
//! One run starts a Redis of its own and measures every side on it in interleaved rounds, so that whatever else the
//! machine does befalls all of them alike. `fixture` is what is measured on, `native`, `guest`, `peer` and `bare` are the
//! sides, `append`, `lifecycle` and `listing` what they are made to do, `table` what comes out.

mod append;
mod bare;
mod fixture;
mod guest;
mod lifecycle;
mod listing;
mod meter;
mod native;
mod peer;
mod probe;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use self::fixture::Fixture;
use self::table::Results;

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the store against the peer's way and the bare limit
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench store", max_term_width = 100)]
struct Arguments {
    /// How often everything is measured; the table shows medians
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these, not all
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// A checkout of the real Python package to measure in the place of our own program: see tests/bench/peer.py
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
    /// The Python for the peer's way, with redis and pydantic; without it that side is left out
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// The plugin to run
    #[arg(long, value_name = "FILE")]
    plugin: PathBuf,
    /// A file for every sample, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Append,
    Lifecycle,
    List,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut fixture = Fixture::new(&arguments.plugin, arguments.python.as_deref(), arguments.peer.as_deref()).await?;
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut results = Results::default();
    if wanted(Part::Append) {
        append::measure(&mut fixture, &mut results, arguments.rounds, arguments.quick).await?;
    }
    if wanted(Part::Lifecycle) {
        lifecycle::measure(&mut fixture, &mut results, arguments.rounds, arguments.quick).await?;
    }
    if wanted(Part::List) {
        listing::measure(&mut fixture, &mut results, arguments.rounds, arguments.quick).await?;
    }
    println!("{}", fixture.describe().await?);
    println!("{results}");
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&results)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
