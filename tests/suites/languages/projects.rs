//! A new project of each language builds, passes its own tests and its fixture, and runs, as it stands.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use task_state_tests::command::{Finished, Shell, finish};

use super::{Language, is_there};

/// Makes a project, and goes the way of its author. `own_test` is what its README names for its native tests.
fn a_project_works(language: &str, own_test: &[&str]) -> Result<()> {
    let shell = Shell::new()?;
    done(shell.command(["new", "hello", "--language", language]))?;
    let project = shell.directory().join("hello");
    let in_project = |mut command: Command| {
        command.current_dir(&project);
        command
    };
    let (program, arguments) = own_test.split_first().context("no test command")?;
    let mut own = Command::new(program);
    // What the tools of this repository set is not the author's.
    own.args(arguments).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").current_dir(&project);
    done(own)?;
    done(in_project(shell.command(["build"])))?;
    let tested = done(in_project(shell.command(["test", "--output", "json"])))?.json()?;
    ensure!(tested["failed"] == 0 && tested["passed"].as_u64() > Some(0), "{tested}");

    std::fs::write(project.join("input"), "a\nb\n")?;
    let run = ["run", "hello.wasm", "--service", "analytics", "--user", "alice", "--param", "greeting=good day"];
    let run = run.into_iter().chain(["--input", "input", "--output", "json"]);
    let record = done(in_project(shell.command(run)))?.json()?;
    ensure!(record["status"] == "completed", "{record}");
    let log: Vec<&str> = record["logs"].as_array().into_iter().flatten().filter_map(|entry| entry.as_str()).collect();
    ensure!(log.iter().any(|entry| entry.ends_with(",good day, alice")), "{log:?}");
    ensure!(log.iter().any(|entry| entry.ends_with(",2 lines")), "{log:?}");

    a_failing_fixture_fails(&shell, &project)
}

/// Asserts that a fixture which expects something else fails, and says what it found.
fn a_failing_fixture_fails(shell: &Shell, project: &Path) -> Result<()> {
    std::fs::write(project.join("tests/wrong.toml"), "[expect]\nstatus = \"failed\"\nlogs = [\"nothing\", \"**\"]\n")?;
    let mut test = shell.command(["test", "--junit", "report.xml"]);
    let finished = finish(test.current_dir(project))?;
    ensure!(finished.code == Some(1), "{finished:?}");
    for said in
        ["tests/wrong.toml ... FAILED", "status: expected failed, found completed", "log: expected\n    nothing"]
    {
        ensure!(finished.stdout.contains(said), "{said}: {finished:?}");
    }
    ensure!(finished.stderr.ends_with("1 passed, 1 failed\n"), "{finished:?}");
    let xml = std::fs::read_to_string(project.join("report.xml"))?;
    ensure!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"tests/wrong.toml\""), "{xml}");
    Ok(())
}

fn done(mut command: Command) -> Result<Finished> {
    let shown = command.get_args().collect::<Vec<&OsStr>>().join(OsStr::new(" "));
    let finished = finish(&mut command)?;
    ensure!(finished.code == Some(0), "{shown:?}: {finished:?}");
    Ok(finished)
}

#[test]
fn a_new_project_in_rust_works_at_once() -> Result<()> {
    a_project_works("rust", &["cargo", "test", "--quiet"])
}

#[test]
fn a_new_project_in_python_works_at_once() -> Result<()> {
    if !is_there(Language::Python) {
        return Ok(());
    }
    a_project_works("python", &["python3", "-m", "pytest", "-q"])
}

#[test]
fn a_new_project_in_javascript_works_at_once() -> Result<()> {
    if !is_there(Language::Js) {
        return Ok(());
    }
    a_project_works("js", &["npm", "test", "--silent"])
}

#[test]
fn a_new_project_in_typescript_works_at_once() -> Result<()> {
    if !is_there(Language::Js) {
        return Ok(());
    }
    a_project_works("ts", &["npm", "test", "--silent"])
}

#[test]
fn what_cannot_be_built_says_why_and_leaves_nothing() -> Result<()> {
    let shell = Shell::new()?;
    let empty = finish(&mut shell.command(["build"]))?;
    ensure!(empty.code == Some(2) && empty.stderr.contains("cannot build"), "{empty:?}");
    let folder = shell.directory();
    if is_there(Language::Python) {
        std::fs::write(folder.join("worker.py"), "import task_state\n\ndef run(:\n")?;
        let failed = finish(&mut shell.command(["build", "worker.py"]))?;
        ensure!(
            failed.code == Some(1) && ["worker.py:3", "line 3"].iter().any(|place| failed.stderr.contains(place)),
            "{failed:?}"
        );
        ensure!(!folder.join("worker.wasm").exists());
    }
    if is_there(Language::Js) {
        std::fs::write(folder.join("app.js"), "export function run() {\n  return 1 +;\n}\n")?;
        let failed = finish(&mut shell.command(["build", "app.js"]))?;
        ensure!(failed.code == Some(1) && failed.stderr.contains("app.js:2"), "{failed:?}");
        ensure!(!folder.join("app.wasm").exists());
    }
    done(shell.command(["new", "broken", "--language", "rust"]))?;
    std::fs::write(folder.join("broken/src/lib.rs"), "fn main( {\n")?;
    let failed = finish(&mut shell.command(["build", "broken"]))?;
    ensure!(failed.code == Some(1) && failed.stderr.contains("src/lib.rs:1"), "{failed:?}");
    ensure!(!folder.join("broken/broken.wasm").exists());
    // Without tools on the PATH they are named.
    let mut build = shell.command(["build", "app.js"]);
    std::fs::write(folder.join("app.js"), "export function run() {}\n")?;
    let missing = finish(build.env("PATH", folder))?;
    ensure!(missing.code == Some(2) && missing.stderr.contains("there is no node on the PATH"), "{missing:?}");
    Ok(())
}

#[test]
fn a_task_of_a_store_becomes_a_fixture_that_its_plugin_passes() -> Result<()> {
    let shell = Shell::new()?;
    done(shell.command(["new", "hello", "--language", "rust"]))?;
    let project = shell.directory().join("hello");
    let component = task_state_tests::guests::guest("greeting");
    std::fs::copy(component, project.join("hello.wasm"))?;
    std::fs::remove_file(project.join("tests/hello.toml"))?;
    let run = ["run", "hello/hello.wasm", "--service", "analytics", "--user", "alice", "--task-id", "t*1"];
    let parameters = ["--parameters", r#"{"n": 1, "nested": {"list": [1.5, "two"], "yes": true}}"#];
    done(shell.command(run.into_iter().chain(parameters)))?;
    let recorded = done(shell.command(["test", "hello", "--record", "t*1"]))?;
    ensure!(recorded.stdout == "hello/tests/t_1.toml\n", "{recorded:?}");
    let again = finish(&mut shell.command(["test", "hello", "--record", "t*1"]))?;
    ensure!(again.code == Some(2) && again.stderr.contains("is there already"), "{again:?}");
    let tested = done(shell.command(["test", "hello"]))?;
    ensure!(tested.stdout.contains("tests/t_1.toml ... ok"), "{tested:?}");
    Ok(())
}
