//! The plugins that the suites run, built when the first of them is asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Result;

use crate::cargo::{Built, built_by, cargo};

/// The packages that plugins are built from.
const PACKAGES: [&str; 5] = ["test-guests", "quickstart", "countdown", "csv-profile", "link-check"];

/// Built once in a process. Several processes at once wait for each other: cargo sees to that.
static BUILT: LazyLock<HashMap<String, PathBuf>> =
    LazyLock::new(|| build().unwrap_or_else(|error| panic!("the test guests cannot be built: {error:#}")));

/// The component of a plugin: an example of the package `test-guests`, or one of the SDK's examples.
pub fn guest(name: &str) -> &'static Path {
    BUILT.get(name).unwrap_or_else(|| panic!("there is no guest {name:?}, only {:?}", BUILT.keys()))
}

fn build() -> Result<HashMap<String, PathBuf>> {
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--target", "wasm32-wasip2", "--lib", "--examples"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    let is_component = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    let component = |built: Built| {
        let file = built.filenames.into_iter().find(is_component)?;
        Some((built.target.name.replace('_', "-"), file))
    };
    Ok(built_by(&mut cargo)?.into_iter().filter_map(component).collect())
}
