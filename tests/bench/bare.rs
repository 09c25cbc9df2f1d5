//! The bare limit: the very commands of a stream that was acknowledged, sent anew from their bytes over a plain socket,
//! with nothing around them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use task_state_tests::proxy::Proxy;
use task_state_tests::resp::message_length;

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// How many requests of the preparations are sent ahead of their answers.
const PREPARED_AHEAD: usize = 64;

/// The commands that one connection carried.
#[derive(Debug)]
pub(crate) struct Recording {
    /// What led up to what is measured.
    setup: Vec<Vec<u8>>,
    /// What is measured.
    measured: Vec<Vec<u8>>,
}

/// The commands of what was done to some tasks.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) tasks: Vec<String>,
    pub(crate) commands: Recording,
}

impl Recording {
    /// The commands of the connection that does some work. What a proxy has recorded so far are its preparations.
    pub(crate) async fn of<T>(proxy: &Proxy, work: impl Future<Output = Result<T>>) -> Result<Self> {
        let mut setup = proxy.recorded();
        work.await?;
        let mut measured = proxy.recorded();
        let total: usize = measured.iter().map(Vec::len).sum();
        let busiest = (0..measured.len()).max_by_key(|&at| measured[at].len()).context("nothing was recorded")?;
        let share = measured[busiest].len();
        let is_alone = share * 100 >= total * 99;
        ensure!(is_alone, "{total} bytes were spread over several connections, {share} over the busiest");
        ensure!(busiest < setup.len(), "the connection that did the work was opened late");
        Ok(Self { setup: split(&setup.swap_remove(busiest))?, measured: split(&measured.swap_remove(busiest))? })
    }

    /// Opens a connection and sends the preparations.
    pub(crate) fn prepare(&self, port: u16) -> Result<Replay<'_>> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut replay = Replay { recording: self, stream, chunk: vec![0; READ_BYTES], unread: Vec::new() };
        replay.send(&self.setup, PREPARED_AHEAD)?;
        Ok(replay)
    }
}

/// A connection over which the preparations were sent.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    recording: &'a Recording,
    stream: TcpStream,
    chunk: Vec<u8>,
    /// What has come of an answer that is not complete.
    unread: Vec<u8>,
}

impl Replay<'_> {
    /// Sends what is measured, never more than `ahead` requests before their answers. Gives the time of all.
    pub(crate) fn measure(mut self, ahead: usize) -> Result<f64> {
        let start = Instant::now();
        self.send(&self.recording.measured, ahead)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Sends what is measured, each request after the answer to the one before it. Gives the time of each.
    pub(crate) fn measure_each(mut self) -> Result<Vec<f64>> {
        let mut seconds = Vec::with_capacity(self.recording.measured.len());
        for request in &self.recording.measured {
            let start = Instant::now();
            self.send(std::slice::from_ref(request), 1)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    fn send(&mut self, requests: &[Vec<u8>], ahead: usize) -> Result<()> {
        let (mut sent, mut answered) = (0, 0);
        let mut outgoing = Vec::new();
        while answered < requests.len() {
            outgoing.clear();
            while sent < requests.len() && sent - answered < ahead {
                outgoing.extend_from_slice(&requests[sent]);
                sent += 1;
            }
            self.stream.write_all(&outgoing)?;
            answered += self.answers()?;
        }
        Ok(())
    }

    /// Reads at least one answer; gives how many came.
    fn answers(&mut self) -> Result<usize> {
        let mut answers = 0;
        while answers == 0 {
            let read = self.stream.read(&mut self.chunk)?;
            ensure!(read > 0, "the server closed the connection");
            self.unread.extend_from_slice(&self.chunk[..read]);
            let mut at = 0;
            while let Some(length) = message_length(&self.unread[at..]) {
                let answer = &self.unread[at..at + length];
                // A client library greets the server with commands that an older one may not know.
                if answer.starts_with(b"-") && !answer.starts_with(b"-ERR unknown subcommand") {
                    bail!("a replayed command was refused: {}", String::from_utf8_lossy(answer).trim());
                }
                at += length;
                answers += 1;
            }
            self.unread.drain(..at);
        }
        Ok(answers)
    }
}

/// The requests of a stream.
fn split(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let length = message_length(bytes).context("a recorded request is not complete")?;
        let (request, rest) = bytes.split_at(length);
        requests.push(request.to_vec());
        bytes = rest;
    }
    Ok(requests)
}
