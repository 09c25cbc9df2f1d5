//! The peer's way: the frontend's own event processor, and a scheduler that does nothing by the peer's package, in one
//! process. `peer.py` says how it is spoken to.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use task_state_host::record::TaskId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Setting;

/// A running program. It ends when its standard input does.
pub(crate) struct Peer {
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Peer {
    /// None where there is no checkout or no Python.
    pub(crate) fn start(setting: &Setting, url: &str) -> Result<Option<Self>> {
        let (Some(checkout), Some(python)) = (&setting.arguments.peer, &setting.arguments.python) else {
            return Ok(None);
        };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/serve/peer.py");
        let mut command = Command::new(python);
        command.arg(program).args(["--url", url]).arg("--peer").arg(checkout);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().with_context(|| format!("cannot start {}", python.display()))?;
        Ok(Some(Self {
            requests: process.stdin.take().context("no standard input")?,
            answers: BufReader::new(process.stdout.take().context("no standard output")?).lines(),
            _process: process,
        }))
    }

    /// Has tasks that were registered go through it, and gives the time of all.
    pub(crate) async fn run(&mut self, tasks: &[TaskId], parameters: &str) -> Result<f64> {
        let ids: Vec<_> = tasks.iter().map(TaskId::as_str).collect();
        let parameters: Value = serde_json::from_str(parameters)?;
        let request = json!({"tasks": ids, "service": "analytics", "parameters": parameters});
        self.requests.write_all(format!("{request}\n").as_bytes()).await?;
        let answer = self.answers.next_line().await?.context("peer.py ended: does the Python have what it imports?")?;
        serde_json::from_str::<Value>(&answer)?["seconds"].as_f64().context("no time")
    }
}
