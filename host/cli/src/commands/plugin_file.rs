//! The file of a plugin with the manifest that goes with it, and a host that loads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use task_state_host::plugin::Inspection;
use task_state_host::record::{SystemClock, TimeZone};
use task_state_host::store::SharedStore;
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::{CompilerProcess, Grants, Host, LoadError, LoadLimits, Manifest, Plugin};
use task_state_registry::{Artifact, Component, ComponentError, Reference, Registry};

use crate::args::{PluginArgs, WayArgs};
use crate::exit::Misuse;
use crate::output::Screen;

/// A plugin's file, or its place in a registry. Nothing was opened but the manifest.
pub(super) struct PluginFile {
    pub(super) component: Component,
    /// Where the manifest is, if there is one.
    pub(super) manifest_path: Option<PathBuf>,
    /// What the manifest says, or would if there were one, and what the arguments say instead.
    pub(super) manifest: Manifest,
}

impl PluginFile {
    /// Reads the manifest that was named, or the one beside the component, if there is one; its relative paths start where it
    /// is. Without it the plugin has these grants.
    pub(super) fn find(args: PluginArgs, default: Grants) -> anyhow::Result<Self> {
        let beside = || match &args.plugin {
            Component::File(path) => Some(path.with_extension("toml")).filter(|path| path.exists()),
            _ => None,
        };
        let manifest_path = args.manifest.clone().or_else(beside);
        let mut manifest = Manifest::from_toml("")?;
        manifest.grants = default;
        if let Some(path) = &manifest_path {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Misuse(format!("cannot read the manifest {path:?}: {error}")))?;
            manifest = Manifest::from_toml(&text).with_context(|| format!("manifest {path:?}"))?;
            manifest.capabilities = manifest.capabilities.relative_to(path.parent().unwrap_or(Path::new("")));
        }
        for (key, value) in &args.limits {
            manifest.set_limit(key, value).map_err(|why| Misuse(format!("--limit {key}={value}: {why}")))?;
        }
        Ok(Self { component: args.way.to(args.plugin), manifest_path, manifest })
    }

    /// A component with the manifest beside it, if there is one.
    pub(super) fn beside(component: &Path, default: Grants) -> anyhow::Result<Self> {
        Self::of(Component::File(component.to_owned()), WayArgs { plain_http: false }, default)
    }

    /// A component that has a manifest beside it, if it is in a file and there is one.
    pub(super) fn of(component: Component, way: WayArgs, default: Grants) -> anyhow::Result<Self> {
        Self::find(PluginArgs { plugin: component, manifest: None, limits: Vec::new(), way }, default)
    }

    /// Loads it. Which digest a tag stands for is said.
    pub(super) async fn load(&self, host: &Host, screen: &Screen) -> anyhow::Result<Plugin> {
        let registry = Registry::from_env();
        let component = pinned(self.component.clone(), &registry, screen).await?;
        let loaded = component.load(host, self.manifest.clone(), &registry).await;
        loaded.map_err(|error| not_loaded(&component, error))
    }

    /// Looks into it. Which digest a tag stands for is said.
    pub(super) async fn inspect(&self, host: &Host, screen: &Screen) -> anyhow::Result<Inspection> {
        let registry = Registry::from_env();
        let component = pinned(self.component.clone(), &registry, screen).await?;
        let inspected = component.inspect(host, self.manifest.clone(), &registry).await;
        inspected.map_err(|error| not_loaded(&component, error))
    }

    /// A host for this one plugin, which is compiled by another process of this command.
    pub(super) fn host(&self, store: SharedStore) -> anyhow::Result<Host> {
        let host = Host::builder(store).max_concurrent_runs(1).load_limits(self.manifest.load_limits.clone());
        Ok(host.compile_with(compiler()?).build()?)
    }
}

/// The component that is meant, which is said if a tag alone was given.
async fn pinned(component: Component, registry: &Registry, screen: &Screen) -> anyhow::Result<Component> {
    let given = component.clone();
    let pinned = component.pinned(registry).await?;
    if pinned != given {
        screen.line(&format!("{given} is {pinned}"));
    }
    Ok(pinned)
}

/// Names the component in an error that is about it.
pub(crate) fn not_loaded(component: &Component, error: impl Into<ComponentError>) -> anyhow::Error {
    match error.into() {
        error @ (ComponentError::Load(LoadError::File { .. }) | ComponentError::Registry(_)) => error.into(),
        error => anyhow::Error::new(error).context(format!("{:?} is not loaded", component.to_string())),
    }
}

impl WayArgs {
    /// An artifact that is reached so.
    pub(super) fn artifact(&self, reference: Reference) -> Artifact {
        let mut artifact = Artifact::new(reference);
        artifact.plain_http = self.plain_http;
        artifact
    }

    /// The same of a component, if it is one.
    pub(super) fn to(&self, component: Component) -> Component {
        match component {
            Component::Artifact(artifact) => Component::Artifact(self.artifact(artifact.reference)),
            other => other,
        }
    }
}

/// Another process of this command, which compiles a component within limits.
pub(super) fn compiler() -> anyhow::Result<CompilerProcess> {
    Ok(CompilerProcess::this_program().context("cannot find this program")?.arg("compile-component"))
}

/// A host that loads plugins and runs nothing.
pub(super) fn loading_host(limits: LoadLimits) -> anyhow::Result<Host> {
    Ok(Host::builder(no_store()?).load_limits(limits).compile_with(compiler()?).build()?)
}

/// A store for a host that runs nothing.
pub(super) fn no_store() -> anyhow::Result<SharedStore> {
    Ok(Arc::new(SqliteStore::in_memory(SqliteOptions::default(), Arc::new(SystemClock::new(TimeZone::utc())))?))
}
