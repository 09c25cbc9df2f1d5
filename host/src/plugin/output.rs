//! What a guest prints: shown while it runs, and its last part kept for the task.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::OutputSink;
use super::events::Events;
use super::lock;
use super::sink::Sink;
use crate::redaction::{RedactedStream, Redaction};

/// The most bytes that a guest writes in one piece.
const PIECE: usize = 64 << 10;

/// A guest's standard output and standard error, as one stream. Cheap to clone; all clones are the same stream.
#[derive(Debug, Clone)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// None if nobody is shown anything.
    sink: Option<Sink>,
    events: Events,
    /// What is shown and kept has no secrets in it.
    clean: Mutex<RedactedStream>,
    kept: Mutex<Tail>,
}

impl Output {
    /// An output of which the last `most` bytes are kept.
    pub(super) fn new(sink: OutputSink, events: Events, most: usize, redaction: Redaction) -> Self {
        Self(Arc::new(Shared {
            sink: Sink::new(sink),
            events,
            clean: Mutex::new(RedactedStream::new(redaction)),
            kept: Mutex::new(Tail { bytes: VecDeque::new(), most, cut: 0 }),
        }))
    }

    /// Shows and keeps what was held back because it might have been the beginning of a secret.
    pub(super) fn finish(&self) {
        let rest = lock(&self.0.clean).finish();
        self.give(&rest);
    }

    /// Waits until what was printed is shown, unless nobody takes it.
    pub(super) async fn shown(&self) {
        if let Some(sink) = &self.0.sink {
            sink.shown().await;
        }
    }

    /// What is kept, if anything was printed.
    pub(super) fn text(&self) -> Option<String> {
        lock(&self.0.kept).text()
    }

    /// How many bytes were printed, as far as they are shown.
    pub(super) fn printed(&self) -> u64 {
        let kept = lock(&self.0.kept);
        kept.cut + kept.bytes.len() as u64
    }

    fn take(&self, bytes: &[u8]) {
        let clean = lock(&self.0.clean).push(bytes);
        self.give(&clean);
    }

    fn give(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(sink) = &self.0.sink {
            sink.show(bytes);
        }
        self.0.events.output(bytes);
        lock(&self.0.kept).push(bytes);
    }
}

/// The last bytes of a stream.
#[derive(Debug)]
struct Tail {
    bytes: VecDeque<u8>,
    most: usize,
    /// How many came before them.
    cut: u64,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let keep = &bytes[bytes.len().saturating_sub(self.most)..];
        let over = (self.bytes.len() + keep.len()).saturating_sub(self.most);
        self.bytes.drain(..over);
        self.bytes.extend(keep);
        self.cut += (bytes.len() - keep.len() + over) as u64;
    }

    fn text(&self) -> Option<String> {
        let mut bytes: Vec<u8> = self.bytes.iter().copied().collect();
        if self.cut == 0 {
            return (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned());
        }
        // The rest of a character that was cut is dropped.
        let broken = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
        bytes.drain(..broken);
        let cut = self.cut + broken as u64;
        Some(format!("[{cut} bytes of earlier output were cut]\n{}", String::from_utf8_lossy(&bytes)))
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(if self.0.sink.as_ref().is_none_or(Sink::has_room) { PIECE } else { 0 })
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        if let Some(sink) = &self.0.sink {
            sink.room().await;
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(most: usize, pieces: &[&[u8]]) -> Option<String> {
        let output = Output::new(OutputSink::Discard, Events::default(), most, Redaction::default());
        for piece in pieces {
            output.take(piece);
        }
        output.text()
    }

    #[test]
    fn a_guest_that_prints_nothing_has_no_output() {
        assert_eq!(printed(10, &[]), None);
        assert_eq!(printed(10, &[b""]), None);
    }

    #[test]
    fn output_within_the_limit_is_kept_whole() {
        assert_eq!(printed(10, &[b"hello", b"world"]).as_deref(), Some("helloworld"));
    }

    #[test]
    fn the_tail_is_kept_with_a_mark_where_it_was_cut() {
        let mark = |cut: u64, tail: &str| Some(format!("[{cut} bytes of earlier output were cut]\n{tail}"));
        assert_eq!(printed(4, &[b"abc", b"defg"]), mark(3, "defg"));
        assert_eq!(printed(4, &[b"abcdefgh"]), mark(4, "efgh"));
        assert_eq!(printed(4, &[b"abc", b"de"]), mark(1, "bcde"));
        assert_eq!(printed(0, &[b"abc"]), mark(3, ""));
    }

    #[test]
    fn a_cut_leaves_no_part_of_a_character() {
        assert_eq!(printed(4, &["aéé".as_bytes()]).as_deref(), Some("[1 bytes of earlier output were cut]\néé"));
        assert_eq!(printed(3, &["aéé".as_bytes()]).as_deref(), Some("[3 bytes of earlier output were cut]\né"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(printed(10, &[b"a\xff", b"\xc3", b"\xa9b"]).as_deref(), Some("a\u{fffd}éb"));
    }

    #[tokio::test]
    async fn a_callback_sees_every_byte_in_its_order() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let callback = OutputSink::callback(move |bytes| lock(&sink).extend_from_slice(bytes));
        let output = Output::new(callback, Events::default(), 2, Redaction::default());
        output.take(b"abc");
        output.take(b"\xff");
        output.shown().await;
        assert_eq!(*lock(&seen), b"abc\xff");
    }

    #[tokio::test]
    async fn a_secret_that_comes_in_pieces_is_neither_shown_nor_kept() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let callback = OutputSink::callback(move |bytes| lock(&sink).extend_from_slice(bytes));
        let redaction = Redaction::new([("TOKEN".to_owned(), "hunter2".to_owned())]);
        let output = Output::new(callback, Events::default(), 100, redaction);
        for piece in ["is hun", "ter2, hun", "ts"] {
            output.clone().take(piece.as_bytes());
        }
        output.take(b"hunter");
        output.finish();
        assert_eq!(output.text().as_deref(), Some("is <TOKEN>, huntshunter"));
        output.shown().await;
        assert_eq!(*lock(&seen), *b"is <TOKEN>, huntshunter");
    }
}
