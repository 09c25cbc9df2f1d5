//! The input that the store keeps of a task, as its guest's standard input. Nothing is asked of the store before the guest
//! reads: most tasks have none.

use std::io::{Error, Result};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinSet;
use wasmtime_wasi::cli::{AsyncStdinStream, IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamResult};

use crate::record::TaskId;
use crate::store::{self, MAX_INPUT_PIECE, SharedStore};

/// How long to wait before the store is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(500);

/// A standard input that is opened when the guest first reads from it.
#[derive(Clone)]
pub(super) struct StoredInput(Arc<Stored>);

struct Stored {
    store: SharedStore,
    task: TaskId,
    opened: OnceLock<AsyncStdinStream>,
}

impl StoredInput {
    pub(super) fn new(store: SharedStore, task: TaskId) -> Self {
        Self(Arc::new(Stored { store, task, opened: OnceLock::new() }))
    }

    fn opened(&self) -> &AsyncStdinStream {
        let Stored { store, task, opened } = &*self.0;
        opened.get_or_init(|| AsyncStdinStream::new(Reader::new(store.clone(), task.clone())))
    }
}

impl IsTerminal for StoredInput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for StoredInput {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.opened().async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Opening { input: self.clone(), stream: None })
    }
}

/// One of the guest's handles on it.
struct Opening {
    input: StoredInput,
    stream: Option<Box<dyn InputStream>>,
}

impl Opening {
    fn stream(&mut self) -> &mut dyn InputStream {
        let input = &self.input;
        &mut **self.stream.get_or_insert_with(|| input.opened().p2_stream())
    }
}

#[async_trait::async_trait]
impl Pollable for Opening {
    async fn ready(&mut self) {
        self.stream().ready().await;
    }
}

#[async_trait::async_trait]
impl InputStream for Opening {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream().read(size)
    }

    async fn cancel(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.cancel().await;
        }
    }
}

/// Reads an input piece by piece.
struct Reader {
    store: SharedStore,
    task: TaskId,
    offset: u64,
    piece: Bytes,
    /// The piece that is asked for.
    asked: JoinSet<store::Result<Option<Bytes>>>,
}

impl Reader {
    fn new(store: SharedStore, task: TaskId) -> Self {
        Self { store, task, offset: 0, piece: Bytes::new(), asked: JoinSet::new() }
    }

    /// The next piece; an empty one at the end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes>> {
        if self.asked.is_empty() {
            self.asked.spawn(ask(self.store.clone(), self.task.clone(), self.offset));
        }
        Poll::Ready(match ready!(self.asked.poll_join_next(context)) {
            Some(Ok(Ok(Some(piece)))) => Ok(piece),
            Some(Ok(Ok(None))) if self.offset == 0 => Ok(Bytes::new()),
            Some(Ok(Ok(None))) | None => Err(Error::other("the input of the task is gone")),
            // What the store says is for operators.
            Some(Ok(Err(error))) => {
                tracing::warn!(task = %self.task, %error, "the input of a task cannot be read");
                Err(Error::other("the input of the task cannot be read"))
            }
            Some(Err(error)) => Err(Error::other(error)),
        })
    }
}

async fn ask(store: SharedStore, task: TaskId, offset: u64) -> store::Result<Option<Bytes>> {
    loop {
        match store.input(&task, offset, MAX_INPUT_PIECE).await {
            // A run that cannot go on without its store is ended by its lease.
            Err(store::Error::Unavailable(_)) => tokio::time::sleep(AGAIN).await,
            answer => return answer,
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.piece.is_empty() {
            self.piece = ready!(self.poll_piece(context))?;
            self.offset += self.piece.len() as u64;
        }
        let some = self.piece.len().min(buffer.remaining());
        buffer.put_slice(&self.piece[..some]);
        self.piece.advance(some);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Draft, Service, SystemClock, TimeZone, UserId};
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::store::{Access, InputId, Precondition, TaskStore};

    async fn stored(bytes: &Bytes) -> (Arc<SqliteStore>, TaskId) {
        let clock = Arc::new(SystemClock::new(TimeZone::utc()));
        let store = Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock).unwrap());
        let draft = Draft::new(Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
        let task = store.save(draft, Precondition::Absent, &Access::ANY).await.unwrap();
        let input = InputId::unique();
        store.put_input(&input, 0, bytes.clone()).await.unwrap();
        store.attach_input(&input, &task, &Access::ANY).await.unwrap();
        (store, task)
    }

    async fn read(stream: &mut dyn InputStream, most: usize) -> Option<Bytes> {
        stream.blocking_read(most).await.ok()
    }

    #[tokio::test]
    async fn nothing_is_asked_of_the_store_before_the_guest_reads() {
        let bytes: Bytes = (0..MAX_INPUT_PIECE * 2 + 3).map(|at| (at % 251) as u8).collect();
        let (store, task) = stored(&bytes).await;
        let input = StoredInput::new(store, task);
        let (mut one, mut other) = (input.p2_stream(), input.p2_stream());
        assert!(input.0.opened.get().is_none());
        let mut whole = Vec::new();
        // All handles read the same input.
        while let Some(next) = read(&mut *one, 10_000).await {
            whole.extend_from_slice(&next);
            std::mem::swap(&mut one, &mut other);
        }
        assert_eq!(whole, bytes);
        assert!(read(&mut *other, 1).await.is_none());
    }

    #[tokio::test]
    async fn an_input_that_goes_while_it_is_read_is_an_error_and_no_end() {
        use tokio::io::AsyncReadExt;

        let (store, task) = stored(&Bytes::from(vec![0; MAX_INPUT_PIECE * 2])).await;
        let mut reader = Reader::new(store.clone(), task.clone());
        reader.read_exact(&mut [0; 10]).await.unwrap();
        store.delete(&task, &Access::ANY).await.unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).await.unwrap_err().to_string().contains("gone"));
        let mut reader = Reader::new(store, task);
        assert_eq!(reader.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}
