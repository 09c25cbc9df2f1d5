//! What a plugin is loaded with.

use super::{Capabilities, Grants, Manifest};

/// What a plugin is loaded with: what it may do, and what it may reach. Grants alone are options too, with no
/// capabilities.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PluginOptions {
    /// What it may do with tasks.
    pub grants: Grants,
    /// What it may reach besides them: nothing unless set.
    pub capabilities: Capabilities,
}

impl PluginOptions {
    /// A plugin with these grants and no capabilities.
    pub fn new(grants: Grants) -> Self {
        Self { grants, capabilities: Capabilities::none() }
    }

    /// The same with these capabilities.
    pub fn capabilities(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }
}

impl From<Grants> for PluginOptions {
    fn from(grants: Grants) -> Self {
        Self::new(grants)
    }
}

/// Without the limits: those are a run's.
impl From<Manifest> for PluginOptions {
    fn from(manifest: Manifest) -> Self {
        Self::new(manifest.grants).capabilities(manifest.capabilities)
    }
}
