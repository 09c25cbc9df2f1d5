//! The arguments that say which component is loaded, and how.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use task_state_host::plugin::{parse_bytes, parse_duration};

/// A component, and what it may take to load it.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The component
    #[arg(value_name = "PLUGIN.wasm")]
    pub(crate) plugin: PathBuf,
    /// Grants, capabilities and limits, a TOML file [default: the file beside the component with the ending .toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// How large the component may be, such as 20MiB [default: the manifest's, else 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) component_limit: Option<usize>,
    /// How much memory its compilation may take [default: the manifest's, else 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) compile_memory_limit: Option<usize>,
    /// How much processor time its compilation may take, in whole seconds [default: the manifest's, else 2m]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) compile_time_limit: Option<Duration>,
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
