//! The arguments of `run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use task_state_host::plugin::{parse_bytes, parse_duration};
use task_state_host::record::{JsonObject, Priority, Service, TaskId, UserId};

use super::capabilities::CapabilityArgs;
use super::plugin::PluginArgs;
use super::values::{json_object, parameter};

/// Run a plugin on a task
#[derive(Debug, Args)]
#[command(after_help = "\
The task is registered first, with the next id of the sequence if none is given. One that is pending or dispatching is \
taken as it is, with its own parameters; one that is running or has ended is refused (exit code 6).

The plugin may touch tasks of its own service, whatever their user, and sees no files, environment or network. A \
manifest says otherwise: --manifest, or the file beside the component with the ending .toml. What --dir, --http, --env \
and --secret grant is added to it.

Ctrl-C or SIGTERM asks the task to stop (exit code 3); a second one exits at once (exit code 130).

Example:
  task-state run quickstart.wasm --service analytics --user alice --task-id external-1
  task-state run csv-profile.wasm --service analytics --user alice --input data.csv
  task-state run fetch.wasm --service analytics --user alice --http api.example.com --secret API_TOKEN")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) plugin: PluginArgs,
    /// The service that the task belongs to
    #[arg(long)]
    pub(crate) service: Service,
    /// The user for whom it is done
    #[arg(long)]
    pub(crate) user: UserId,
    #[command(flatten)]
    pub(crate) task: TaskArgs,
    #[command(flatten)]
    pub(crate) capabilities: CapabilityArgs,
    /// How long the run may take, such as 90s, 10m or 1h30m [default: the manifest's, else 1h]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) time_limit: Option<Duration>,
    /// How much memory the plugin may have, such as 64MiB or 1GiB [default: the manifest's, else 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(crate) memory_limit: Option<usize>,
    /// How long the plugin may go on after it was asked to stop, such as 500ms or 5s [default: the manifest's,
    /// else 5s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) grace: Option<Duration>,
}

/// A task for a plugin, but for its owner.
#[derive(Debug, Clone, Args)]
pub(crate) struct TaskArgs {
    /// The task's id: 1 to 128 bytes without ':', '{', '}', white space and control characters [default: the next
    /// number of the store's sequence]
    #[arg(long, value_name = "ID")]
    pub(crate) task_id: Option<TaskId>,
    /// A parameter of a new task, always a string; may be repeated
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) params: Vec<(String, String)>,
    /// The parameters of a new task, a JSON object, to which each --param is added
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    pub(crate) parameters: Option<JsonObject>,
    /// How urgent a new task is: high or low
    #[arg(long, default_value = "low")]
    pub(crate) priority: Priority,
    /// A file for the plugin's standard input, '-' for the command's own [default: empty]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}
