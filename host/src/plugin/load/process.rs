//! Compilation in a process of its own, which can be limited and killed.
//!
//! The process gets a line of JSON and the component on its standard input, limits itself, checks and compiles the
//! component into wasmtime's cache on disk, and answers with a line of JSON. The host then finds the compiled code in
//! the cache; without a cache it knows that it may compile the component itself.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::limits::{Limit, LimitExceeded};
use super::{LoadError, LoadLimits};
use crate::plugin::engine::Model;

/// The most bytes of what the process says that are read: an error is a few lines.
const MAX_SAID: u64 = 16 << 10;

/// Variables that the process gets of the host's environment. It compiles what a stranger wrote, and needs no secrets.
const VARIABLES: [&str; 4] = ["LD_LIBRARY_PATH", "PATH", "SystemRoot", "TMPDIR"];

/// A program that compiles components for a [`Host`](crate::Host), each in a process of its own, within
/// [`LoadLimits`]: a component can be built to take a compiler minutes and all memory that there is.
///
/// It is given to [`HostBuilder::compile_with`](crate::HostBuilder::compile_with). The program answers by
/// [`serve`](Self::serve) and does nothing else, best the embedder's own, when it is called with an argument of its
/// choice:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use task_state_host::CompilerProcess;
///
/// fn main() -> ExitCode {
///     if std::env::args().nth(1).as_deref() == Some("compile-component") {
///         return CompilerProcess::serve();
///     }
///     // … Host::builder(store).compile_with(CompilerProcess::this_program()?.arg("compile-component"))
///     ExitCode::SUCCESS
/// }
/// ```
///
/// The command can do it for others: `CompilerProcess::new("task-state").arg("compile-component")`, if it was built from
/// the same version of this library.
#[derive(Debug, Clone)]
pub struct CompilerProcess {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// What the process is to do; the component follows.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// How many bytes the component has.
    pub(super) size: usize,
    pub(super) limits: LoadLimits,
    /// What the code is compiled for: the first engine of the host, as [`engine::identity`](crate::plugin::engine::identity)
    /// has it.
    pub(super) engine: String,
    /// Where compiled code is kept, if it is.
    pub(super) cache: Option<PathBuf>,
}

/// What the process says in the end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// As a component of this model.
    Compiled(Model),
    Limit(LimitExceeded),
    Failed(String),
}

impl CompilerProcess {
    /// A program that is called without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new() }
    }

    /// The program that is running.
    ///
    /// # Errors
    /// If the system does not say which that is.
    pub fn this_program() -> std::io::Result<Self> {
        // This one stays the same when the program's file is replaced.
        let running = PathBuf::from("/proc/self/exe");
        Ok(Self::new(if running.exists() { running } else { std::env::current_exe()? }))
    }

    /// The same with one more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Answers a host that has called this program as its compiler, on standard input and output. The process should end
    /// then, with this code.
    pub fn serve() -> std::process::ExitCode {
        super::compiler::serve()
    }

    /// Has a component checked and compiled, and tells its model. The process is killed if nobody waits for it any more.
    pub(super) async fn compile(&self, order: &Order, component: &[u8]) -> Result<Model, LoadError> {
        let failed = |error: std::io::Error| {
            LoadError::Compile(format!("the compiler {:?} cannot be run: {error}", self.program))
        };
        let mut order_line = serde_json::to_vec(order).map_err(|error| failed(error.into()))?;
        order_line.push(b'\n');
        let process = self.spawn().map_err(failed)?;
        let limit = order.limits.compile_wall_clock();
        let Ok(ended) = tokio::time::timeout(limit, converse(process, &order_line, component)).await else {
            return Err(Limit::CompileClock.reached(limit.as_secs()).into());
        };
        understand(&ended.map_err(failed)?, &order.limits)
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().kill_on_drop(true);
        command.envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // mimalloc takes memory in large pieces, which would count as used.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

/// Gives the process its order and takes what it says.
async fn converse(mut process: Child, order: &[u8], component: &[u8]) -> std::io::Result<Output> {
    let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A process that has ended does not read on, and its end says why.
            let _ = stdin.write_all(order).await;
            let _ = stdin.write_all(component).await;
        }
    };
    let ((), stdout, stderr) = tokio::join!(give, said(stdout), said(stderr));
    Ok(Output { status: process.wait().await?, stdout: stdout?, stderr: stderr? })
}

/// The first of what a process says; it need not be read whole.
async fn said(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MAX_SAID).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn understand(ended: &Output, limits: &LoadLimits) -> Result<Model, LoadError> {
    match serde_json::from_slice(&ended.stdout) {
        Ok(Answer::Compiled(model)) if ended.status.success() => Ok(model),
        Ok(Answer::Limit(exceeded)) => Err(exceeded.into()),
        Ok(Answer::Failed(why)) => Err(LoadError::Compile(why)),
        _ => Err(describe_end(ended.status, &String::from_utf8_lossy(&ended.stderr), limits)),
    }
}

/// Why a compiler may have ended without an answer.
fn describe_end(status: ExitStatus, stderr: &str, limits: &LoadLimits) -> LoadError {
    if ended_by_time(status) {
        return Limit::CompileTime.reached(limits.compile_seconds()).into();
    }
    // What the Rust runtime says before it ends a program that has no memory left.
    if stderr.contains("memory allocation of") {
        return Limit::CompileMemory.reached(limits.compile_memory_bytes as u64).into();
    }
    let is_news = |line: &&str| !line.is_empty() && !line.starts_with("note: ");
    let last = stderr.lines().map(str::trim).rfind(is_news).unwrap_or("it said nothing");
    LoadError::Compile(format!("the compiler broke ({status}): {last}"))
}

#[cfg(unix)]
fn ended_by_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(unix))]
fn ended_by_time(_: ExitStatus) -> bool {
    false
}
