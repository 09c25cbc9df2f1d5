//! The input that the store keeps of a task, as its guest's standard input. Most tasks have none.

use std::io::{Error, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinSet;

use crate::record::TaskId;
use crate::store::{self, MAX_INPUT_PIECE, SharedStore};

/// How long to wait before the store is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(500);

/// Reads an input piece by piece. Each is asked of the store when it is wanted.
pub(super) struct StoredInput {
    store: SharedStore,
    task: TaskId,
    offset: u64,
    piece: Bytes,
    /// The piece that is asked for.
    asked: JoinSet<store::Result<Option<Bytes>>>,
}

impl StoredInput {
    pub(super) fn new(store: SharedStore, task: TaskId) -> Self {
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

impl AsyncRead for StoredInput {
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
    use std::sync::Arc;

    use tokio::io::AsyncReadExt as _;

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

    #[tokio::test]
    async fn an_input_is_read_in_as_many_pieces_as_it_has() {
        let bytes: Bytes = (0..MAX_INPUT_PIECE * 2 + 3).map(|at| (at % 251) as u8).collect();
        let (store, task) = stored(&bytes).await;
        let mut whole = Vec::new();
        StoredInput::new(store, task).read_to_end(&mut whole).await.unwrap();
        assert_eq!(whole, bytes);
    }

    #[tokio::test]
    async fn an_input_that_goes_while_it_is_read_is_an_error_and_no_end() {
        let (store, task) = stored(&Bytes::from(vec![0; MAX_INPUT_PIECE * 2])).await;
        let mut reader = StoredInput::new(store.clone(), task.clone());
        reader.read_exact(&mut [0; 10]).await.unwrap();
        store.delete(&task, &Access::ANY).await.unwrap();
        assert!(reader.read_to_end(&mut Vec::new()).await.unwrap_err().to_string().contains("gone"));
        let mut reader = StoredInput::new(store, task);
        assert_eq!(reader.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}
