//! The `task-state` command as its users have it: a process, with a store of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

pub use rustix::process::Signal;

use crate::cargo::{built_by, cargo};

/// How long a process may take to do what a test waits for. It only bounds a test that fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command's program, built on the first call.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build().expect("the command can be built"))
}

/// Builds the whole workspace's command: a package on its own has its dependencies built with fewer features, and so once
/// more.
fn build() -> Result<PathBuf> {
    let built = built_by(cargo().args(["build", "--workspace", "--exclude", "xtask", "--bin", "task-state"]))?;
    built
        .into_iter()
        .filter(|built| built.target.name == "task-state")
        .find_map(|built| built.executable)
        .context("no such program")
}

/// How a command has ended, and what it wrote.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// Standard output as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{self:?}"))
    }
}

/// A store, and the command to work on it.
#[derive(Debug)]
pub struct Shell {
    directory: TempDir,
    store: String,
}

impl Shell {
    /// A new SQLite store in a directory of its own.
    pub fn new() -> Result<Self> {
        let directory = TempDir::new()?;
        let store = format!("sqlite:{}", directory.path().join("tasks.db").display());
        Ok(Self { directory, store })
    }

    /// One with the task `t` of the service `s` and the user `u`.
    pub fn with_task(status: &str) -> Result<Self> {
        let shell = Self::new()?;
        shell.done(["save", "t", "--service", "s", "--user", "u", "--status", status])?;
        Ok(shell)
    }

    /// The store at a URL.
    pub fn at(store: impl Into<String>) -> Result<Self> {
        Ok(Self { directory: TempDir::new()?, store: store.into() })
    }

    /// The store's URL.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// A directory that is removed with this value.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command on this store, with nothing of the tests' own environment that it reads.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.bare_command();
        command.args(["--store", &self.store]).args(arguments);
        command
    }

    /// The command without a store.
    pub fn bare_command(&self) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DMS_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("RUST_LOG")
            .env("XDG_DATA_HOME", self.directory())
            .current_dir(self.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Finished> {
        finish(&mut self.command(arguments))
    }

    /// Runs the command, with a text for its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<Finished> {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        let input = input.to_owned();
        // A command that does not read all of it breaks the pipe, and is judged by what it says.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output()?;
        writer.join().ok().context("the writer panicked")?;
        finished(output)
    }

    /// Runs the command, which must do what it is asked, and gives its standard output.
    pub fn done<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let finished = self.run(arguments)?;
        ensure!(finished.code == Some(0), "{finished:?}");
        Ok(finished.stdout)
    }

    /// Starts the command.
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Running> {
        Running::start(&mut self.command(arguments))
    }
}

/// Runs any command to its end.
pub fn finish(command: &mut Command) -> Result<Finished> {
    finished(command.output()?)
}

fn finished(output: std::process::Output) -> Result<Finished> {
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// A command that is under way. It is killed if it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

/// The lines of a stream, as they come and as they came.
#[derive(Debug)]
struct Stream {
    lines: Receiver<String>,
    seen: String,
}

impl Stream {
    fn new(source: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(source).lines().map_while(|line| line.ok());
            lines.map_while(|line| sender.send(line).ok()).for_each(drop);
        });
        Self { lines, seen: String::new() }
    }

    fn next(&mut self, deadline: Instant) -> Option<String> {
        let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
        self.seen.push_str(&line);
        self.seen.push('\n');
        Some(line)
    }
}

impl Running {
    /// Starts a command whose outputs are pipes.
    pub fn start(command: &mut Command) -> Result<Self> {
        Self::new(command.spawn()?)
    }

    fn new(mut child: Child) -> Result<Self> {
        let stdout = Stream::new(child.stdout.take().context("no standard output")?);
        let stderr = Stream::new(child.stderr.take().context("no standard error")?);
        Ok(Self { child, stdout, stderr })
    }

    /// Waits for a line on standard error that contains a text.
    pub fn wait_for(&mut self, text: &str) -> Result<String> {
        wait_for(&mut self.stderr, text)
    }

    /// Waits for a line on standard output that contains a text.
    pub fn wait_for_result(&mut self, text: &str) -> Result<String> {
        wait_for(&mut self.stdout, text)
    }

    /// Sends the command a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits for the end of the command, and tells the most memory that it had resident, in bytes: its own, not that of
    /// processes that it started.
    pub fn finish_measured(mut self) -> Result<(Finished, usize)> {
        let status = format!("/proc/{}/status", self.child.id());
        let mut peak = 0;
        while self.child.try_wait()?.is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
            peak = line.map_or(Ok(peak), |kib| kib.parse().map(|kib: usize| peak.max(kib << 10)))?;
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok((self.finish()?, peak))
    }

    /// Waits for the end of the command.
    pub fn finish(mut self) -> Result<Finished> {
        let deadline = Instant::now() + PATIENCE;
        while self.stdout.next(deadline).is_some() {}
        while self.stderr.next(deadline).is_some() {}
        if Instant::now() >= deadline {
            bail!("the command does not end; it said {:?} and {:?}", self.stdout.seen, self.stderr.seen);
        }
        let [stdout, stderr] = [&mut self.stdout, &mut self.stderr].map(|stream| std::mem::take(&mut stream.seen));
        Ok(Finished { code: self.child.wait()?.code(), stdout, stderr })
    }
}

fn wait_for(stream: &mut Stream, text: &str) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(line) = stream.next(deadline) {
        if line.contains(text) {
            return Ok(line);
        }
    }
    bail!("no line contains {text:?}: {:?}", stream.seen)
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
