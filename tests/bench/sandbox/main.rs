//! What the sandbox costs, beside bare wasmtime and beside itself when it is alone: `cargo xtask bench sandbox`.
//!
//! Every comparison is measured in interleaved rounds of one run. `nothing` is a store that does nothing, so that what is
//! left is the sandbox's own; `bare` is wasmtime with nothing of ours around it; `guests` a host with the plugins that are
//! measured. `empty`, `call`, `start`, `parked`, `short` and `crowd` are the parts, `table` what comes out.

mod bare;
mod call;
mod crowd;
mod empty;
mod guests;
mod nothing;
mod parked;
mod short;
mod start;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use task_state_tests::bench_table::Results;

/// The allocator of the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the sandbox against bare wasmtime, and against itself when it is alone
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench sandbox", max_term_width = 100)]
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
    /// The folder of the plugins `empty.wasm` and `load.wasm`
    #[arg(long, value_name = "FOLDER")]
    plugins: PathBuf,
    /// A component made by the Python toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// A component made by the JavaScript toolchain, to be started too
    #[arg(long, value_name = "FILE")]
    js: Option<PathBuf>,
    /// The folder of compiled components, which is emptied again and again: XDG_CACHE_HOME has to name it too
    #[arg(long, value_name = "FOLDER")]
    cache: PathBuf,
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
    Parked,
    Empty,
    Call,
    Start,
    Short,
    Crowd,
}

/// What every part is measured with.
#[derive(Debug)]
struct Setting {
    empty: PathBuf,
    load: PathBuf,
    rounds: usize,
    quick: bool,
}

impl Setting {
    /// One number, or a smaller one where all that counts is that it works.
    fn size<T>(&self, size: T, quick: T) -> T {
        if self.quick { quick } else { size }
    }

    /// Says which round of a part begins.
    fn tell(&self, part: &str, round: usize) {
        eprintln!("{part}, round {} of {}", round + 1, self.rounds);
    }
}

// The host and bare wasmtime have threads of their own; this one only asks.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let file = |name: &str| arguments.plugins.join(name);
    let Arguments { rounds, quick, .. } = arguments;
    let setting = Setting { empty: file("empty.wasm"), load: file("load.wasm"), rounds, quick };
    let mut results = Results::default();
    // First of all, while nothing else has been in memory.
    if wanted(Part::Parked) {
        parked::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Empty) {
        empty::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Call) {
        call::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Start) {
        let others = [("Python", &arguments.python), ("JavaScript", &arguments.js)];
        let others = others.into_iter().filter_map(|(language, file)| Some((language, file.as_deref()?)));
        let components = [("Rust", setting.load.as_path())].into_iter().chain(others).collect::<Vec<_>>();
        start::measure(&setting, &mut results, &components, &arguments.cache).await?;
    }
    if wanted(Part::Short) {
        short::measure(&setting, &mut results).await?;
    }
    if wanted(Part::Crowd) {
        crowd::measure(&setting, &mut results).await?;
    }
    let cores = std::thread::available_parallelism()?;
    println!("Guests on {} threads, of {cores} cores.", tokio_threads(cores.get()));
    println!("{results}");
    arguments.json.as_deref().map_or(Ok(()), |file| write(file, &results))
}

/// How many threads the runtimes have that run guests.
fn tokio_threads(cores: usize) -> usize {
    std::env::var("TOKIO_WORKER_THREADS").ok().and_then(|count| count.parse().ok()).unwrap_or(cores)
}

fn write(file: &Path, results: &Results) -> Result<()> {
    let text = serde_json::to_string_pretty(results)?;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
