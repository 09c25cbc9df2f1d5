//! One connection through a proxy: requests one way, answers the other, and what goes wrong between them.

use std::collections::VecDeque;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::fault::{Fault, Injected, Request};
use super::{Shared, lock};
use crate::resp;

/// How much is read at a time, at most about.
const READ_BYTES: usize = 64 << 10;

/// In how many pieces an answer trickles, and how long after each.
const TRICKLE_PIECES: usize = 100;
const TRICKLE_PAUSE: Duration = Duration::from_millis(20);

/// Both directions end, without a farewell.
struct Cut;

/// What is to become of the answers that are still to come, in their order: a fault's way, or forwarded.
type Expected = Mutex<VecDeque<Option<Injected>>>;

/// Forwards until either side has gone, or a fault cuts the connection.
pub(super) async fn forward(client: TcpStream, upstream: SocketAddr, shared: &Shared) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    if client.set_nodelay(true).is_err() || server.set_nodelay(true).is_err() {
        return;
    }
    let recording = lock(&shared.recording).as_mut().map(|connections| {
        connections.push(Vec::new());
        connections.len() - 1
    });
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let expected = Expected::default();
    let up = Requests { to_server, shared, expected: &expected, recording };
    let down = Replies { to_client, shared, expected: &expected };
    // The first error ends both: that is how a cut is made.
    let _ = tokio::try_join!(up.forward(from_client), down.forward(from_server));
}

struct Requests<'a> {
    to_server: OwnedWriteHalf,
    shared: &'a Shared,
    expected: &'a Expected,
    recording: Option<usize>,
}

impl Requests<'_> {
    async fn forward(mut self, mut from_client: OwnedReadHalf) -> Result<(), Cut> {
        let mut messages = Messages::default();
        while let Some(request) =
            messages.next(&mut from_client, |read| lock(&self.shared.counts).bytes_up += read).await
        {
            lock(&self.shared.counts).requests += 1;
            self.record(&request);
            self.send(&request).await?;
        }
        // What the server has got already it still executes: it sees the end of the stream after it.
        let _ = self.to_server.shutdown().await;
        Ok(())
    }

    fn record(&self, request: &[u8]) {
        if let Some(number) = self.recording
            && let Some(bytes) = lock(&self.shared.recording).as_mut().and_then(|all| all.get_mut(number))
        {
            bytes.extend_from_slice(request);
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        let request = Request { bytes };
        let met = lock(&self.shared.faults).iter().find(|fault| fault.meet(&request)).cloned();
        let fault = met.as_ref().map(|met| met.fault);
        if fault.is_none_or(Fault::reaches_server) && !is_subscription(&request) {
            lock(self.expected).push_back(met.clone());
        }
        match (fault, met) {
            (Some(Fault::CutBeforeRequest), _) => return Err(Cut),
            (Some(Fault::CutInRequest), _) => {
                self.write(&bytes[..bytes.len() / 2]).await?;
                return Err(Cut);
            }
            (Some(Fault::SwallowRequest), _) => pending().await,
            (Some(Fault::StallRequest), Some(met)) => met.until_released().await,
            _ => {}
        }
        self.write(bytes).await?;
        if matches!(fault, Some(Fault::CutBeforeReply | Fault::CutInReply)) {
            // The answer ends the connection; nothing behind the request may be executed before that.
            pending::<()>().await;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.to_server.write_all(bytes).await.map_err(|_| Cut)
    }
}

/// Answers to these are pushed, or come one for each channel: they are forwarded as they come.
fn is_subscription(request: &Request<'_>) -> bool {
    ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]
        .iter()
        .any(|command| request.is(command))
}

/// The answer to `TIME` with other seconds.
fn shifted(reply: &[u8], seconds: i64) -> Vec<u8> {
    let mut lines: Vec<String> = String::from_utf8_lossy(reply).split("\r\n").map(str::to_owned).collect();
    if let Some(shown) = lines.get(2).and_then(|line| line.parse::<i64>().ok()) {
        lines[2] = (shown + seconds).to_string();
    }
    lines.join("\r\n").into_bytes()
}

struct Replies<'a> {
    to_client: OwnedWriteHalf,
    shared: &'a Shared,
    expected: &'a Expected,
}

impl Replies<'_> {
    async fn forward(mut self, mut from_server: OwnedReadHalf) -> Result<(), Cut> {
        let mut messages = Messages::default();
        let mut silent = false;
        while let Some(reply) =
            messages.next(&mut from_server, |read| lock(&self.shared.counts).bytes_down += read).await
        {
            let is_push = reply.starts_with(b">");
            let met = if is_push { None } else { lock(self.expected).pop_front().flatten() };
            if !is_push {
                lock(&self.shared.counts).replies += 1;
            }
            if let Some(met) = met {
                met.note_executed();
                match met.fault {
                    Fault::CutBeforeReply => return Err(Cut),
                    Fault::CutInReply => {
                        self.write(&reply[..reply.len() / 2]).await;
                        return Err(Cut);
                    }
                    Fault::SwallowReply => silent = true,
                    Fault::StallReply => met.until_released().await,
                    Fault::TrickleReply => {
                        for piece in reply.chunks(reply.len() / TRICKLE_PIECES + 1) {
                            self.write(piece).await;
                            tokio::time::sleep(TRICKLE_PAUSE).await;
                        }
                        continue;
                    }
                    Fault::ShiftTime(seconds) => {
                        self.write(&shifted(&reply, seconds)).await;
                        continue;
                    }
                    _ => {}
                }
            }
            if !silent {
                self.write(&reply).await;
            }
        }
        if silent {
            pending::<()>().await;
        }
        // The server has gone: so does the client's connection.
        Err(Cut)
    }

    /// Writes to the client, if it is still there: when it has gone, the server's answers are read all the same, because
    /// they tell what it has executed.
    async fn write(&mut self, bytes: &[u8]) {
        let _ = self.to_client.write_all(bytes).await;
    }
}

/// A stream of bytes, taken apart into messages.
#[derive(Default)]
struct Messages {
    buffer: BytesMut,
}

impl Messages {
    /// The next complete message; `None` at the end of the stream.
    async fn next(&mut self, from: &mut OwnedReadHalf, count: impl Fn(u64)) -> Option<Bytes> {
        loop {
            if let Some(length) = resp::message_length(&self.buffer) {
                return Some(self.buffer.split_to(length).freeze());
            }
            self.buffer.reserve(READ_BYTES);
            let read = from.read_buf(&mut self.buffer).await.ok().filter(|&read| read > 0)?;
            count(read as u64);
        }
    }
}
