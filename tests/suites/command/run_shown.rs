//! What `run` shows of a task while it goes on.

use anyhow::Result;
use task_state_tests::command::Shell;

use super::run::run;

/// The lines of standard error that are about the task, without the times of entries.
fn shown(stderr: &str) -> Vec<&str> {
    stderr.lines().map(|line| line.split_once("  ").map_or(line, |(_, message)| message)).collect()
}

#[test]
fn every_status_that_a_guest_sets_is_shown_in_order_however_soon_it_is_over() -> Result<()> {
    let shell = Shell::new()?;
    let finished = shell.run_with_input(run("report", "t", &["--input", "-"]), "change-often")?;
    let turns = ["status pending", "status running"].repeat(10);
    let expected = [&["task t", "status running"], &turns[..], &["changed", "status completed"]].concat();
    assert_eq!(shown(&finished.stderr), expected);
    Ok(())
}

#[test]
fn entries_of_the_guest_and_of_others_are_shown_once() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("mode"), "stop-when-asked")?;
    let mut running = shell.start(run("report", "t", &["--input", "mode"]))?;
    running.wait_for("  running")?;
    for other in ["one", "two"] {
        shell.done(["append-log", "t", other])?;
        running.wait_for(&format!("  {other}"))?;
    }
    shell.done(["set-status", "t", "cancel_requested", "--log", "enough"])?;
    let finished = running.finish()?;
    let mut lines = shown(&finished.stderr);
    // The run learns of what others set a moment after it is in the store.
    let asked = lines.iter().position(|line| *line == "status cancel_requested").map(|at| lines.remove(at));
    assert!(asked.is_some(), "{finished:?}");
    let expected = ["task t", "status running", "running", "one", "two", "enough", "stopping", "status cancelled"];
    assert_eq!(lines, expected);
    Ok(())
}

#[test]
fn how_far_a_task_has_come_is_shown_while_it_runs_and_after() -> Result<()> {
    let shell = Shell::new()?;
    let finished = shell.run_with_input(run("report", "t", &["--input", "-"]), "make-progress")?;
    let lines = shown(&finished.stderr);
    let last = lines.iter().rfind(|line| line.starts_with("progress "));
    assert_eq!(last, Some(&"progress 1000 of 1000 (100 %), rows"), "{finished:?}");
    let row = "progress     1000 of 1000 (100 %), rows\n";
    assert!(finished.stdout.contains(row), "{finished:?}");
    assert!(shell.done(["get", "t"])?.contains(row));
    let followed = shell.run(["logs", "t", "--follow"])?;
    assert!(followed.stderr.ends_with("progress 1000 of 1000 (100 %), rows\n"), "{followed:?}");
    Ok(())
}
