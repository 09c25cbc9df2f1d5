//! Plugins from a registry, such as those that hold container images: a component is an artifact there, in the layout that
//! `wkg` uses and the Wasm OCI Artifact guide of the CNCF describes.
//!
//! A [`Reference`] names an artifact; one that is pinned names its digest, and so one component for ever. A [`Registry`]
//! pulls and pushes. Each byte is checked against its digest before it is used, no more is read than there may be, and what
//! was pulled is kept by its digest, as far as there is room, so that the registry is not asked again. A [`Component`] is a
//! file or an artifact: a platform loads either.
//!
//! ```no_run
//! use std::error::Error;
//!
//! use task_state_host::{Grants, Host, Plugin};
//! use task_state_registry::{Component, Registry};
//!
//! async fn load(host: &Host, component: &str) -> Result<Plugin, Box<dyn Error>> {
//!     let registry = Registry::from_env();
//!     // "plugin.wasm", or "oci://registry.example.com/plugins/csv-profile:1.2@sha256:…"
//!     let component = Component::parse(component.as_ref())?;
//!     Ok(component.load(host, Grants::for_services(["analytics"]), &registry).await?)
//! }
//! ```
//!
//! Nothing here knows a store, a queue or a command.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cache;
mod challenge;
mod component;
mod credentials;
mod error;
mod exchange;
mod manifest;
mod pull;
mod push;
mod reference;
mod registry;
mod session;

pub use cache::write_whole;
pub use component::{Component, ComponentError};
pub use error::{RegistryError, Why};
pub use pull::Pulled;
pub use push::Contents;
pub use reference::Reference;
pub use registry::{Artifact, Registry, Times};
