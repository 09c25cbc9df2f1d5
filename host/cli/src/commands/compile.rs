//! `compile`: compiles plugins, so that whoever loads them later finds them in the cache.

use serde_json::json;
use task_state_host::Grants;
use task_state_registry::Registry;
use task_state_serve::PlatformConfig;

use super::plugin_file::{PluginFile, loading_host, no_store, not_loaded};
use crate::args::CompileArgs;
use crate::exit::Exit;
use crate::output::{Out, Screen, name};

pub(super) async fn compile(args: CompileArgs, out: &mut Out, screen: &Screen) -> anyhow::Result<Exit> {
    let mut compiled = Compiled { out, names: Vec::new() };
    match args.config {
        Some(config) => {
            let (config, registry) = (PlatformConfig::read(&config)?, Registry::from_env());
            let host = loading_host(config.load_limits.clone())?;
            for plugin in &config.plugins {
                let loaded = plugin.component.load(&host, plugin.load_request(), &registry).await;
                loaded.map_err(|error| not_loaded(&plugin.component, error))?;
                compiled.add(plugin.component.to_string())?;
            }
        }
        // Each by a host with the limits that it will be loaded with.
        None => {
            for component in args.plugins {
                let file = PluginFile::of(component, args.way.clone(), Grants::none())?;
                file.load(&file.host(no_store()?)?, screen).await?;
                compiled.add(file.component.to_string())?;
            }
        }
    }
    compiled.tell()
}

/// What was compiled so far, which people are told at once.
struct Compiled<'o> {
    out: &'o mut Out,
    names: Vec<String>,
}

impl Compiled<'_> {
    fn add(&mut self, component: String) -> anyhow::Result<()> {
        if !self.out.is_json() {
            self.out.result(&format!("{}: compiled", name(&component)), &())?;
        }
        self.names.push(component);
        Ok(())
    }

    fn tell(self) -> anyhow::Result<Exit> {
        if self.out.is_json() {
            self.out.result("", &json!({"compiled": self.names}))?;
        }
        Ok(Exit::Done)
    }
}
