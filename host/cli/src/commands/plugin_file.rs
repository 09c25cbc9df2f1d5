//! The file of a plugin with the manifest that goes with it, and a host that loads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use task_state_host::record::{SystemClock, TimeZone};
use task_state_host::store::SharedStore;
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::{CompilerProcess, Grants, Host, LoadLimits, Manifest};

use crate::args::PluginArgs;
use crate::exit::Misuse;

/// A plugin's file. Nothing was opened but the manifest.
pub(super) struct PluginFile {
    pub(super) path: PathBuf,
    /// Where the manifest is, if there is one.
    pub(super) manifest_path: Option<PathBuf>,
    /// What the manifest says, or would if there were one, and what the arguments say instead.
    pub(super) manifest: Manifest,
}

impl PluginFile {
    /// Reads the manifest that was named, or the one beside the component, if there is one; its relative paths start where it
    /// is. Without it the plugin has these grants.
    pub(super) fn find(args: PluginArgs, default: Grants) -> anyhow::Result<Self> {
        let beside = || Some(args.plugin.with_extension("toml")).filter(|path| path.exists());
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
        Ok(Self { path: args.plugin, manifest_path, manifest })
    }

    /// A component with the manifest beside it, if there is one.
    pub(super) fn beside(component: &Path, default: Grants) -> anyhow::Result<Self> {
        Self::find(PluginArgs { plugin: component.to_owned(), manifest: None, limits: Vec::new() }, default)
    }

    /// A host for this one plugin, which is compiled by another process of this command.
    pub(super) fn host(&self, store: SharedStore) -> anyhow::Result<Host> {
        let host = Host::builder(store).max_concurrent_runs(1).load_limits(self.manifest.load_limits.clone());
        Ok(host.compile_with(compiler()?).build()?)
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
