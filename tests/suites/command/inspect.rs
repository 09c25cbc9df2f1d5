//! `inspect`.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use task_state_tests::bombs;
use task_state_tests::command::Shell;
use task_state_tests::guests::guest;

/// A plugin's file, under the name `plugin.wasm`.
fn with_plugin(name: &str) -> Result<Shell> {
    let shell = Shell::at("redis://127.0.0.1:1/0")?;
    std::fs::copy(guest(name), shell.directory().join("plugin.wasm"))?;
    Ok(shell)
}

fn inspected(shell: &Shell, more: &[&str]) -> Result<Value> {
    shell.run(["inspect", "plugin.wasm", "--output", "json"].iter().chain(more))?.json()
}

#[test]
fn a_plugin_is_described_for_people_without_a_store() -> Result<()> {
    let text = with_plugin("quickstart")?.done(["inspect", "plugin.wasm"])?;
    let lines: Vec<&str> = text.lines().collect();
    for (label, said) in [
        ("component", "plugin.wasm"),
        ("size", " KiB ("),
        ("sha256", ""),
        ("language", "Rust"),
        ("made with", "rustc 1."),
        ("imports", "@0."),
        ("exports", "dms:task-state/worker@0.1.2: run"),
        ("may use", "operations "),
        ("loads", "yes"),
    ] {
        let is_said = |line: &&str| line.starts_with(&format!("{label:<11}  ")) && line.contains(said);
        ensure!(lines.iter().any(is_said), "{label}: {said}: {text}");
    }
    ensure!(text.contains("  dms:task-state/repository@0.1.2: "), "{text}");
    Ok(())
}

#[test]
fn a_plugin_is_described_for_machines() -> Result<()> {
    let shell = with_plugin("csv-profile")?;
    let found = inspected(&shell, &[])?;
    let names = |of: &str| -> Vec<&str> {
        let items = found[of].as_array().into_iter().flatten();
        items.filter_map(|item| item["name"].as_str()).collect()
    };
    assert_eq!(found["size"], std::fs::metadata(guest("csv-profile"))?.len());
    assert_eq!(found["languages"][0]["name"], "Rust");
    assert!(names("imports").contains(&"dms:task-state/current-task"), "{found}");
    assert!(names("imports").contains(&"wasi:cli/stdin"), "{found}");
    assert_eq!(found["exports"][0], json!({"name": "dms:task-state/worker", "version": "0.1.2", "functions": ["run"]}));
    // The standard library of Rust has the environment, whether the plugin uses it or not.
    let capabilities = found["may_use"]["capabilities"].as_array().context("no capabilities")?;
    assert!(capabilities.contains(&json!("environment")), "{found}");
    assert_eq!((&found["loads"], &found["refusal"], &found["manifest"]), (&json!(true), &Value::Null, &Value::Null));
    Ok(())
}

#[test]
fn what_a_manifest_grants_and_limits_is_shown() -> Result<()> {
    let shell = with_plugin("quickstart")?;
    let manifest = "[grants]\nservices = ['analytics']\noperations = ['list', 'read']\n\
                    [capabilities]\ndirectories = [{ host = 'in', guest = '/in' }]\nhttp = ['*.example.com']\n\
                    environment = { MODE = 'hidden' }\nsecrets = ['TOKEN']\n[limits]\nmemory = '64MiB'\n";
    for (name, arguments) in [("plugin.toml", &[][..]), ("other.toml", &["--manifest", "other.toml"])] {
        std::fs::write(shell.directory().join(name), manifest)?;
        let found = &inspected(&shell, arguments)?["manifest"];
        assert_eq!(found["path"], name);
        assert_eq!(found["grants"], json!({"services": "analytics", "users": "any", "operations": "read, list"}));
        let expected = [("memory", "64 MiB"), ("wall-clock", "1h"), ("component", "64 MiB"), ("compile-time", "2m")];
        for (limit, value) in expected {
            assert_eq!(found["limits"][limit], value);
        }
        let reaches = &found["capabilities"];
        assert_eq!(reaches["directories"], json!(["/in (\"in\", read-only)"]));
        assert_eq!(reaches["http"], json!(["*.example.com"]));
        assert_eq!((&reaches["environment"], &reaches["secrets"]), (&json!(["MODE"]), &json!(["TOKEN"])));
        let text = shell.done(["inspect", "plugin.wasm", "--limit", "cpu-time=7s"].iter().chain(arguments))?;
        ensure!(text.contains("http *.example.com") && text.contains("secret TOKEN"), "{text}");
        ensure!(text.contains("cpu-time: 7s") && !text.contains("hidden"), "{text}");
        assert!(text.contains("services: analytics") && text.contains("memory: 64 MiB"), "{text}");
        std::fs::remove_file(shell.directory().join(name))?;
    }
    Ok(())
}

#[test]
fn a_component_that_would_not_load_is_described_with_the_reason() -> Result<()> {
    let greedy = with_plugin("greedy")?;
    let text = greedy.run(["inspect", "plugin.wasm"])?;
    assert_eq!((text.code, text.stderr.as_str()), (Some(2), ""));
    assert!(text.stdout.contains("loads        no: it imports acme:vault/secrets"), "{text:?}");

    let other = "0".repeat(64);
    let pin = format!("sha256 = '{other}'");
    std::fs::write(greedy.directory().join("plugin.toml"), pin)?;
    let pinned = inspected(&greedy, &[])?;
    assert!(pinned["refusal"].as_str().is_some_and(|why| why.contains(&other)), "{pinned}");

    let bomb = Shell::new()?;
    std::fs::write(bomb.directory().join("plugin.wasm"), bombs::doubling(30))?;
    let found = inspected(&bomb, &[])?;
    assert_eq!(found["refusal"], "instance limit of 1000 exceeded: it has 3221225471");
    Ok(())
}

#[test]
fn names_in_a_component_cannot_drive_the_terminal() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("plugin.wasm"), bombs::made_with("\u{1b}[2J\u{202e}"))?;
    let text = shell.run(["inspect", "plugin.wasm"])?.stdout;
    assert!(text.contains("made with    \\u{1b}[2J\\u{202e}"), "{text:?}");
    Ok(())
}
