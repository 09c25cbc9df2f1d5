//! The DMS scheduler and frontend, where checkouts of them are: `TASK_STATE_SCHEDULER` and `TASK_STATE_FRONTEND` name
//! those.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::port;
use crate::wait::eventually;
use anyhow::{Result, bail};

/// A checkout with the Python that can run it.
#[derive(Debug)]
pub struct Checkout {
    path: PathBuf,
    python: OsString,
}

impl Checkout {
    /// A checkout, and a Python that has what it imports.
    pub fn new(path: impl Into<PathBuf>, python: impl Into<OsString>) -> Self {
        Self { path: path.into(), python: python.into() }
    }

    /// The one that a variable names. None if it cannot be had here; that is said aloud.
    ///
    /// # Panics
    /// If there is a checkout and no Python.
    pub fn find(variable: &str) -> Option<Self> {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match (named(variable), named("TASK_STATE_PYTHON")) {
            (Some(path), Some(python)) => Some(Self::new(path, python)),
            (Some(_), None) => panic!("TASK_STATE_PYTHON names no Python: run `cargo xtask test`"),
            (None, _) => {
                let mut stderr = std::io::stderr();
                writeln!(stderr, "SKIPPED: {variable} names no checkout, see .github/CONTRIBUTING.md").unwrap();
                None
            }
        }
    }

    /// The scheduler, on a Redis server.
    pub async fn scheduler(&self, redis: &str) -> Result<Peer> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/serve/scheduler.py");
        Peer::start(async |port| {
            let mut command = Command::new(&self.python);
            command.arg(&program).arg(&self.path).arg(port.to_string());
            command.envs([
                ("DMS_REDIS_WRITE_URL", redis),
                ("DMS_REDIS_READ_URL", redis),
                ("DMS_LOG_LEVEL", "CRITICAL"),
            ]);
            command
        })
        .await
    }

    /// The frontend's own client, which is to ask all that its help tells of.
    pub fn client(&self, url: &str, token: &str) -> Command {
        let mut command = Command::new(&self.python);
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/serve/dms.py");
        command.arg(program).arg(&self.path).args([url, token]).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The frontend, on a Redis server, in front of a scheduler.
    pub async fn frontend(&self, redis: &str, scheduler: &str) -> Result<Peer> {
        Peer::start(async |port| {
            let mut command = Command::new(&self.python);
            let port = port.to_string();
            command.args([
                "-m",
                "uvicorn",
                "app.main:app",
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "--log-level",
                "warning",
            ]);
            command.current_dir(&self.path);
            command.envs([
                ("DMS_REDIS_WRITE_URL", redis),
                ("DMS_REDIS_READ_URL", redis),
                ("DMS_REDIS_REQUIRE_KEYEVENT_NOTIFICATIONS", "false"),
                ("DMS_SCHEDULER_BASE_URL", scheduler),
                ("DMS_EVENT_WORKER_COUNT", "32"),
                ("DMS_OPERATOR_TOKEN", "t0ken"),
                ("DMS_LOG_LEVEL", "CRITICAL"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
            ]);
            command
        })
        .await
    }
}

/// A server of the other side. It is killed when it is dropped.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Peer {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    async fn start(command: impl AsyncFn(u16) -> Command) -> Result<Self> {
        // Another process may be faster to take a port that was free.
        for _ in 0..5 {
            let port = port::free()?;
            let process = command(port).await.stdin(Stdio::null()).spawn()?;
            let mut peer = Self { process, address: (Ipv4Addr::LOCALHOST, port).into() };
            let mut has_ended = false;
            eventually("the peer listens", async || {
                has_ended = peer.process.try_wait().is_ok_and(|ended| ended.is_some());
                has_ended || TcpStream::connect(peer.address).is_ok()
            })
            .await;
            if !has_ended {
                return Ok(peer);
            }
        }
        bail!("the peer does not start")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
