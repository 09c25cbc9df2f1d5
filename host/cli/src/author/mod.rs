//! What an author of plugins does: begins a project, makes a component of it, and tests that component.
//!
//! The SDKs know how a component is made of their language; here is only which of them is asked.

mod build;
mod files;
mod new;
mod project;
mod sdk;
mod test;

pub(crate) use build::build;
pub(crate) use files::sources;
pub(crate) use new::new;
pub(crate) use project::{Language, Project};
pub(crate) use test::{Report, has_fixtures, record, settings, test};

/// What the author can mend, and has been told of: a source that does not compile. Nothing more is to be said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BuildFailed(pub(crate) String);
