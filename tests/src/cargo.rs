//! What the suites have cargo build while they run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What cargo says of one thing that it has built.
#[derive(Debug, Deserialize)]
pub(crate) struct Built {
    pub(crate) target: Target,
    pub(crate) filenames: Vec<PathBuf>,
    pub(crate) executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
}

/// The cargo that runs this, without what it tells a test of its package: that would have ring built anew, and with it
/// all that depends on it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo
}

/// Runs a `cargo build` to its end.
pub(crate) fn built_by(cargo: &mut Command) -> Result<Vec<Built>> {
    let format = ["--quiet", "--message-format", "json-render-diagnostics"];
    let output = cargo.args(format).stderr(Stdio::inherit()).output().context("cargo did not start")?;
    ensure!(output.status.success(), "cargo ended with {}", output.status);
    let messages = String::from_utf8(output.stdout)?;
    Ok(messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
