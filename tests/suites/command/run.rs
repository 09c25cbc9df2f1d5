//! `run`, with real plugins.

use anyhow::{Context, Result};
use serde_json::Value;
use task_state_tests::command::{Finished, Shell};
use task_state_tests::guests::guest;

use super::bad_input::refused;

/// The arguments of a run of a task by a plugin, with `more` after them.
pub(crate) fn run<'a>(plugin: &str, id: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let plugin = guest(plugin).to_str().unwrap_or_default();
    let run = ["run", plugin, "--service", "analytics", "--user", "alice", "--task-id", id];
    run.into_iter().chain(more.iter().copied()).collect()
}

/// The last log entry of a record.
pub(crate) fn last_entry(record: &Value) -> &str {
    record["logs"].as_array().and_then(|logs| logs.last()).and_then(Value::as_str).unwrap_or_default()
}

/// Runs one of the test guests in a mode that it reads from its input.
fn in_mode(shell: &Shell, plugin: &str, mode: &str, more: &[&str]) -> Result<Finished> {
    let more: Vec<&str> = ["--input", "-", "--output", "json"].iter().chain(more).copied().collect();
    shell.run_with_input(run(plugin, "t", &more), mode)
}

#[test]
fn the_quickstart_completes_and_its_record_is_the_result() -> Result<()> {
    let shell = Shell::new()?;
    let finished = shell.run(run("quickstart", "external-1", &["--output", "json"]))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(finished.stdout, shell.done(["get", "external-1", "--output", "json"])?);
    let record = finished.json()?;
    assert_eq!(record["status"], "completed");
    let logs = record["logs"].as_array().context("no log")?;
    let messages: Vec<&str> = logs.iter().filter_map(|entry| Some(entry.as_str()?.split_once(',')?.1)).collect();
    assert_eq!(messages, ["worker started", "processed input payload", "worker finished"]);
    let mut shown = finished.stderr.lines();
    for expected in
        ["task external-1", "status running", "worker started", "processed", "worker finished", "status completed"]
    {
        assert!(shown.any(|line| line.contains(expected)), "{expected}: {finished:?}");
    }
    shell.done(["delete", "external-1"])?;
    let text = shell.run(run("quickstart", "external-1", &[]))?;
    assert!(text.stdout.contains("status       completed\n"), "{text:?}");
    assert!(text.stdout.contains("  worker finished\n"), "{text:?}");
    Ok(())
}

#[test]
fn a_plugin_reads_a_file_or_the_commands_own_input() -> Result<()> {
    let shell = Shell::new()?;
    let csv = "name,size\na,1\nb,3\n";
    std::fs::write(shell.directory().join("data.csv"), csv)?;
    let file = shell.run(run("csv-profile", "f", &["--input", "data.csv", "--output", "json"]))?;
    let own = shell.run_with_input(run("csv-profile", "o", &["--input", "-", "--output", "json"]), csv)?;
    for finished in [&file, &own] {
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let record = finished.json()?;
        let output = record["result"]["launcher_output"].as_str().context("no output")?;
        assert!(output.contains("name") && output.contains("size"), "{output}");
        assert!(output.lines().all(|line| finished.stderr.contains(line)), "what it prints is shown: {finished:?}");
    }
    let json =
        shell.run(run("csv-profile", "j", &["--input", "data.csv", "--param", "format=json", "--output", "json"]))?;
    let record = json.json()?;
    assert_eq!(record["parameters"], serde_json::json!({"format": "json"}));
    let profile: Value = serde_json::from_str(record["result"]["launcher_output"].as_str().context("no output")?)?;
    assert!(profile.to_string().contains("size"), "{profile}");
    refused(&shell.run(run("csv-profile", "n", &["--input", "no-such.csv"]))?, 2, &["no-such.csv"])?;
    refused(&shell.run(["get", "n"])?, 4, &[])
}

#[test]
fn without_an_id_the_task_gets_the_next_number_and_says_which() -> Result<()> {
    let shell = Shell::new()?;
    let plugin = guest("quickstart").to_str().context("a path")?;
    let parameters = ["--parameters", r#"{"n": 1.50}"#, "--param", "s=1", "--priority", "high", "--output", "json"];
    let finished = shell.run(["run", plugin, "--service", "analytics", "--user", "alice"].iter().chain(&parameters))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.starts_with("task 1\n"), "{finished:?}");
    assert!(finished.stdout.contains(r#""parameters":{"n":1.50,"s":"1"},"#), "{finished:?}");
    assert_eq!(finished.json()?["priority"], "high");
    Ok(())
}

#[test]
fn a_plugin_that_fails_or_traps_fails_the_command() -> Result<()> {
    for (mode, said) in [("error", "the input makes no sense"), ("trap", "the guest panics")] {
        let shell = Shell::new()?;
        let finished = in_mode(&shell, "misbehave", mode, &[])?;
        let record = finished.json()?;
        assert_eq!((finished.code, &record["status"]), (Some(1), &Value::from("failed")), "{finished:?}");
        assert!(finished.stderr.contains(said), "{finished:?}");
        if mode == "error" {
            assert!(last_entry(&record).ends_with(said), "{record}");
        }
    }
    Ok(())
}

#[test]
fn a_limit_from_the_arguments_or_the_manifest_ends_the_run_and_is_named() -> Result<()> {
    for (mode, limit, said) in
        [("spin", ["--time-limit", "300ms"], "300ms"), ("hog", ["--memory-limit", "32MiB"], "32")]
    {
        let finished = in_mode(&Shell::new()?, "misbehave", mode, &limit)?;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(last_entry(&finished.json()?).contains(said), "{finished:?}");
    }

    let shell = Shell::new()?;
    let plugin = shell.directory().join("mine.wasm");
    std::fs::copy(guest("misbehave"), &plugin)?;
    std::fs::write(plugin.with_extension("toml"), "[limits]\nwall-clock = \"200ms\"\n")?;
    let arguments = ["run", "mine.wasm", "--service", "s", "--user", "u", "--input", "-", "--output", "json"];
    let beside = shell.run_with_input(arguments, "spin")?;
    assert!(last_entry(&beside.json()?).contains("200ms"), "{beside:?}");
    let over = shell.run_with_input(arguments.iter().chain(&["--time-limit", "100ms"]), "spin")?;
    assert!(last_entry(&over.json()?).contains("100ms"), "{over:?}");
    Ok(())
}

#[test]
fn a_file_that_is_not_a_plugin_is_named_and_nothing_is_written() -> Result<()> {
    let shell = Shell::new()?;
    let no_grants = "[grants]\noperations = [\"append\"]\n";
    for (name, content) in [
        ("script.wasm", &b"#!/bin/sh\nexit 0\n"[..]),
        ("empty.wasm", b""),
        ("module.wasm", b"\0asm\x01\0\0\0"),
        ("no-worker.wasm", b"\0asm\x0d\0\x01\0"),
        ("odd.toml", no_grants.as_bytes()),
        ("broken.toml", b"[limits\nmemory = 3"),
    ] {
        std::fs::write(shell.directory().join(name), content)?;
    }
    let greedy = guest("greedy").to_str().context("a path")?;
    let good = guest("quickstart").to_str().context("a path")?;
    let with = |plugin| vec!["run", plugin, "--service", "s", "--user", "u"];
    let of = |more: &[&'static str]| [&with(good)[..], more].concat();
    for (arguments, texts) in [
        (with("script.wasm"), &["script.wasm", "not a WebAssembly component"][..]),
        (with("empty.wasm"), &["empty.wasm"]),
        (with("module.wasm"), &["module.wasm", "core"]),
        (with("no-worker.wasm"), &["no-worker.wasm", "worker"]),
        (with("nowhere.wasm"), &["nowhere.wasm"]),
        (with(greedy), &["acme:vault/secrets"]),
        (of(&["--task-id", "a:b"]), &[r#""a:b""#]),
        (of(&["--service", "s", "--user", "a b"]), &[]),
        (of(&["--param", "nothing"]), &[r#""nothing""#]),
        (of(&["--param", "a=1", "--param", "a=2"]), &[r#""a""#]),
        (of(&["--parameters", "[]"]), &[r#""[]""#]),
        (of(&["--manifest", "odd.toml"]), &["odd.toml", "append"]),
        (of(&["--manifest", "broken.toml"]), &["broken.toml", "line 1"]),
        (of(&["--manifest", "nowhere.toml"]), &["nowhere.toml"]),
        (of(&["--time-limit", "10"]), &[r#""10""#]),
        (of(&["--memory-limit", "lots"]), &[r#""lots""#]),
    ] {
        refused(&shell.run(arguments)?, 2, texts)?;
    }
    assert_eq!(shell.run(["list"])?.stderr, "no tasks\n");
    assert_eq!(shell.done(["peek-id"])?, "1\n");
    Ok(())
}
