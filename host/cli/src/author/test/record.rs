//! `test --record`: a fixture of a task that is in a store, which expects what the task has come to.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use task_state_host::record::{Progress, TaskRecord};

use super::expect::literal;
use crate::exit::Misuse;

/// Writes a fixture of a task into the tests of a project. Gives its path.
///
/// # Errors
/// [`Misuse`] if there is one of its name, the task has not ended, or its parameters are nothing that TOML can hold.
pub(crate) fn record(task: &TaskRecord, progress: Option<&Progress>, folder: &Path) -> anyhow::Result<PathBuf> {
    if !task.status().is_terminal() {
        let why = format!("task {:?} is {}: what it comes to is not known yet", task.task_id(), task.status());
        return Err(Misuse(why).into());
    }
    let name: String =
        task.task_id().chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let path = folder.join("tests").join(format!("{name}.toml"));
    let text = fixture(task, progress)?;
    let made = fs::create_dir_all(folder.join("tests")).and_then(|()| fs::File::create_new(&path));
    match made.and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Misuse(format!("{} is there already", path.display())).into())
        }
        written => written.map(|()| path.clone()).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// The text of a fixture. The input of a task is in no store, and has to be added.
fn fixture(task: &TaskRecord, progress: Option<&Progress>) -> anyhow::Result<String> {
    let parameters: toml::Table =
        serde_json::from_str(task.parameters()).map_err(|why| in_toml(task, &why.to_string()))?;
    // A number that is too long for TOML would be another one.
    let given: serde_json::Value = serde_json::from_str(task.parameters())?;
    if serde_json::to_value(&parameters)? != given {
        return Err(in_toml(task, "a number is too long").into());
    }
    let mut of_task = toml::Table::new();
    for (key, value) in [("task-id", task.task_id()), ("service", task.service()), ("user-id", task.user_id())] {
        of_task.insert(key.to_owned(), value.into());
    }
    of_task.insert("priority".to_owned(), task.priority().as_str().into());
    of_task.insert("parameters".to_owned(), parameters.into());
    let mut expect = toml::Table::new();
    expect.insert("status".to_owned(), task.status().as_str().replace('_', "-").into());
    let message = |entry: &String| literal(entry.split_once(',').map_or(entry.as_str(), |(_, message)| message));
    expect.insert("logs".to_owned(), task.logs().iter().map(message).collect::<Vec<_>>().into());
    let result = task.result();
    for (key, text) in [("output", result.launcher_output), ("pod-status", result.pod_status)] {
        if let Some(text) = text {
            expect.insert(key.to_owned(), literal(&text).into());
        }
    }
    let jobs = task.active_jobs();
    if !jobs.is_empty() {
        expect.insert("active-jobs".to_owned(), jobs.into());
    }
    if let Some(progress) = progress {
        let mut of_progress = toml::Table::new();
        let numbers = [("done", Some(progress.done())), ("total", progress.total())];
        for (key, number) in numbers.into_iter().filter_map(|(key, number)| Some((key, i64::try_from(number?).ok()?))) {
            of_progress.insert(key.to_owned(), number.into());
        }
        if let Some(note) = progress.note() {
            of_progress.insert("note".to_owned(), literal(note).into());
        }
        expect.insert("progress".to_owned(), of_progress.into());
    }
    let all = toml::Table::from_iter([("task".to_owned(), of_task.into()), ("expect".to_owned(), expect.into())]);
    Ok(format!(
        "# What the task has come to. Its input is in no store: add it as input = \"…\", if it had any.\n\n{}",
        toml::to_string(&all)?
    ))
}

fn in_toml(task: &TaskRecord, why: &str) -> Misuse {
    Misuse(format!("the parameters of task {:?} cannot stand in TOML: {why}", task.task_id()))
}
