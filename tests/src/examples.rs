//! The example programs of the host, as an embedder builds them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::cargo::{built_by, cargo};

/// Built once in a process, with the whole workspace's features: with fewer, the dependencies would be built once more.
static BUILT: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let built = built_by(cargo().args(["build", "--workspace", "--exclude", "xtask", "--examples"]));
    let built = built.unwrap_or_else(|error| panic!("the examples cannot be built: {error:#}"));
    built.into_iter().filter_map(|built| built.executable).collect()
});

/// The program of an example.
pub fn example(name: &str) -> &'static Path {
    let is_it = |program: &&PathBuf| program.file_stem().is_some_and(|stem| stem == name);
    BUILT.iter().find(is_it).unwrap_or_else(|| panic!("there is no example {name:?}, only {BUILT:?}"))
}
