//! The sources of a project, as far as it matters whether they have changed.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Folders that hold no sources of the author's, or too many files to look at.
const PASSED_OVER: [&str; 4] = ["target", "node_modules", "sdk", "__pycache__"];

/// When a source in a folder changed last, and how many there are: a file that is removed is a change, too. Components,
/// hidden files and what tools make are passed over.
pub(crate) fn newest_change(folder: &Path) -> (SystemTime, usize) {
    let mut newest = (SystemTime::UNIX_EPOCH, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let is_made = path.extension().is_some_and(|extension| extension == "wasm" || extension == "part");
        if name.starts_with('.') || PASSED_OVER.contains(&name.as_str()) || is_made {
            continue;
        }
        let (at, count) = match entry.file_type() {
            Ok(kind) if kind.is_dir() => newest_change(&path),
            _ => (entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH), 1),
        };
        newest = (newest.0.max(at), newest.1 + count);
    }
    newest
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
            fs::File::open(path).unwrap()
        };
        let source = write("src/lib.rs");
        let first = newest_change(folder.path());
        for made in ["target/x", ".git/x", "node_modules/a/b.js", "hello.wasm"] {
            write(made);
        }
        assert_eq!(newest_change(folder.path()), first);
        write("tests/a.toml");
        let second = newest_change(folder.path());
        assert_ne!(second, first);
        source.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
        assert!(newest_change(folder.path()).0 > second.0);
        fs::remove_file(folder.path().join("tests/a.toml")).unwrap();
        assert_eq!(newest_change(folder.path()).1, 1);
    }
}
