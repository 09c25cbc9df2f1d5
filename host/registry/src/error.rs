//! What goes wrong between here and a registry. No text of a registry's own is in it, for that may be anything, the
//! credentials that it was sent included.

use std::time::Duration;

use task_state_host::Sha256;

use crate::Reference;

/// Something that a registry did not do.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {why}")]
#[non_exhaustive]
pub struct RegistryError {
    /// What it was asked for.
    pub reference: String,
    /// Why it did not.
    pub why: Why,
}

impl RegistryError {
    pub(crate) fn new(reference: &Reference, why: Why) -> Self {
        Self { reference: reference.to_string(), why }
    }
}

/// Why a registry did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The reference has no digest, and was to have one.
    #[error("a tag may be another component tomorrow, so a digest is needed; today it is {pinned:?}: write that")]
    Unpinned {
        /// The same reference with the digest that its tag has now.
        pinned: String,
    },
    /// The reference has a digest, and was to have none.
    #[error("what is pushed has the digest that comes of it: name a tag alone")]
    PushedByDigest,
    /// The registry, or a server that it names, cannot be connected to.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// Why not.
        why: String,
    },
    /// It took too long.
    #[error("{server} has not {what} within {limit:?}")]
    Slow {
        /// The server.
        server: String,
        /// What it did not do.
        what: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// Credentials cannot be had.
    #[error("the credentials for it cannot be had: {0}")]
    Credentials(String),
    /// It wants credentials, and there are none.
    #[error(
        "the registry asks for credentials, and {looked_in} has none for it: `docker login {registry}` or `podman login {registry}` writes them"
    )]
    NoCredentials {
        /// The registry.
        registry: String,
        /// The files that were looked into.
        looked_in: String,
    },
    /// It does not take the credentials, or they may not do this.
    #[error("the registry refuses it ({code}): {}", match .file {
        Some(file) => format!("the credentials of {file} are not, or no longer, right for it, or may not do this"),
        None => "nobody may do this without credentials, and there are none".to_owned(),
    })]
    Refused {
        /// What it answered.
        code: String,
        /// Where the credentials are from.
        file: Option<String>,
    },
    /// There is no such thing.
    #[error("the registry has no such {what}")]
    NotFound {
        /// What it was asked for.
        what: &'static str,
    },
    /// It is not a plugin, as its types have it.
    #[error("its {what} is of type {found:?}, and that of a component is {expected:?}")]
    MediaType {
        /// What of it.
        what: &'static str,
        /// The type that it has.
        found: String,
        /// The type that it has to have.
        expected: &'static str,
    },
    /// It is not a plugin, as its manifest has it.
    #[error("it is not a component: {0}")]
    NotComponent(String),
    /// What came is not what was asked for.
    #[error("the registry gave a {what} of digest sha256:{found}, and sha256:{wanted} was asked for")]
    Digest {
        /// What of it.
        what: &'static str,
        /// The digest of what came.
        found: Sha256,
        /// The one that was asked for.
        wanted: Sha256,
    },
    /// It is larger than it may be.
    #[error("its {what} has more than the {most} bytes that it may have")]
    TooLarge {
        /// What of it.
        what: &'static str,
        /// How many bytes it may have.
        most: u64,
    },
    /// The registry answered something that makes no sense.
    #[error("{server} {what}")]
    Answer {
        /// The server.
        server: String,
        /// What it did.
        what: String,
    },
}
