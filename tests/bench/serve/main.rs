//! What the platform does in a second, beside the peer's way: `cargo xtask bench serve`.
//!
//! One run starts a Redis of its own, and processes of `task-state serve` on it as often as they are measured. Tasks go in
//! by HTTP, as the frontend sends them. `platform` is the processes, `peer` the frontend's event processor with a scheduler
//! of its package; `throughput`, `scaling`, `latency`, `memory`, `watchers`, `first_page`
//! and `listing` are what is measured.

mod client;
mod first_page;
mod latency;
mod listing;
mod memory;
mod peer;
mod platform;
mod scaling;
mod tasks;
mod throughput;
mod watchers;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use task_state_tests::bench_table::Results;

/// Measure the platform against the peer's way
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench serve", max_term_width = 100)]
struct Arguments {
    /// How often everything is measured; the table shows medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Fewer and smaller measurements: to see that it works
    #[arg(long)]
    quick: bool,
    /// Only these, not all
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// A checkout of the frontend, whose event processor is measured; without it and a Python the peer's way is left out
    #[arg(long, value_name = "CHECKOUT")]
    peer: Option<PathBuf>,
    /// The Python for the peer's way
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// The command
    #[arg(long, value_name = "FILE")]
    command: PathBuf,
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
    Throughput,
    Scaling,
    Latency,
    Memory,
    Watchers,
    FirstPage,
    Listing,
}

/// What every measurement has to know.
struct Setting {
    arguments: Arguments,
}

impl Setting {
    /// One of two sizes.
    fn size<T>(&self, full: T, quick: T) -> T {
        if self.arguments.quick { quick } else { full }
    }

    fn rounds(&self) -> usize {
        self.arguments.rounds
    }

    /// Says what is measured, to whoever waits.
    fn tell(&self, what: &str, round: usize) {
        eprintln!("{what}, round {} of {}", round + 1, self.rounds());
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let setting = Setting { arguments: Arguments::parse() };
    let only = &setting.arguments.only;
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut results = Results::default();
    if wanted(Part::Throughput) {
        throughput::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Scaling) {
        scaling::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Latency) {
        latency::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Memory) {
        memory::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Watchers) {
        watchers::measure(&setting, &mut results).await?;
    }
    if wanted(Part::FirstPage) {
        first_page::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Listing) {
        listing::measure(&setting, &mut results).await?;
    }
    println!("{results}");
    if let Some(file) = &setting.arguments.json {
        let text = serde_json::to_string_pretty(&results)?;
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
