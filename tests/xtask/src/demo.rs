//! `cargo xtask demo`: the whole path of a task, from a plugin to the record, on the embedded store.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::build;
use crate::run::{heading, program, root, run};

/// Builds what is needed, runs two plugins, and shows what they left.
pub(crate) fn demo() -> Result<()> {
    build::plugins(&["quickstart", "csv-profile"])?;
    build::native(&[])?;

    let target = build::target_directory()?;
    let directory = target.join("demo");
    fresh(&directory)?;
    let store = format!("sqlite:{}", relative(&directory.join("tasks.db")));
    let task_state = || {
        let mut command = program(build::command(&target));
        command.args(["--store", &store]);
        command
    };

    heading("A plugin that reports the life of a task");
    let owner = ["--service", "analytics", "--user", "alice"];
    let quickstart = build::plugin(&target, "quickstart");
    run(task_state().arg("run").arg(quickstart).args(owner).args(["--task-id", "external-1"]))?;

    heading("A plugin that profiles a CSV file, which it is given as its standard input");
    let csv_profile = build::plugin(&target, "csv-profile");
    let input = "guest/examples/csv-profile/sample.csv";
    run(task_state().arg("run").arg(csv_profile).args(owner).args(["--task-id", "profile-1", "--input", input]))?;

    heading("What the store holds now");
    run(task_state().args(["get", "external-1"]))?;
    run(task_state().args(["get", "profile-1", "--output", "json"]))?;
    run(task_state().arg("list"))?;

    heading("Done");
    eprintln!(
        "The tasks stay in {} until the next demo: `{} --store {store} --help` says what else can be asked.",
        relative(&directory),
        relative(&build::command(&target))
    );
    Ok(())
}

/// An empty directory in the place of whatever was there.
fn fresh(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot empty {}", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))
}

/// A path as it is seen from the root of the workspace, where the programs run.
fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
