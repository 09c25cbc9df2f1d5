//! The peer's way, in a process of its own: `peer.py` says what it does and how it is spoken to.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running program. It ends when its standard input does.
#[derive(Debug)]
pub(crate) struct Peer {
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Peer {
    pub(crate) fn start(python: &Path, url: &str, checkout: Option<&Path>) -> Result<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peer.py");
        let mut command = Command::new(python);
        command.arg(program).args(["--url", url]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if let Some(checkout) = checkout {
            command.arg("--peer").arg(checkout);
        }
        let mut process = command.spawn().with_context(|| format!("cannot start {}", python.display()))?;
        Ok(Self {
            requests: process.stdin.take().context("no standard input")?,
            answers: BufReader::new(process.stdout.take().context("no standard output")?).lines(),
            _process: process,
        })
    }

    async fn ask(&mut self, request: Value) -> Result<Value> {
        self.requests.write_all(format!("{request}\n").as_bytes()).await?;
        let answer = self.answers.next_line().await?.context("peer.py ended; what it says stands above")?;
        Ok(serde_json::from_str(&answer)?)
    }

    pub(crate) async fn describe(&mut self) -> Result<String> {
        let answer = self.ask(json!({"do": "describe"})).await?;
        Ok(answer["description"].as_str().context("no description")?.to_owned())
    }

    /// The time of each append.
    pub(crate) async fn append(&mut self, tasks: &[String], times: usize) -> Result<Vec<f64>> {
        let answer = self.ask(json!({"do": "append", "tasks": tasks, "times": times})).await?;
        let seconds: Vec<f64> = serde_json::from_value(answer["seconds"].clone())?;
        ensure!(seconds.len() == tasks.len() * times, "peer.py made {} appends", seconds.len());
        Ok(seconds)
    }

    /// The time of all.
    pub(crate) async fn lifecycles(&mut self, tasks: &[String], at_once: usize) -> Result<f64> {
        let answer = self.ask(json!({"do": "lifecycles", "tasks": tasks, "at_once": at_once})).await?;
        answer["seconds"].as_f64().context("no time")
    }

    /// The time, and how many tasks there are.
    pub(crate) async fn list(&mut self) -> Result<(f64, usize)> {
        let answer = self.ask(json!({"do": "list"})).await?;
        let tasks = answer["tasks"].as_u64().context("no count")?;
        Ok((answer["seconds"].as_f64().context("no time")?, usize::try_from(tasks)?))
    }
}
