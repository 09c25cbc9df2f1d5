//! A real Redis (or Valkey) server of a test's own: on a free loopback port, in a directory that goes with it.
//!
//! The program is what the variable `REDIS_SERVER` names, else `redis-server` or `valkey-server` on the `PATH`.

mod builder;
mod program;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, TlsCertificates, ToRedisArgs};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;
use tokio::time::timeout;

pub use builder::Builder;
pub use program::find as find_program;

use crate::tls::Certificates;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long one check of a test waits for an answer.
const RESPONSE_LIMIT: Duration = Duration::from_secs(60);

/// How long a server that starts may think about one question. What stands still on its port may be another's server.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Pause between two looks at something that is about to happen.
const POLL: Duration = Duration::from_millis(5);

/// A running server. It is killed, and its data removed, when the handle is dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    directory: TempDir,
    port: u16,
    password: Option<String>,
    certificates: Option<Certificates>,
    process: Option<Child>,
}

/// Why a server did not come up.
enum Failure {
    /// Another process was faster to take the port.
    PortTaken,
    Other(anyhow::Error),
}

impl RedisServer {
    /// A server as it comes: no password, no persistence, no limits.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// A server with options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the running server.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the server was killed")?.id())
    }

    /// The URL of database 0, with the password of the default user if it has one.
    pub fn url(&self) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{}://{password}127.0.0.1:{}/0", self.scheme(), self.port)
    }

    /// The URL of database 0 for a user of the access control list.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@127.0.0.1:{}/0", self.scheme(), self.port)
    }

    fn scheme(&self) -> &'static str {
        if self.certificates.is_some() { "rediss" } else { "redis" }
    }

    /// The certificate that a client has to trust, of a server that speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|files| files.authority.as_path())
    }

    /// Where the server keeps its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What the server has logged since it was first started.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.directory().join("log"))?)
    }

    /// A new connection of the default user to database 0. It answers late rather than never: its response timeout is a
    /// minute.
    pub async fn connection(&self) -> Result<MultiplexedConnection> {
        self.connection_to(&self.url()).await
    }

    /// A new connection to this server by another URL: another user, another database.
    pub async fn connection_to(&self, url: &str) -> Result<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE_LIMIT))
            .set_response_timeout(Some(RESPONSE_LIMIT));
        Ok(self.client(url)?.get_multiplexed_async_connection_with_config(&config).await?)
    }

    fn client(&self, url: &str) -> Result<Client> {
        let Some(files) = &self.certificates else { return Ok(Client::open(url)?) };
        let root_cert = Some(std::fs::read(&files.authority)?);
        Ok(Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert })?)
    }

    /// A command of the default user, over a connection of its own. It must succeed.
    pub async fn run<T: FromRedisValue>(&self, words: &[impl ToRedisArgs]) -> T {
        command(words).query_async(&mut self.connection().await.unwrap()).await.unwrap()
    }

    /// One section of `INFO`, or `all` of them.
    pub async fn info(&self, section: &str) -> Result<HashMap<String, String>> {
        let text: String = redis::cmd("INFO").arg(section).query_async(&mut self.connection().await?).await?;
        let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(text.lines().filter_map(pair).collect())
    }

    /// Waits until a replica has the data of its primary and follows it.
    pub async fn synchronised(&self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if self.info("replication").await?.get("master_link_status").is_some_and(|status| status == "up") {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("the replica on port {} has no link to its primary after {START_LIMIT:?}", self.port)
    }

    /// Kills the server as `kill -9` does. Its port and its files stay.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Both fail only if it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Kills the server if it runs, and starts it anew on the same port with the same files.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill();
        match self.launch().await {
            Ok(()) => Ok(()),
            Err(Failure::PortTaken) => bail!("port {} was taken while the server was down", self.port),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// Stops the server where it is (SIGSTOP) and waits until it stands still: the kernel still takes its connections
    /// and its input.
    pub fn pause(&self) -> Result<()> {
        let process = self.signal(Signal::STOP)?;
        waitid(WaitId::Pid(process), WaitIdOptions::STOPPED)?;
        Ok(())
    }

    /// Lets a paused server go on (SIGCONT).
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<Pid> {
        let process = Pid::from_child(self.process.as_ref().context("the server was killed")?);
        kill_process(process, signal)?;
        Ok(process)
    }

    /// Starts the process and waits until it answers.
    async fn launch(&mut self) -> Result<(), Failure> {
        self.spawn().map_err(Failure::Other)?;
        let start = Instant::now();
        loop {
            let error = match timeout(FIRST_ANSWER_LIMIT, self.answers()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => anyhow::anyhow!("no answer within {FIRST_ANSWER_LIMIT:?}"),
            };
            if self.process.take_if(|process| matches!(process.try_wait(), Ok(Some(_)))).is_some() {
                let log = self.log().unwrap_or_default();
                return Err(if log.contains("Address already in use") {
                    Failure::PortTaken
                } else {
                    Failure::Other(anyhow::anyhow!("{} ended at once:\n{log}", self.program.display()))
                });
            }
            if start.elapsed() > START_LIMIT {
                return Err(Failure::Other(error.context(format!("no answer from port {}", self.port))));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn spawn(&mut self) -> Result<()> {
        let process = Command::new(&self.program)
            .arg(self.directory.path().join("redis.conf"))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Whether the server on the port has its data and is this one, not another test's.
    async fn answers(&self) -> Result<()> {
        let info = self.info("all").await?;
        let field = |name: &str| info.get(name).map(String::as_str).unwrap_or_default();
        ensure!(field("loading") == "0", "the server is loading its data");
        let (found, own) = (field("process_id"), self.pid()?.to_string());
        ensure!(found == own, "process {found} listens on port {}, not {own}", self.port);
        Ok(())
    }
}

/// A command of these words.
pub fn command(words: &[impl ToRedisArgs]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
