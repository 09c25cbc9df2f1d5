//! A guest's standard input that is opened when the guest first reads from it. To read ahead takes a task of its own, and
//! most guests read nothing.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tokio::io::AsyncRead;
use wasmtime_wasi::cli::{AsyncStdinStream, IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamResult};

/// A standard input that is read from a reader, once the guest wants it.
#[derive(Clone)]
pub(super) struct LazyInput(Arc<LazyLock<AsyncStdinStream, Open>>);

type Open = Box<dyn FnOnce() -> AsyncStdinStream + Send>;

impl LazyInput {
    pub(super) fn new(reader: impl AsyncRead + Send + Sync + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| AsyncStdinStream::new(reader)))))
    }
}

impl IsTerminal for LazyInput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for LazyInput {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.0.async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Handle { input: self.clone(), stream: None })
    }
}

/// One of the guest's handles on it.
struct Handle {
    input: LazyInput,
    stream: Option<Box<dyn InputStream>>,
}

impl Handle {
    fn stream(&mut self) -> &mut dyn InputStream {
        let input = &self.input.0;
        &mut **self.stream.get_or_insert_with(|| input.p2_stream())
    }
}

#[async_trait::async_trait]
impl Pollable for Handle {
    async fn ready(&mut self) {
        self.stream().ready().await;
    }
}

#[async_trait::async_trait]
impl InputStream for Handle {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream().read(size)
    }

    async fn cancel(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.cancel().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Result};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;

    /// A reader that counts how often it is asked.
    struct Counted(Arc<AtomicUsize>, Cursor<Vec<u8>>);

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Pin::new(&mut self.1).poll_read(context, buffer)
        }
    }

    #[tokio::test]
    async fn nothing_is_read_before_the_guest_reads_and_all_handles_read_the_same() {
        let bytes: Vec<u8> = (0..100_000).map(|at| (at % 251) as u8).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let input = LazyInput::new(Counted(asked.clone(), Cursor::new(bytes.clone())));
        let (mut one, mut other) = (input.p2_stream(), input.p2_stream());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        let mut whole = Vec::new();
        while let Ok(next) = one.blocking_read(10_000).await {
            whole.extend_from_slice(&next);
            std::mem::swap(&mut one, &mut other);
        }
        assert_eq!(whole, bytes);
        assert!(other.blocking_read(1).await.is_err());
    }
}
