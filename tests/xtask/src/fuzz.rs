//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz` under libFuzzer. What they hold the host to is said there.
//!
//! A stable toolchain is enough: libFuzzer's own instrumentation is stable, only the sanitizers are not, and those look for
//! what safe Rust does not do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::build::target_directory;
use crate::run::{cargo, find, heading, root, run, succeeds};

/// The targets, in the order in which they run.
const TARGETS: [&str; 5] = ["change", "ids", "listing", "manifest", "record"];

/// Longer inputs find nothing that shorter ones do not, and slow everything down.
const MAX_INPUT_BYTES: u32 = 4_096;

/// The longest input that goes into a corpus.
const MAX_KEPT_BYTES: u32 = 512;

#[derive(Debug, Args)]
pub(crate) struct FuzzArguments {
    /// Which of them: all of them, if none is named
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,
    /// How long each of them runs
    #[arg(long, default_value_t = 5)]
    minutes: u32,
    /// Add to the corpora in tests/fuzz/corpus what of all that was found reaches code that they do not reach
    #[arg(long)]
    merge: bool,
}

/// Runs targets one after the other, until the time is over or something is found.
pub(crate) fn fuzz(arguments: &FuzzArguments) -> Result<()> {
    ensure_tools()?;
    let directory = target_directory()?.join("fuzz");
    share_lock()?;
    let all = TARGETS.map(str::to_owned);
    let targets = if arguments.targets.is_empty() { &all[..] } else { &arguments.targets };
    for target in targets {
        heading(&format!("Target {target}"));
        let [found, artifacts] = ["found", "artifacts"].map(|name| directory.join(name).join(target));
        for directory in [&found, &artifacts] {
            fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        }
        // libFuzzer writes into the first directory alone.
        let corpora = [found.as_path(), &corpus(target)];
        let time = format!("-max_total_time={}", u64::from(arguments.minutes) * 60);
        let prefix = format!("-artifact_prefix={}/", artifacts.display());
        let mut options: Vec<OsString> =
            vec![time.into(), prefix.into(), length(MAX_INPUT_BYTES), "-timeout=10".into()];
        options.extend(dictionary(target));
        libfuzzer(&directory, target, corpora, &options)
            .with_context(|| format!("what was found is in {}", artifacts.display()))?;
        if arguments.merge {
            let [found, kept] = corpora;
            let options = ["-merge=1".into(), "-use_counters=0".into(), length(MAX_KEPT_BYTES)];
            libfuzzer(&directory, target, [kept, found], &options)?;
        }
    }
    Ok(())
}

fn fuzz_package() -> PathBuf {
    root().join("tests/fuzz")
}

/// The inputs of a target that the suite runs, too.
fn corpus(target: &str) -> PathBuf {
    fuzz_package().join("corpus").join(target)
}

/// The words of a target's language, if it has one.
fn dictionary(target: &str) -> Option<OsString> {
    let file = fuzz_package().join("dictionaries").join(format!("{target}.txt"));
    file.exists().then(|| [OsString::from("-dict="), file.into()].into_iter().collect())
}

fn length(bytes: u32) -> OsString {
    format!("-max_len={bytes}").into()
}

/// Runs libFuzzer on a target with some directories of inputs.
fn libfuzzer(directory: &Path, target: &str, corpora: [&Path; 2], options: &[OsString]) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["fuzz", "run", "--sanitizer=none", "--fuzz-dir"]).arg(fuzz_package());
    cargo.arg("--target-dir").arg(directory.join("build"));
    run(cargo.arg(target).args(corpora).arg("--").args(options))
}

/// Says what is missing, and how to get it.
fn ensure_tools() -> Result<()> {
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: `cargo install cargo-fuzz --locked` does it");
    }
    if env::var_os("CXX").is_none() && find("c++").is_none() {
        bail!(
            "libFuzzer needs a C++ compiler, and there is no c++ on the PATH: install one (on Debian the package g++), or \
             name it in CXX"
        );
    }
    Ok(())
}

/// Gives the package the versions that the workspace has, since what is fuzzed should be what is shipped. Cargo adds those
/// of what the package alone needs.
fn share_lock() -> Result<()> {
    let [from, to] = [root(), fuzz_package()].map(|directory| directory.join("Cargo.lock"));
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if changed(&to) < changed(&from) {
        fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}
