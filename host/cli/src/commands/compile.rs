//! `compile`: compiles plugins, so that whoever loads them later finds them in the cache.

use std::path::PathBuf;

use serde_json::json;
use task_state_host::{Grants, Host, LoadRequest};
use task_state_serve::PlatformConfig;

use super::plugin_file::{PluginFile, loading_host, no_store};
use super::run::not_loaded;
use crate::args::CompileArgs;
use crate::exit::Exit;
use crate::output::{Out, name};

pub(super) async fn compile(args: CompileArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let mut compiled = Vec::new();
    for (host, path, request) in plugins(args)? {
        let loaded = host.load_file(&path, request).await;
        loaded.map_err(|error| not_loaded(&path, error))?;
        let shown = path.display().to_string();
        if !out.is_json() {
            out.result(&format!("{}: compiled", name(&shown)), &())?;
        }
        compiled.push(shown);
    }
    if out.is_json() {
        out.result("", &json!({"compiled": compiled}))?;
    }
    Ok(Exit::Done)
}

/// What is to be compiled, each by a host with the limits that it will be loaded with.
fn plugins(args: CompileArgs) -> anyhow::Result<Vec<(Host, PathBuf, LoadRequest)>> {
    let Some(config) = args.config else {
        let file = |path: PathBuf| {
            let file = PluginFile::beside(&path, Grants::none())?;
            Ok((file.host(no_store()?)?, path, file.manifest.into()))
        };
        return args.plugins.into_iter().map(file).collect();
    };
    let config = PlatformConfig::read(&config)?;
    let host = loading_host(config.load_limits.clone())?;
    let plugin =
        |plugin: &task_state_serve::PluginConfig| (host.clone(), plugin.component.clone(), plugin.load_request());
    Ok(config.plugins.iter().map(plugin).collect())
}
