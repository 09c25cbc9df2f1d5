//! A real sentinel of a test's own, which watches one primary and puts a replica in its place when it dies.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::port;
use crate::redis_server::{RedisServer, find_program};
use crate::wait::within;

/// The name by which it knows the primary.
pub const PRIMARY: &str = "main";

/// How long it may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running sentinel. It is killed when the handle is dropped.
#[derive(Debug)]
pub struct Sentinel {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Sentinel {
    /// One that watches a primary, and knows its replicas when this returns.
    pub async fn start(primary: &RedisServer, replicas: usize) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("task-state-sentinel-").tempdir()?;
        let port = port::free()?;
        let configuration = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor {PRIMARY} 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds {PRIMARY} 1000\nsentinel failover-timeout {PRIMARY} 5000\n",
            directory.path().display(),
            primary.port()
        );
        let file = directory.path().join("sentinel.conf");
        std::fs::write(&file, configuration)?;
        let mut command = Command::new(find_program()?);
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sentinel = Self { process: command.spawn().context("the sentinel")?, port, _directory: directory };
        let knows = async || (sentinel.replicas().await.ok()? == replicas).then_some(());
        within(START_LIMIT, "the sentinel knows the replicas", knows).await;
        Ok(sentinel)
    }

    async fn replicas(&self) -> Result<usize> {
        let client = redis::Client::open(("127.0.0.1", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let known: Vec<redis::Value> =
            redis::cmd("SENTINEL").arg("replicas").arg(PRIMARY).query_async(&mut connection).await?;
        Ok(known.len())
    }

    /// The URL of a store on the server that it takes for the primary.
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/{PRIMARY}", self.port)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
