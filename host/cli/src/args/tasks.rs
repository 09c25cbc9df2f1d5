//! The arguments of the commands that look at tasks and change them.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use task_state_host::plugin::parse_duration;
use task_state_host::record::{JsonObject, Priority, Service, Status, TaskId, UserId};

use super::values::{json_object, status, stored_id};

/// The one task that a command is about.
#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
}

/// Register a task, or replace the one with its id
#[derive(Debug, Args)]
#[command(after_help = "\
A task that is there already is replaced whole, its log and results included, unless --if-absent is given.

Example:
  task-state save external-1 --service analytics --user alice --parameters '{\"day\": \"2026-11-23\"}'
  task-state save external-1 --service analytics --user alice --if-absent")]
pub(crate) struct SaveArgs {
    /// The task's id: 1 to 128 bytes without ':', '{', '}', white space and control characters
    pub(crate) id: TaskId,
    /// The service that the task belongs to
    #[arg(long)]
    pub(crate) service: Service,
    /// The user for whom it is done
    #[arg(long)]
    pub(crate) user: UserId,
    /// Where it is in its life: pending, dispatching, running, completed, failed, cancel_requested or cancelled
    #[arg(long, default_value = "pending", value_parser = status)]
    pub(crate) status: Status,
    /// The task's parameters, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json_object)]
    pub(crate) parameters: JsonObject,
    /// How urgent it is: high or low
    #[arg(long, default_value = "low")]
    pub(crate) priority: Priority,
    /// Leave a task that is there already alone (exit code 6)
    #[arg(long)]
    pub(crate) if_absent: bool,
}

/// Move a task to a status
#[derive(Debug, Args)]
#[command(after_help = "\
A status only moves forward: pending, dispatching, running, then completed, failed or cancelled; cancel_requested may \
come before the last step. Any other move is refused (exit code 6).

Example:
  task-state set-status external-1 running --log 'worker started'")]
pub(crate) struct SetStatusArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// pending, dispatching, running, completed, failed, cancel_requested or cancelled
    #[arg(value_parser = status)]
    pub(crate) status: Status,
    /// A log entry to add in the same step
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) log: Option<String>,
}

/// Add entries to a task's log
#[derive(Debug, Args)]
#[command(after_help = "\
Each entry is stamped by the store. Lines from standard input are added as they come, many at a time.

Example:
  task-state append-log external-1 'first message' 'second message'
  ./work.sh | task-state append-log external-1 -")]
pub(crate) struct AppendLogArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// What the entries say, one each; '-' reads lines from standard input
    #[arg(required = true, value_name = "MESSAGE")]
    pub(crate) messages: Vec<String>,
}

/// Overwrite fields of a task's result
#[derive(Debug, Args)]
#[command(after_help = "\
A field that is not given is left as it is.

Example:
  task-state update-result external-1 --launcher-output \"$(cat job.log)\"")]
pub(crate) struct UpdateResultArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// A snapshot of the workload's pod, as text
    #[arg(long, value_name = "TEXT", required_unless_present = "launcher_output")]
    pub(crate) pod_status: Option<String>,
    /// Standard output and standard error of the workload, as one text
    #[arg(long, value_name = "TEXT")]
    pub(crate) launcher_output: Option<String>,
}

/// Replace the identifiers of a task's jobs
#[derive(Debug, Args)]
#[command(after_help = "\
Without a JOB the task has no active jobs any more.

Example:
  task-state set-active-jobs external-1 job-17 job-18")]
pub(crate) struct SetActiveJobsArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// Identifiers that an external scheduler gave to the task's jobs
    #[arg(value_name = "JOB")]
    pub(crate) jobs: Vec<String>,
}

/// Show a task's log
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  task-state logs external-1 --tail 20
  task-state logs external-1 --follow")]
pub(crate) struct LogsArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// Start with the last N entries [default: with the first]
    #[arg(long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// Go on with each entry as it comes, until the task ends
    #[arg(long)]
    pub(crate) follow: bool,
}

/// List tasks, in the order of their ids
#[derive(Debug, Args)]
#[command(after_help = "\
Numeric ids come first, by value. After the table a line on standard error counts the tasks by status. Records \
that cannot be read are left out with a warning there.

Example:
  task-state list --service analytics --status running
  task-state list --limit 50 --cursor external-49")]
pub(crate) struct ListArgs {
    /// Only tasks of this service
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Only tasks of this user
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only tasks in this status
    #[arg(long, value_parser = status)]
    pub(crate) status: Option<Status>,
    /// At most this many tasks [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,
    /// Start after this place, which an earlier listing has named
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// List the users that have tasks with a service
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  task-state users analytics")]
pub(crate) struct UsersArgs {
    /// The service
    pub(crate) service: Service,
}

/// Wait until a task has ended
#[derive(Debug, Args)]
#[command(after_help = "\
Ends as `run` does: exit code 0 if the task completed, 1 if it failed, 3 if it was cancelled, 4 if it is not there or is \
removed meanwhile. Exit code 124 if the timeout runs out first.

Example:
  task-state wait external-1 --timeout 10m")]
pub(crate) struct WaitArgs {
    /// The task's id
    #[arg(value_parser = stored_id)]
    pub(crate) id: TaskId,
    /// Wait no longer than this, such as 500ms, 90s, 10m or 1h30m [default: no limit]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Compare the records of the store with its indexes
#[derive(Debug, Args)]
#[command(after_help = "\
Prints each disagreement with its kind and its place. Exit code 1 if any is left.

Example:
  task-state check
  task-state check --repair")]
pub(crate) struct CheckArgs {
    /// Repair what can be repaired
    #[arg(long)]
    pub(crate) repair: bool,
}
