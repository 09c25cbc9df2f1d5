//! The same plugins in three languages leave the same records, but for times.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use task_state_tests::command::{Shell, finish};
use task_state_tests::guests::guest;

use super::{Language, is_there};

/// The plugin's sources in each language, from the root of the repository.
const QUICKSTART: [(Language, &str); 3] = [
    (Language::Python, "guest/python/examples/quickstart.py"),
    (Language::Js, "guest/js/examples/quickstart.js"),
    (Language::Js, "guest/js/examples/quickstart.ts"),
];
const CSV_PROFILE: [(Language, &str); 2] = [
    (Language::Python, "guest/python/examples/csv_profile.py"),
    (Language::Js, "guest/js/examples/csv-profile/csv-profile.ts"),
];

/// What `csv-profile` is given: parameters and input.
const TABLES: [(&str, &str); 8] = [
    ("{}", "name,age\nalice,31\nbob,\n"),
    (r#"{"format": "json"}"#, "a,b\n1,x\n2,y\n-3.5,z\n"),
    (r#"{"delimiter": ";"}"#, "a;b\n\"1;2\";3\n"),
    ("{}", ""),
    ("{}", "only,a,header\n"),
    ("{}", "a,b\n1,2,3\n"),
    (r#"{"format": "xml"}"#, "a\n1\n"),
    ("{}", "größe,🔬 합계\n1,\"mehrere\nZeilen\"\n"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds a plugin. None if the tools for it are not there.
fn built(shell: &Shell, language: Language, source: &str) -> Result<Option<PathBuf>> {
    if !is_there(language) {
        return Ok(None);
    }
    let component = shell.directory().join(source.replace(['/', '.'], "_") + ".wasm");
    let source = root().join(source);
    ensure!(source.is_file(), "there is no {}", source.display());
    let mut build = shell.command(["build", &source.display().to_string(), "-o", &component.display().to_string()]);
    let finished = finish(&mut build)?;
    ensure!(finished.code == Some(0), "{finished:?}");
    Ok(Some(component))
}

/// The record that a plugin leaves of a task with these parameters and this input, without its times.
fn record(component: &Path, parameters: &str, input: &str) -> Result<Value> {
    let shell = Shell::new()?;
    let component = component.display().to_string();
    let arguments = ["run", &component, "--service", "analytics", "--user", "alice", "--task-id", "external-1"];
    let more = ["--parameters", parameters, "--input", "-", "--output", "json"];
    let finished = shell.run_with_input(arguments.into_iter().chain(more), input)?;
    let mut record = finished.json()?;
    for time in ["created_at", "updated_at"] {
        record[time] = Value::Null;
    }
    for entry in record["logs"].as_array_mut().context("no log")? {
        let text = entry.as_str().context("an entry is a text")?;
        *entry = text.split_once(',').map_or(text, |(_, message)| message).into();
    }
    Ok(record)
}

#[test]
fn the_quickstart_leaves_the_same_record_in_every_language() -> Result<()> {
    let shell = Shell::new()?;
    let wanted = record(guest("quickstart"), "{}", "")?;
    ensure!(wanted["status"] == "completed", "{wanted}");
    for (language, source) in QUICKSTART {
        let Some(component) = built(&shell, language, source)? else { continue };
        let found = record(&component, "{}", "")?;
        ensure!(found == wanted, "{source}: {found}\ninstead of {wanted}");
    }
    Ok(())
}

#[test]
fn the_profile_of_a_table_is_the_same_in_every_language() -> Result<()> {
    let shell = Shell::new()?;
    let sample = std::fs::read_to_string(root().join("guest/examples/csv-profile/sample.csv"))?;
    let tables = TABLES.into_iter().chain([("{}", sample.as_str())]);
    let wanted: Vec<_> = tables
        .map(|(parameters, input)| Ok((parameters, input, record(guest("csv-profile"), parameters, input)?)))
        .collect::<Result<_>>()?;
    ensure!(wanted.iter().any(|(.., record)| record["status"] == "failed"), "no table of these fails");
    for (language, source) in CSV_PROFILE {
        let Some(component) = built(&shell, language, source)? else { continue };
        for (parameters, input, wanted) in &wanted {
            let found = record(&component, parameters, input)?;
            ensure!(found == *wanted, "{source} with {parameters} and {input:?}: {found}\ninstead of {wanted}");
        }
    }
    Ok(())
}
