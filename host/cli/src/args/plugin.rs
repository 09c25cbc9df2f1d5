//! The arguments that say which component is loaded, and how.

use std::path::PathBuf;

use clap::Args;
use task_state_registry::Component;

use super::WayArgs;
use super::values::{component, limit};

/// A component, and what it may take to load it.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The component: a file, or `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]` for one in a registry
    #[arg(value_name = "PLUGIN.wasm", value_parser = component())]
    pub(crate) plugin: Component,
    /// Grants, capabilities and limits, a TOML file [default: the file beside the component with the ending .toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Set a limit by its key in a manifest's table of limits, such as cpu-time=1m, entry=1MiB or http.total=30s; may be
    /// repeated. `task-state inspect` shows all of them
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = limit)]
    pub(crate) limits: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
}

/// Show what a component imports and exports, and whether it is a plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is run, and no store is opened. A language's runtime imports more than a plugin uses: what is shown is what it \
may use, if it is granted. Exit code 2 if `run` would not load it.

Example:
  task-state inspect quickstart.wasm
  task-state inspect csv-profile.wasm --output json")]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) plugin: PluginArgs,
}

/// Compile a component for a host that has started this process to do so
#[derive(Debug, Args)]
#[command(after_help = "\
The host sends it and takes the answer through standard input and output.

Example:
  task-state compile-component")]
pub(crate) struct CompileComponentArgs {}
