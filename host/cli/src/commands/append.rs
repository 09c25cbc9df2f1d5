//! `append-log`: messages from the arguments and lines from standard input.

use std::io::{BufRead, stdin};

use anyhow::Context as _;
use task_state_host::record::{Change, Status, TaskId};
use task_state_host::store::Access;
use tokio::sync::mpsc;

use super::{AboutTask, Session, change};
use crate::args::AppendLogArgs;

/// How many lines may have been read and not been added yet.
const QUEUE: usize = 1_000;

/// The bytes of messages after which a change is made, unless it would be empty: 1 MiB.
const BATCH_BYTES: usize = 1 << 20;

/// The messages of the arguments, or one line of standard input.
type Piece = std::io::Result<Vec<String>>;

pub(super) async fn append_log(args: AppendLogArgs, session: &mut Session) -> anyhow::Result<()> {
    let mut added = 0;
    match append(&args.id, read(args.messages), session, &mut added).await {
        Ok(status) => change::report(&args.id, status, Some(added), session),
        Err(error) if added > 0 => Err(error.context(format!("stopped after {added} entries"))),
        Err(error) => Err(error),
    }
}

/// Adds what comes, as much in each step as there is by then. Returns the status that the task is in afterwards.
async fn append(
    id: &TaskId,
    mut pieces: mpsc::Receiver<Piece>,
    session: &Session,
    added: &mut usize,
) -> anyhow::Result<Status> {
    let mut status = None;
    let mut next = pieces.recv().await;
    while let Some(piece) = next {
        let mut batch = piece.context("cannot read standard input")?;
        let mut bytes: usize = batch.iter().map(String::len).sum();
        next = loop {
            match pieces.try_recv() {
                Ok(Ok(more)) if bytes < BATCH_BYTES => {
                    bytes += more.iter().map(String::len).sum::<usize>();
                    batch.extend(more);
                }
                Ok(later) => break Some(later),
                Err(_) => break None,
            }
        };
        let count = batch.len();
        status = Some(session.store.change(id, Change::logs(batch), &Access::ANY).await.about(id)?);
        *added += count;
        if next.is_none() {
            next = pieces.recv().await;
        }
    }
    match status {
        Some(status) => Ok(status),
        None => session.store.status(id, &Access::ANY).await.about(id),
    }
}

/// The messages in their order, with the lines of standard input in the place of each `-`. Reading blocks a thread of
/// its own.
fn read(messages: Vec<String>) -> mpsc::Receiver<Piece> {
    let (sender, pieces) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        for part in messages.chunk_by(|a, b| a != "-" && b != "-") {
            let sent = match part {
                [dash] if dash == "-" => send_lines(&sender),
                given => sender.blocking_send(Ok(given.to_vec())),
            };
            if sent.is_err() {
                return;
            }
        }
    });
    pieces
}

fn send_lines(sender: &mpsc::Sender<Piece>) -> Result<(), mpsc::error::SendError<Piece>> {
    let mut input = stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let piece = match read {
            Ok(0) => return Ok(()),
            Ok(_) => Ok(vec![without_end(&line)]),
            Err(error) => Err(error),
        };
        sender.blocking_send(piece)?;
    }
}

/// A line without its line break. Bytes that are not UTF-8 are replaced.
fn without_end(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}
