//! What may be typed after `task-state`, and what `--help` says of it. Values are checked here, before anything is
//! opened; nothing here knows a store.

mod author;
mod capabilities;
mod platform;
mod plugin;
mod registry;
mod run;
mod tasks;
mod usage;
mod values;

use clap::{Parser, Subcommand, ValueEnum};
use task_state_host::store::StoreUrl;

pub(crate) use author::{BuildArgs, DevArgs, NewArgs, TestArgs};
pub(crate) use platform::{CompileArgs, LogFormat, PauseArgs, ResumeArgs, ServeArgs, SetPriorityArgs};
pub(crate) use plugin::{CompileComponentArgs, InspectArgs, PluginArgs};
pub(crate) use registry::{PullArgs, PushArgs, WayArgs};
pub(crate) use run::{RunArgs, TaskArgs};
pub(crate) use tasks::{
    AppendLogArgs, CheckArgs, IdArgs, ListArgs, LogsArgs, SaveArgs, SetActiveJobsArgs, SetStatusArgs, UpdateResultArgs,
    UsersArgs, WaitArgs,
};
pub(crate) use usage::{flat, one_line};

/// Run plugins, and look at, change and mend the tasks that they report.
///
/// Results go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "task-state", version, max_term_width = 100, after_help = OVERVIEW)]
pub(crate) struct Cli {
    /// Where the tasks are: `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `rediss://` for TLS, `sqlite:PATH` or `memory:`
    /// [default: $DMS_REDIS_WRITE_URL, else a SQLite file in the user's data directory]
    #[arg(long, global = true, value_name = "URL", value_parser = StoreUrl::parse, help_heading = "Global options")]
    pub(crate) store: Option<StoreUrl>,

    /// How results are written: for people, or as one JSON document with records in the wire format
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Global options")]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

const OVERVIEW: &str = "\
Exit codes:
  0  done; for `run` and `wait`: the task completed
  1  the task failed; for `check`: disagreements are left; for `build` and `test`: the source is at fault
  2  usage, or a value that cannot be used
  3  the task was cancelled
  4  there is no such task
  5  the store, or a registry, could not be reached
  6  refused: a transition, a precondition, a grant, a task that is already running, or by a registry
  7  the store holds or answered something that trying again will not mend
  124  `wait --timeout` ran out
  130  interrupted a second time

Environment:
  DMS_REDIS_WRITE_URL         the store, if --store is not given
  DMS_REDIS_READ_URL          where its listings are read [default: the same]
  DMS_REDIS_TASK_TTL_SECONDS  seconds that a record lives after a change [default: 7776000]
  DMS_TIMEZONE                the zone in which times are written [default: Asia/Seoul]
  DOCKER_CONFIG               the folder of the file with credentials for registries [default: ~/.docker]
  REGISTRY_AUTH_FILE          that file, and no other
  TASK_STATE_TOKEN            what a caller of a platform's /tasks/* has to show
  RUST_LOG                    what is traced on standard error, such as task_state_host=debug
  OTEL_EXPORTER_OTLP_ENDPOINT a collector to which spans of runs and requests are sent, such as http://127.0.0.1:4318

Example:
  task-state run quickstart.wasm --service analytics --user alice --task-id external-1
  task-state get external-1";

/// What the command is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Serve(ServeArgs),
    Compile(CompileArgs),
    Inspect(InspectArgs),
    Push(PushArgs),
    Pull(PullArgs),
    New(NewArgs),
    Build(BuildArgs),
    Test(TestArgs),
    Dev(DevArgs),
    #[command(hide = true)]
    CompileComponent(CompileComponentArgs),
    #[command(flatten)]
    Tasks(TaskCommand),
}

/// What needs nothing but the store.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    Save(SaveArgs),
    SetStatus(SetStatusArgs),
    AppendLog(AppendLogArgs),
    UpdateResult(UpdateResultArgs),
    SetActiveJobs(SetActiveJobsArgs),
    SetPriority(SetPriorityArgs),
    /// Show a task
    #[command(after_help = "\
Example:
  task-state get external-1
  task-state get external-1 --output json")]
    Get(IdArgs),
    Logs(LogsArgs),
    List(ListArgs),
    Users(UsersArgs),
    /// Take the next number of the sequence of task ids
    #[command(after_help = "\
A number may be skipped, and is never given twice.

Example:
  task-state save \"$(task-state next-id)\" --service analytics --user alice")]
    NextId,
    /// Show the number that next-id would take, without taking it
    #[command(after_help = "\
Example:
  task-state peek-id")]
    PeekId,
    /// Ask a task to stop
    #[command(after_help = "\
Sets cancel_requested with the log entry \"cancellation requested\"; whoever runs the task stops it. A task that was \
asked before is left as it is. One that has ended is refused (exit code 6).

Example:
  task-state cancel external-1")]
    Cancel(IdArgs),
    /// Remove a task with all that the store keeps of it
    #[command(after_help = "\
Exit code 4 if there is no such task.

Example:
  task-state delete external-1")]
    Delete(IdArgs),
    Wait(WaitArgs),
    /// Show what waits, which host runs what, and what is held back
    #[command(after_help = "\
A task whose host has not been heard of for longer than others may be stuck: the host, or its way to the store. Once its \
lease has ended, another host tries it again or ends it.

Example:
  task-state queue
  task-state queue --output json")]
    Queue,
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Check(CheckArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent_and_every_help_has_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands_mut() {
            let help = sub.render_long_help().to_string();
            assert!(
                help.contains(&format!("Example:\n  task-state {}", sub.get_name())) || help.contains("$(task-state "),
                "{help}"
            );
        }
    }
}
