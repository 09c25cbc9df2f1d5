//! The arguments of the commands that run a platform and look after its queue.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use task_state_host::record::{Priority, Service, TaskId, UserId};
use task_state_host::store::Pause;
use task_state_registry::Component;

use super::WayArgs;
use super::values::{component, stored_id};

/// Run the tasks of a platform on its plugins
#[derive(Debug, Args)]
#[command(after_help = "\
Takes tasks from the queue of the store, and answers the HTTP contract of the DMS scheduler, whose frontend puts them there. \
SIGHUP has the configuration read anew; no run is dropped. Ctrl-C or SIGTERM lets runs end for the time that the configuration \
gives them; a second one exits at once. Without tokens ($TASK_STATE_TOKEN, token-file, [[tokens]]) it listens on loopback alone.

Example:
  task-state serve --config platform.toml
  task-state serve --config platform.toml --check")]
pub(crate) struct ServeArgs {
    /// What the platform is made of, a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Listen here rather than where the configuration says
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Say what is wrong with the configuration and which of its plugins would be loaded, and end. Opens no store (exit
    /// code 2 if anything is wrong)
    #[arg(long)]
    pub(crate) check: bool,
    /// How the lines on standard error are written
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How lines on standard error are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, for a log collector
    Json,
}

/// Compile plugins, so that whoever loads them need not
#[derive(Debug, Args)]
#[command(after_help = "\
What is compiled is kept in the user's cache directory, for `run` as for `serve`. Exit code 2 if a plugin cannot be loaded.

Example:
  task-state compile quickstart.wasm csv-profile.wasm
  task-state compile --config platform.toml")]
pub(crate) struct CompileArgs {
    /// The components: files, or references to such in a registry
    #[arg(value_name = "PLUGIN.wasm", required_unless_present = "config", value_parser = component())]
    pub(crate) plugins: Vec<Component>,
    /// The plugins of this platform
    #[arg(long, value_name = "FILE", conflicts_with = "plugins")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
}

/// What is held back, or no longer.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Everything
    #[arg(long)]
    all: bool,
    /// The tasks of a service
    #[arg(long)]
    service: Option<Service>,
    /// The tasks of a user
    #[arg(long)]
    user: Option<UserId>,
}

/// Hold back tasks that wait
#[derive(Debug, Args)]
#[command(after_help = "\
What runs goes on. The DMS scheduler heeds it too where everything or a user is held back, and so do submissions: they are refused \
then.

Example:
  task-state pause --all
  task-state pause --user alice")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    what: What,
}

/// Let tasks go on that were held back
#[derive(Debug, Args)]
#[command(after_help = "\
Only the same hold ends: after --all, a service or a user that is held back by its name still is.

Example:
  task-state resume --all
  task-state resume --service analytics")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    what: What,
}

impl PauseArgs {
    pub(crate) fn what(self) -> Pause {
        self.what.read()
    }
}

impl ResumeArgs {
    pub(crate) fn what(self) -> Pause {
        self.what.read()
    }
}

impl What {
    fn read(self) -> Pause {
        match (self.service, self.user) {
            (Some(service), _) => Pause::Service(service),
            (None, Some(user)) => Pause::User(user),
            (None, None) => Pause::All,
        }
    }
}

/// Say how urgent a task is
#[derive(Debug, Args)]
#[command(after_help = "\
A task that waits has another place in the queue then.

Example:
  task-state set-priority external-1 high")]
pub(crate) struct SetPriorityArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// high or low
    pub(crate) priority: Priority,
}
