//! Holds the interface in `wit/` to what `wit/README.md` says of its version: a component built against a release goes on
//! working with every later one of the same version track.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use wit_component::semver_check;
use wit_parser::{PackageId, Resolve, SourceMap};

/// The worlds that components and embedders are built against.
const WORLDS: [&str; 2] = ["plugin", "imports"];

/// A text of the interface, and what to put in its place.
type Edit<'a> = (&'a str, &'a str);

fn tests_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Adds the package in a directory, with one edit.
fn push(resolve: &mut Resolve, directory: &Path, (from, to): Edit<'_>) -> Result<PackageId> {
    let mut sources = SourceMap::default();
    let mut edited = from.is_empty();
    for file in directory.read_dir()?.map(|entry| entry.map(|entry| entry.path())) {
        let file = file?;
        if file.extension().is_some_and(|extension| extension == "wit") {
            let text = fs::read_to_string(&file)?;
            edited |= text.contains(from);
            let text = if from.is_empty() { text } else { text.replacen(from, to, 1) };
            sources.push_str(&file.display().to_string(), text);
        }
    }
    assert!(edited, "{from:?} is in no file of {}", directory.display());
    // Two versions of one package may have the same number here, which the parser would take for a mistake.
    resolve.package_names.clear();
    let package = sources.parse().map_err(|(_, error)| anyhow!("{}: {error:?}", directory.display()))?;
    Ok(resolve.push_group(package)?)
}

/// Whether the interface in the tree, with one edit, keeps the promises of every release of its version track.
fn check(edit: Edit<'_>) -> Result<()> {
    for release in tests_directory().join("wit").read_dir()? {
        let release = release?.path();
        let mut resolve = Resolve::default();
        let old = push(&mut resolve, &release, ("", ""))?;
        let new = push(&mut resolve, &tests_directory().join("../wit"), edit)?;
        let track = |package: PackageId| resolve.packages[package].name.version.as_ref().map(|v| (v.major, v.minor));
        let (old_track, new_track) = (track(old), track(new));
        if old_track != new_track {
            continue;
        }
        for world in WORLDS {
            let (old, new) = (resolve.select_world(&[old], Some(world))?, resolve.select_world(&[new], Some(world))?);
            semver_check(resolve.clone(), old, new).with_context(|| {
                format!("the world `{world}` of wit/ breaks components built for {}", release.display())
            })?;
        }
    }
    Ok(())
}

#[test]
fn the_interface_is_compatible_with_every_release_of_its_version_track() {
    check(("", "")).unwrap();
}

#[test]
fn functions_interfaces_and_types_of_its_own_may_be_added() {
    for edit in [
        ("    next-task-id:", "    count: func(scope: scope) -> result<u64, error>;\n    next-task-id:"),
        ("    flush:", "    progress: func(done: u64) -> result<_, error>;\n    flush:"),
        ("    type json", "    enum colour { red, green }\n    type json"),
        ("world imports {", "interface clock { now: func() -> u64; }\nworld imports {\n    import clock;"),
    ] {
        check(edit).unwrap();
    }
}

#[test]
fn whatever_would_break_a_built_component_is_refused() {
    for edit in [
        ("        dispatching,", "        dispatching, paused,"),
        ("        not-found,", "        not-found, gone,"),
        ("        service-user(", "        status(task-status), service-user("),
        ("        active-jobs: list<string>,", "        active-jobs: list<string>, owner: string,"),
        ("    flush: func() -> result<task-status, error>;", ""),
        ("        high,\n        low,", "        low,\n        high,"),
        ("    delete: func(task-id: string)", "    delete: func(id: string)"),
        ("    cancel-requested: func() -> bool;", "    cancel-requested: func() -> result<bool, error>;"),
        ("    run: func", "    prepare: func();\n    run: func"),
        ("    import repository;", ""),
    ] {
        assert!(check(edit).is_err(), "{edit:?} was taken for compatible");
    }
}
