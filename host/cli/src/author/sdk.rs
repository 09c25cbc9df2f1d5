//! The SDKs, which the command carries: laid out where tools of their languages can read them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::Language;
use crate::exit::Misuse;

include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// The parts of an SDK that a project of a language has in its folder `sdk`: where each is in what is carried, and where it
/// goes.
fn parts(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::Rust => &[("rust/Cargo.toml", "Cargo.toml"), ("rust/src/", "src/"), ("wit/", "wit/")],
        Language::Python => {
            &[("python/pyproject.toml", "pyproject.toml"), ("python/README.md", "README.md"), ("python/src/", "src/")]
        }
        Language::Js | Language::Ts => &[
            ("js/package.json", "package.json"),
            ("js/README.md", "README.md"),
            ("js/bin/", "bin/"),
            ("js/build/", "build/"),
            ("js/runtime/", "runtime/"),
            ("js/src/", "src/"),
            ("js/testing/", "testing/"),
            ("js/types/", "types/"),
            ("js/wasi/", "wasi/"),
            ("wit/", "wit/"),
        ],
    }
}

/// The template of a new project.
fn template(language: Language) -> &'static str {
    match language {
        Language::Rust => "rust/template/",
        Language::Python => "python/template/",
        Language::Js => "js/template/",
        Language::Ts => "js/template-ts/",
    }
}

/// The files of an SDK, with where each goes.
fn files(language: Language) -> impl Iterator<Item = (String, &'static [u8])> {
    parts(language).iter().flat_map(|(from, to)| {
        FILES.iter().filter_map(move |(path, text)| Some((format!("{to}{}", path.strip_prefix(from)?), *text)))
    })
}

/// Writes the SDK of a language into a folder, which is made.
pub(super) fn write(language: Language, folder: &Path) -> anyhow::Result<()> {
    files(language).try_for_each(|(path, text)| write_file(&folder.join(path), text))
}

/// The files of a new project, each with its text.
pub(super) fn template_files(language: Language) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter_map(move |(path, text)| Some((path.strip_prefix(template(language))?, *text)))
}

/// Writes a file, in folders that are made.
pub(super) fn write_file(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The SDK of a language in the user's cache directory, laid out there unless it is there already. Its folder is named by
/// what is in it.
pub(super) fn cached(language: Language) -> anyhow::Result<PathBuf> {
    let mut sum = Sha256::new();
    for (path, text) in files(language) {
        sum.update(path.as_bytes());
        sum.update((text.len() as u64).to_le_bytes());
        sum.update(text);
    }
    let sum: String = sum.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = match language {
        Language::Rust => "rust",
        Language::Python => "python",
        Language::Js | Language::Ts => "js",
    };
    let parent = cache_directory()?.join("sdk");
    let folder = parent.join(format!("{name}-{}-{sum}", env!("CARGO_PKG_VERSION")));
    if folder.is_dir() {
        return Ok(folder);
    }
    // Whole or not at all: another process may be doing the same.
    let partly = parent.join(format!(".{name}-{sum}-{}", std::process::id()));
    write(language, &partly)?;
    match fs::rename(&partly, &folder) {
        Err(error) if folder.is_dir() => {
            tracing::debug!(%error, "another process was faster");
            let _ = fs::remove_dir_all(&partly);
        }
        renamed => renamed.with_context(|| format!("cannot write {}", folder.display()))?,
    }
    Ok(folder)
}

/// The user's cache directory as the XDG Base Directory Specification has it: a relative path there counts as none.
fn cache_directory() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let found = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    let directory = found.ok_or_else(|| Misuse("no place for the SDK: set XDG_CACHE_HOME or HOME".to_owned()))?;
    Ok(directory.join("task-state"))
}

/// The SDK that a project has in its folder `sdk`, else the command's own.
pub(super) fn of_project(language: Language, folder: &Path) -> anyhow::Result<PathBuf> {
    let own = folder.join("sdk");
    let mark = match language {
        Language::Rust => "Cargo.toml",
        Language::Python => "src/task_state/__init__.py",
        Language::Js | Language::Ts => "bin/build.js",
    };
    if own.join(mark).is_file() { absolute(&own) } else { cached(language) }
}

/// A path that means the same in any folder.
pub(super) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let found: io::Result<PathBuf> = std::path::absolute(path);
    found.with_context(|| format!("cannot find {}", path.display()))
}
