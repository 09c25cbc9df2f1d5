//! Runs that something else ends, or does not let begin.

use std::io::{PipeWriter, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use task_state_tests::command::{Finished, Running, Shell, Signal};
use task_state_tests::redis_server::RedisServer;

use super::bad_input::refused;
use super::run::{last_entry, run};

/// How long the command may take to do what a test waits for. It only bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts one of the test guests in a mode, and waits until the task runs.
fn start(shell: &Shell, plugin: &str, mode: &str, more: &[&str]) -> Result<Running> {
    let input = shell.directory().join(mode);
    std::fs::write(&input, mode)?;
    let input = input.to_str().context("a path")?;
    let more: Vec<&str> = ["--input", input, "--output", "json"].iter().chain(more).copied().collect();
    let mut running = shell.start(run(plugin, "t", &more))?;
    running.wait_for("status running")?;
    Ok(running)
}

/// Starts one that stops when it is asked to, and waits until it works.
fn start_obedient(shell: &Shell) -> Result<Running> {
    let mut running = start(shell, "report", "stop-when-asked", &[])?;
    running.wait_for("  running")?;
    Ok(running)
}

fn cancelled(finished: &Finished) -> Result<()> {
    let record = finished.json()?;
    assert_eq!((finished.code, &record["status"]), (Some(3), &Value::from("cancelled")), "{finished:?}");
    assert!(!last_entry(&record).is_empty(), "{finished:?}");
    Ok(())
}

#[test]
fn an_interrupt_cancels_a_plugin_that_works() -> Result<()> {
    for signal in [Signal::INT, Signal::TERM] {
        let shell = Shell::new()?;
        let running = start_obedient(&shell)?;
        running.signal(signal)?;
        let finished = running.finish()?;
        cancelled(&finished)?;
        assert!(finished.stdout.contains(",stopping"), "it had its time to stop: {finished:?}");
        assert_eq!(finished.stdout, shell.done(["get", "t", "--output", "json"])?);
    }
    Ok(())
}

#[test]
fn an_interrupt_cancels_a_plugin_that_spins() -> Result<()> {
    let shell = Shell::new()?;
    let running = start(&shell, "misbehave", "spin", &["--grace", "100ms"])?;
    running.signal(Signal::INT)?;
    cancelled(&running.finish()?)
}

#[test]
fn an_interrupt_cancels_a_plugin_whose_output_nobody_reads() -> Result<()> {
    // With what the host traces, too: some thousand lines of it.
    for traced in ["error", "trace"] {
        let (reader, writer) = std::io::pipe()?;
        an_interrupt_cancels_though_nobody_reads(traced, writer)?;
        drop(reader);
    }
    // And if there is no room for the first word.
    let (reader, mut writer) = std::io::pipe()?;
    ioctl_fionbio(&writer, true)?;
    while writer.write(b"x").is_ok() {}
    ioctl_fionbio(&writer, false)?;
    an_interrupt_cancels_though_nobody_reads("error", writer)?;
    drop(reader);
    Ok(())
}

fn an_interrupt_cancels_though_nobody_reads(traced: &str, stderr: PipeWriter) -> Result<()> {
    let shell = Shell::new()?;
    let input = shell.directory().join("input");
    std::fs::write(&input, "print 1000 1000000")?;
    let more = ["--input", input.to_str().context("a path")?, "--grace", "100ms"];
    let mut command = shell.command(run("overload", "t", &more));
    let mut child = command.env("RUST_LOG", traced).stderr(stderr).stdout(Stdio::null()).spawn()?;
    let until = |word: &str| -> Result<()> {
        let start = Instant::now();
        while !shell.run(["get", "t", "--output", "json"])?.stdout.contains(word) {
            ensure!(start.elapsed() < PATIENCE, "waited in vain for {word}");
        }
        Ok(())
    };
    // What is kept of the output shows that the guest prints.
    until("bytes of earlier output were cut")?;
    kill_process(Pid::from_child(&child), Signal::TERM)?;
    let cancelled = until("\"status\":\"cancelled\"");
    child.kill()?;
    child.wait()?;
    cancelled
}

#[test]
fn a_second_interrupt_ends_the_command_at_once() -> Result<()> {
    let shell = Shell::new()?;
    let mut running = start(&shell, "misbehave", "spin", &["--grace", "1h"])?;
    running.signal(Signal::INT)?;
    running.wait_for("interrupted")?;
    running.signal(Signal::INT)?;
    let finished = running.finish()?;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""));
    Ok(())
}

#[test]
fn another_process_can_cancel_a_run_and_wait_for_its_end() -> Result<()> {
    let shell = Shell::new()?;
    let running = start_obedient(&shell)?;
    assert_eq!(shell.done(["cancel", "t"])?, "t: cancel_requested\n");
    assert_eq!(shell.run(["wait", "t"])?.code, Some(3));
    cancelled(&running.finish()?)
}

#[test]
fn a_task_that_is_deleted_under_its_run_stops_it() -> Result<()> {
    let shell = Shell::new()?;
    let running = start_obedient(&shell)?;
    shell.done(["delete", "t"])?;
    let finished = running.finish()?;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(4), ""), "{finished:?}");
    refused(&shell.run(["get", "t"])?, 4, &[])
}

#[test]
fn of_two_runs_of_one_task_at_once_one_is_refused() -> Result<()> {
    let shell = Shell::new()?;
    let arguments = run("quickstart", "external-1", &["--output", "json"]);
    let (one, two) = (shell.start(&arguments)?, shell.start(&arguments)?);
    let mut both = [one.finish()?, two.finish()?];
    both.sort_by_key(|finished| finished.code);
    assert_eq!(both.each_ref().map(|finished| finished.code), [Some(0), Some(6)], "{both:?}");
    refused(&both[1], 6, &[r#""external-1""#])?;
    assert_eq!(both[0].json()?["logs"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[test]
fn a_task_that_is_there_already_is_taken_only_if_it_waits_for_a_run() -> Result<()> {
    let shell = Shell::new()?;
    let save = |status| {
        shell.done(["save", "external-1", "--service", "analytics", "--user", "alice", "--status", status])?;
        shell.done(["get", "external-1", "--output", "json"])
    };
    for status in ["running", "completed", "failed", "cancelled"] {
        let before = save(status)?;
        refused(&shell.run(run("quickstart", "external-1", &[]))?, 6, &[r#""external-1""#, status])?;
        assert_eq!(shell.done(["get", "external-1", "--output", "json"])?, before);
    }
    let before = save("pending")?;
    refused(&shell.run(run("quickstart", "external-1", &["--param", "a=b"]))?, 2, &["parameters"])?;
    let mut other = run("quickstart", "external-1", &[]);
    other[3] = "sync";
    refused(&shell.run(&other)?, 6, &["service"])?;
    assert_eq!(shell.done(["get", "external-1", "--output", "json"])?, before);
    save("cancel_requested")?;
    let finished = shell.run(run("quickstart", "external-1", &["--output", "json"]))?;
    assert_eq!((finished.code, &finished.json()?["status"]), (Some(3), &Value::from("cancelled")));
    save("dispatching")?;
    assert_eq!(shell.run(run("quickstart", "external-1", &[]))?.code, Some(0));
    Ok(())
}

#[test]
fn a_record_that_cannot_be_written_at_the_end_of_a_run_is_said_to_be() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(RedisServer::start())?;
    let shell = Shell::at(server.url())?;
    let running = start_obedient(&shell)?;
    runtime.block_on(server.run::<()>(&["SET", "task:t", "{ half a record"]));
    running.signal(Signal::INT)?;
    let finished = running.finish()?;
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(7), ""), "{finished:?}");
    let error = finished.stderr.lines().find(|line| line.starts_with("error: ")).context("no error")?;
    assert!(error.contains("cancelled") && error.contains(r#""t""#) && error.contains("cannot be read"), "{error}");
    Ok(())
}

#[test]
fn a_reader_that_has_gone_away_does_not_change_how_a_run_ends() -> Result<()> {
    let shell = Shell::new()?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let status = shell.command(run("quickstart", "t", &[])).stdout(writer.try_clone()?).stderr(writer).status()?;
    assert_eq!(status.code(), Some(0));
    let status = shell.command(run("quickstart", "t", &[])).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    assert_eq!(status.code(), Some(6));
    Ok(())
}
