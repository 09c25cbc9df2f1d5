//! The plugins that the suites run, built when the first of them is asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The packages that plugins are built from.
const PACKAGES: [&str; 3] = ["test-guests", "quickstart", "csv-profile"];

/// Built once in a process. Several processes at once wait for each other: cargo sees to that.
static BUILT: LazyLock<HashMap<String, PathBuf>> =
    LazyLock::new(|| build().unwrap_or_else(|error| panic!("the test guests cannot be built: {error:#}")));

/// The component of a plugin: an example of the package `test-guests`, or one of the SDK's examples.
pub fn guest(name: &str) -> &'static Path {
    BUILT.get(name).unwrap_or_else(|| panic!("there is no guest {name:?}, only {:?}", BUILT.keys()))
}

/// What cargo says of one thing that it has built.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn build() -> Result<HashMap<String, PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.args(["build", "--release", "--target", "wasm32-wasip2", "--lib", "--examples"]);
    command.args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    command.args(["--quiet", "--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = command.output().context("cargo did not start")?;
    ensure!(output.status.success(), "cargo ended with {}", output.status);
    let messages = String::from_utf8(output.stdout)?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    Ok(artifacts.filter_map(component).collect())
}

/// The name of a plugin and its component, if the artifact is one.
fn component(artifact: Artifact) -> Option<(String, PathBuf)> {
    let is_component = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    let file = artifact.filenames.into_iter().find(is_component)?;
    Some((artifact.target.name.replace('_', "-"), file))
}
