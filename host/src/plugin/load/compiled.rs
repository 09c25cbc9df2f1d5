//! Which components have been compiled within their limits before.
//!
//! wasmtime keeps compiled components on disk, but does not say which. An empty file beside its cache does: one that is
//! there has been checked and compiled within the same limits by the same compiler, and may be loaded without either.

use std::fs;
use std::path::PathBuf;

use super::Sha256;
use crate::plugin::engine::Model;

/// The most components that are remembered; then all are forgotten, and compiled anew when they are next loaded.
const MAX_REMEMBERED: usize = 10_000;

/// The components that have been compiled with the same compiler, within the same limits and in the same manner.
#[derive(Debug)]
pub(super) struct Compiled {
    directory: Option<PathBuf>,
    manner: String,
}

impl Compiled {
    /// `manner` is all that decides whether a component may be compiled, beside its bytes, and for which engines.
    pub(super) fn new(cache: Option<&wasmtime::Cache>, manner: String) -> Self {
        // Not within wasmtime's cache: it removes from there what it does not know.
        let directory = cache.and_then(|cache| cache.directory().parent());
        Self { directory: directory.map(|parent| parent.join("task-state").join("compiled")), manner }
    }

    /// Whether a component is among them, as one of a model.
    pub(super) fn contains(&self, component: Sha256, model: Model) -> bool {
        self.path(component, model).is_some_and(|path| path.exists())
    }

    /// Adds a component. Where that cannot be written it is compiled under limits again the next time.
    pub(super) fn insert(&self, component: Sha256, model: Model) {
        let (Some(directory), Some(path)) = (&self.directory, self.path(component, model)) else { return };
        if fs::read_dir(directory).is_ok_and(|entries| entries.count() >= MAX_REMEMBERED) {
            let _ = fs::remove_dir_all(directory);
        }
        let written = fs::create_dir_all(directory).and_then(|()| fs::write(path, []));
        if let Err(error) = written {
            tracing::debug!(%error, ?directory, "a compiled component is not remembered");
        }
    }

    fn path(&self, component: Sha256, model: Model) -> Option<PathBuf> {
        let name = Sha256::of(format!("{component} {model:?} {}", self.manner).as_bytes()).to_string();
        Some(self.directory.as_ref()?.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_known_to_those_alone_who_compile_in_the_same_manner() {
        let home = tempfile::tempdir().unwrap();
        let of = |manner: &str| Compiled { directory: Some(home.path().join("compiled")), manner: manner.to_owned() };
        let (known, other) = (Sha256::of(b"a"), Sha256::of(b"b"));
        of("one").insert(known, Model::Concurrent);
        assert!(of("one").contains(known, Model::Concurrent));
        assert!(!of("one").contains(known, Model::Synchronous));
        assert!(!of("one").contains(other, Model::Concurrent) && !of("two").contains(known, Model::Concurrent));
    }

    #[test]
    fn without_a_cache_none_is_known() {
        let none = Compiled::new(None, String::new());
        none.insert(Sha256::of(b"a"), Model::Synchronous);
        assert!(!none.contains(Sha256::of(b"a"), Model::Synchronous));
    }
}
