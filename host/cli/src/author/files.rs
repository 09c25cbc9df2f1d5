//! The sources of a project, as far as it matters whether they have changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders and files that hold no sources of the author's, or that tools and plugins write to.
const PASSED_OVER: [&str; 7] =
    ["target", "node_modules", "sdk", "__pycache__", "out", "Cargo.lock", "package-lock.json"];

/// The files of a project, each with when it was changed last and its length.
pub(crate) type Sources = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// The sources in a folder. Components, hidden files and what tools make are passed over, and so is a folder `out`, for a
/// plugin to write to.
pub(crate) fn sources(folder: &Path) -> Sources {
    let mut found = Sources::new();
    find(folder, &mut found);
    found
}

fn find(folder: &Path, found: &mut Sources) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_made = path.extension().is_some_and(|extension| extension == "wasm" || extension == "part");
        if name.starts_with('.') || is_made || PASSED_OVER.contains(&name.as_str()) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => find(&path, found),
            _ => {
                let file = entry.metadata().ok();
                let changed = file.as_ref().and_then(|file| file.modified().ok());
                found.insert(path, (changed, file.map_or(0, |file| file.len())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_that_changes_comes_or_goes_is_seen_and_what_tools_make_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::File::options().write(true).open(path).unwrap()
        };
        let source = write("src/lib.rs");
        let first = sources(folder.path());
        for made in ["target/x", ".git/x", "node_modules/a/b.js", "hello.wasm", "hello.1.part", "Cargo.lock", "out/x"] {
            write(made);
        }
        assert_eq!(sources(folder.path()), first);
        write("tests/a.toml").set_modified(SystemTime::now() + Duration::from_secs(3_600)).unwrap();
        let second = sources(folder.path());
        assert_ne!(second, first);
        source.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_ne!(sources(folder.path()), second);
        fs::remove_file(folder.path().join("tests/a.toml")).unwrap();
        assert_eq!(sources(folder.path()).len(), 1);
    }
}
