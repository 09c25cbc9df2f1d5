//! A component, wherever it is.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use task_state_host::plugin::Inspection;
use task_state_host::record::InvalidValue;
use task_state_host::{Host, LoadError, LoadRequest, Plugin};

use crate::error::{RegistryError, Why};
use crate::{Artifact, Reference, Registry};

/// A component, wherever it is: in a file, or in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// A file.
    File(PathBuf),
    /// An artifact in a registry.
    Artifact(Artifact),
}

/// Why a component is not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// It cannot be a plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be had.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Component {
    /// A reference if the text begins as one, else the path of a file.
    ///
    /// # Errors
    /// [`InvalidValue`] if it is a reference that cannot be used.
    pub fn parse(text: &OsStr) -> Result<Self, InvalidValue> {
        match text.to_str().filter(|text| Reference::is_meant(text)) {
            Some(reference) => Ok(Self::Artifact(Artifact::new(reference.parse()?))),
            None => Ok(Self::File(text.into())),
        }
    }

    /// Whether both are in the same file, or in the same repository.
    pub fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Artifact(Artifact { reference: one, .. }), Self::Artifact(Artifact { reference: other, .. })) => {
                (one.registry(), one.repository()) == (other.registry(), other.repository())
            }
            _ => false,
        }
    }

    /// The same, pinned to what it is now. A file is not pinned by this: its manifest may do that.
    ///
    /// # Errors
    /// [`RegistryError`] if the registry does not say which digest a tag has.
    pub async fn pinned(self, registry: &Registry) -> Result<Self, RegistryError> {
        match self {
            Self::Artifact(artifact) if artifact.reference.digest().is_none() => {
                let digest = registry.digest(&artifact).await?;
                let reference = artifact.reference.pinned_to(digest);
                Ok(Self::Artifact(Artifact { reference, ..artifact }))
            }
            other => Ok(other),
        }
    }

    /// Loads it into a host. An artifact has to be pinned.
    ///
    /// # Errors
    /// [`ComponentError`]: it cannot be had, or it is no plugin. One that is not pinned is an error that says what its tag
    /// stands for now.
    pub async fn load(
        &self,
        host: &Host,
        request: impl Into<LoadRequest>,
        registry: &Registry,
    ) -> Result<Plugin, ComponentError> {
        match self {
            Self::File(path) => Ok(host.load_file(path, request).await?),
            Self::Artifact(artifact) => Ok(host.load(&bytes(artifact, host, registry).await?, request).await?),
        }
    }

    /// Tells what is in it, and whether the host would load it. As [`load`](Self::load), otherwise.
    ///
    /// # Errors
    /// As `load`, but for what the inspection tells.
    pub async fn inspect(
        &self,
        host: &Host,
        request: impl Into<LoadRequest>,
        registry: &Registry,
    ) -> Result<Inspection, ComponentError> {
        match self {
            Self::File(path) => Ok(host.inspect_file(path, request).await?),
            Self::Artifact(artifact) => Ok(host.inspect(&bytes(artifact, host, registry).await?, request).await?),
        }
    }
}

async fn bytes(artifact: &Artifact, host: &Host, registry: &Registry) -> Result<bytes::Bytes, RegistryError> {
    let reference = &artifact.reference;
    if reference.digest().is_none() {
        let pinned = reference.pinned_to(registry.digest(artifact).await?).to_string();
        return Err(RegistryError::new(reference, Why::Unpinned { pinned }));
    }
    Ok(registry.pull(artifact, host.load_limits().component_bytes as u64).await?.bytes)
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Artifact(artifact) => artifact.reference.fmt(f),
        }
    }
}
