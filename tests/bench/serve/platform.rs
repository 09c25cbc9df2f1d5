//! Processes of `task-state serve` on one server.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use task_state_tests::port;

use crate::client::Client;

/// How long a process may take until it is ready: it compiles its plugin.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How many runs of the plugin one process has under way.
const CONCURRENCY: usize = 64;

/// Processes that share the work. They are killed when this is dropped.
pub(crate) struct Platform {
    processes: Vec<Process>,
    _directory: tempfile::TempDir,
}

struct Process {
    child: Child,
    port: u16,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Platform {
    /// So many processes, each on a core of its own if asked to.
    pub(crate) async fn start(setting: &crate::Setting, store: &str, count: usize, pinned: bool) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut processes = Vec::new();
        for number in 0..count {
            let port = port::free()?;
            let config = directory.path().join(format!("platform-{number}.toml"));
            let plugin = std::fs::canonicalize(&setting.arguments.plugin)?;
            let text = format!(
                "store = {store:?}\nlisten = \"127.0.0.1:{port}\"\n\n[[plugins]]\ncomponent = {plugin:?}\n\
                 services = [\"analytics\"]\nconcurrency = {CONCURRENCY}\n"
            );
            std::fs::write(&config, text)?;
            let core = pinned.then_some(number);
            processes.push(Process { child: spawn(&setting.arguments.command, &config, core)?, port });
        }
        let platform = Self { processes, _directory: directory };
        for process in &platform.processes {
            process.until_ready().await?;
        }
        Ok(platform)
    }

    /// Connections to the processes in turn.
    pub(crate) async fn clients(&self, count: usize) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for process in self.processes.iter().cycle().take(count) {
            clients.push(Client::connect(process.port).await?);
        }
        Ok(clients)
    }

    /// The port of the first process.
    pub(crate) fn port(&self) -> u16 {
        self.processes.first().map_or(0, |process| process.port)
    }

    /// The id of the first process.
    pub(crate) fn pid(&self) -> Result<u32> {
        Ok(self.processes.first().context("no process")?.child.id())
    }

    /// Resident bytes of the first process.
    pub(crate) fn resident(&self) -> Result<f64> {
        memory(self.pid()?, "VmRSS:")
    }
}

/// Bytes of a process, as the system tells them under a name.
pub(crate) fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(1024.0 * line.trim().trim_end_matches("kB").trim().parse::<f64>()?)
}

impl Process {
    async fn until_ready(&self) -> Result<()> {
        let start = Instant::now();
        let is_ready = async || -> Result<bool> { Client::connect(self.port).await?.is_ok("/readyz").await };
        while !is_ready().await.unwrap_or(false) {
            ensure!(start.elapsed() < START_LIMIT, "a process is not ready after {START_LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

fn spawn(command: &Path, config: &Path, core: Option<usize>) -> Result<Child> {
    let mut serve = match core {
        Some(core) => {
            let mut taskset = Command::new("taskset");
            taskset.arg("--cpu-list").arg(core.to_string()).arg(command);
            taskset
        }
        None => Command::new(command),
    };
    serve.arg("serve").arg("--config").arg(config).env("RUST_LOG", "error");
    let spawned = serve.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    spawned.with_context(|| format!("cannot start {}", command.display()))
}
