//! The template of a project, and what a project takes of this crate, stand on their own.

// The plugin of the template with its own tests, which run here as well.
#[path = "../template/src/lib.rs"]
mod plugin;

use std::fs;
use std::path::{Path, PathBuf};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_manifest_of_the_crate_takes_nothing_from_the_workspace() {
    let manifest = read("Cargo.toml");
    let settings = manifest.lines().filter(|line| !line.starts_with('#'));
    let taken: Vec<&str> = settings.filter(|line| line.contains("workspace")).collect();
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn no_source_of_the_crate_reads_a_file_that_a_copy_does_not_have() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&sources).into_iter().filter(|file| !file.ends_with("lib.rs")) {
        let source = fs::read_to_string(&file).unwrap();
        let reads =
            ["include_str!", "include_bytes!", "include!(", "generate!({"].map(|macro_| source.contains(macro_));
        assert_eq!(reads, [false; 4], "{}", file.display());
    }
    // The README is read by the documentation's tests alone.
    let lib = read("src/lib.rs");
    assert_eq!(lib.matches("include_str!").count(), 1);
    assert!(lib.contains("#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]"));
}
