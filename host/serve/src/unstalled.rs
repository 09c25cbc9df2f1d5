//! A connection that is given up once its other side takes nothing any more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long the other side may take nothing of what waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection whose writes fail when the other side has taken nothing for a while. What waits for it is bounded until then
/// by the buffers of the connection.
pub(crate) struct Unstalled<S> {
    stream: S,
    patience: Duration,
    /// When a write that waits is given up.
    stalls: Option<Pin<Box<Sleep>>>,
}

impl<S: Unpin> Unstalled<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, patience: PATIENCE, stalls: None }
    }

    /// What became of a write, unless it has waited for too long.
    fn check<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalls = None;
            return written;
        }
        let patience = self.patience;
        let stalls = self.stalls.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalls.as_mut().poll(context));
        // It is asked again now and then after the error.
        stalls.as_mut().reset(Instant::now());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing any more")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.check(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.check(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn a_connection_whose_other_side_takes_nothing_is_given_up() {
        let (near, mut far) = duplex(16);
        let mut near = Unstalled { patience: Duration::from_millis(100), ..Unstalled::new(near) };
        let began = Instant::now();
        let failed = near.write_all(&[0; 1_000]).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= near.patience);
        // What was taken is what there was room for.
        drop(near);
        let mut taken = Vec::new();
        far.read_to_end(&mut taken).await.unwrap();
        assert_eq!(taken.len(), 16);
    }

    #[tokio::test]
    async fn a_connection_whose_other_side_is_slow_is_kept() {
        const PIECES: u32 = 12;
        let (near, mut far) = duplex(16);
        let patience = Duration::from_secs(2);
        let mut near = Unstalled { patience, ..Unstalled::new(near) };
        let taking = tokio::spawn(async move {
            for _ in 0..PIECES {
                // All together it takes longer than the patience, and each piece far less.
                sleep(patience / 8).await;
                far.read_exact(&mut [0; 16]).await.unwrap();
            }
        });
        near.write_all(&[0; 16 * PIECES as usize]).await.unwrap();
        near.flush().await.unwrap();
        taking.await.unwrap();
    }
}
