//! Building: the plugins for WebAssembly, the command and the suites for this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::{cargo, find, heading, output, program, run};

/// What plugins are compiled for.
const WASM: &str = "wasm32-wasip2";

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let directory = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(directory.into())
}

/// The command `task-state`, once it is built.
pub(crate) fn command(target: &Path) -> PathBuf {
    target.join("debug").join(format!("task-state{}", std::env::consts::EXE_SUFFIX))
}

/// An example plugin, once it is built.
pub(crate) fn plugin(target: &Path, package: &str) -> PathBuf {
    target.join(WASM).join("release").join(format!("{}.wasm", package.replace('-', "_")))
}

/// Where the plugins are that are examples of a package, once they are built.
pub(crate) fn examples(target: &Path) -> PathBuf {
    target.join(WASM).join("release").join("examples")
}

/// Builds plugins, and first brings their target.
pub(crate) fn plugins(packages: &[&str]) -> Result<()> {
    heading("Plugins");
    ensure_wasm_target()?;
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    run(cargo().args(["build", "--release", "--target", WASM, "--lib", "--bins", "--examples"]).args(packages))
}

/// Builds what runs on this machine: the command, and what else `targets` says.
///
/// Always the workspace as a whole: a package on its own has its dependencies built with fewer features, and so once more.
pub(crate) fn native(targets: &[&str]) -> Result<()> {
    heading("The command");
    run(cargo().args(["build", "--workspace", "--exclude", "xtask", "--bins"]).args(targets))
}

/// Adds the target that plugins are compiled for, if this toolchain lacks it.
fn ensure_wasm_target() -> Result<()> {
    let libraries = output(program("rustc").args(["--print", "target-libdir", "--target", WASM]))?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!(
            "this Rust toolchain cannot compile for {WASM}, and there is no rustup to add the target: install rustup \
             (https://rustup.rs), or the package of your distribution that holds Rust's standard library for {WASM}"
        );
    }
    run(program("rustup").args(["target", "add", WASM]))
}
