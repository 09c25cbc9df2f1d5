//! `test --record`: a fixture of a task that is in a store, which expects what the task has come to.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use task_state_host::record::TaskRecord;

use super::expect::literal;
use crate::exit::Misuse;

/// Writes a fixture of a task into the tests of a project. Gives its path.
///
/// # Errors
/// [`Misuse`] if there is one of its name, or the task's parameters are nothing that TOML can hold.
pub(crate) fn record(task: &TaskRecord, folder: &Path) -> anyhow::Result<PathBuf> {
    let name: String =
        task.task_id().chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let path = folder.join("tests").join(format!("{name}.toml"));
    if path.exists() {
        return Err(Misuse(format!("{} is there already", path.display())).into());
    }
    let text = fixture(task)?;
    let written = std::fs::create_dir_all(folder.join("tests")).and_then(|()| std::fs::write(&path, text));
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The text of a fixture. The input of a task is in no store, and has to be added.
fn fixture(task: &TaskRecord) -> anyhow::Result<String> {
    let parameters: toml::Table = serde_json::from_str(task.parameters())
        .map_err(|why| Misuse(format!("the parameters of task {:?} cannot stand in TOML: {why}", task.task_id())))?;
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
    let all = toml::Table::from_iter([("task".to_owned(), of_task.into()), ("expect".to_owned(), expect.into())]);
    Ok(format!(
        "# What the task has come to. Its input is in no store: add it as input = \"…\", if it had any.\n\n{}",
        toml::to_string(&all)?
    ))
}
