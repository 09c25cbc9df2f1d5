//! The fuzz targets on their corpora, as ordinary tests: what the fuzzer once found stays mended, without a fuzzer.

mod python;

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// The inputs of a target with their files. There are some.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let inputs = files.map(|file| file.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap()));
    let inputs: Vec<_> = inputs.collect();
    assert!(!inputs.is_empty(), "{} is empty", directory.display());
    inputs
}

/// Runs a target on every input of its corpus.
fn run(name: &str) {
    let (_, target) = targets::TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    for (file, input) in corpus(name) {
        assert!(catch_unwind(|| target(&input)).is_ok(), "{} breaks a promise: see above", file.display());
    }
}

#[test]
fn changes_keep_their_promises_on_all_that_the_fuzzer_has_found() {
    run("change");
}

#[test]
fn ids_are_ordered_as_promised_on_all_that_the_fuzzer_has_found() {
    run("ids");
}

#[test]
fn listings_keep_their_promises_on_all_that_the_fuzzer_has_found() {
    run("listing");
}

#[test]
fn manifests_keep_their_promises_on_all_that_the_fuzzer_has_found() {
    run("manifest");
}

#[test]
fn records_keep_their_promises_on_all_that_the_fuzzer_has_found() {
    run("record");
}

#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let corpora = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")).unwrap();
    let mut names: Vec<String> = corpora.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, targets::TARGETS.map(|(name, _)| name));
}
