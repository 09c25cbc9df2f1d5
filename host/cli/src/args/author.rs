//! The arguments of what an author of plugins does.

use std::path::PathBuf;

use clap::Args;
use task_state_host::record::{Service, TaskId, UserId};

use super::run::TaskArgs;
use super::values::stored_id;
use crate::author::Language;

/// Begin a plugin: a project that builds and passes its tests
#[derive(Debug, Args)]
#[command(after_help = "\
The SDK comes with it, in the folder sdk, so that the project needs nothing but the tools of its language.

Example:
  task-state new hello --language python")]
pub(crate) struct NewArgs {
    /// Its name: lower-case letters, digits and '_'. It is the folder's, too
    pub(crate) name: String,
    /// What it is written in
    #[arg(long, value_enum)]
    pub(crate) language: Language,
}

/// Make a component of a project, or of a script
#[derive(Debug, Args)]
#[command(after_help = "\
A folder is a project of Rust with a Cargo.toml, of JavaScript or TypeScript with a package.json, of Python with a \
pyproject.toml, or holds one script. Each command that is run is shown; a tool that is missing is named with the command \
that installs it, and nothing is installed. Exit code 1 if the source is at fault.

A script for the Python package task_state is a plugin as it stands.

Example:
  task-state build
  task-state build worker.py --component worker.wasm")]
pub(crate) struct BuildArgs {
    /// A project's folder, or a file that ends in .py, .js, .mjs, .ts or .mts
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(crate) source: PathBuf,
    /// Where the component goes [default: beside its source, under the project's name]
    #[arg(long, short = 'o', value_name = "PLUGIN.wasm")]
    pub(crate) component: Option<PathBuf>,
}

/// Run a plugin's component on its fixtures, on a store in memory
#[derive(Debug, Args)]
#[command(after_help = "\
A fixture is a file tests/*.toml: a task with parameters and input, what the run meets, and what it is to leave. Its \
fields are in guest/README.md. Exit code 1 if one fails.

Example:
  task-state test
  task-state test hello --junit report.xml
  task-state --store redis://127.0.0.1:6379 test --record external-1")]
pub(crate) struct TestArgs {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The component, if it is not where `task-state build` puts it
    #[arg(long, value_name = "PLUGIN.wasm")]
    pub(crate) component: Option<PathBuf>,
    /// Write the outcome as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Make a fixture of this task of the store instead, which expects what the task has come to
    #[arg(long, value_name = "ID", value_parser = stored_id, conflicts_with_all = ["component", "junit"])]
    pub(crate) record: Option<TaskId>,
}

/// Build, test and run a plugin, and again whenever a source changes
#[derive(Debug, Args)]
#[command(after_help = "\
The task is run on a store in memory. Ctrl-C ends it.

Example:
  task-state dev --service analytics --user alice --input sample.csv")]
pub(crate) struct DevArgs {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The service that the task belongs to
    #[arg(long, default_value = "test")]
    pub(crate) service: Service,
    /// The user for whom it is done
    #[arg(long, default_value = "tester")]
    pub(crate) user: UserId,
    #[command(flatten)]
    pub(crate) task: TaskArgs,
}
