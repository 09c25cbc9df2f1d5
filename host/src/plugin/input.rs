//! A guest's standard input, streamed: at any time little of it is in memory.

use std::fs::File;
use std::io::{Cursor, Error, ErrorKind, Read, Result};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime_wasi::cli::{AsyncStdinStream, StdinStream};

use super::Input;

/// Bytes of a file that are read at a time.
const PIECE: usize = 64 << 10;

/// Opens an input, on the runtime that will read it. A pipe is opened when the guest first reads from it, because that
/// waits for its writer.
pub(super) async fn open(input: Input) -> Result<Box<dyn StdinStream + Sync>> {
    Ok(match input {
        Input::Empty => Box::new(tokio::io::empty()),
        Input::Bytes(bytes) => Box::new(AsyncStdinStream::new(Cursor::new(bytes))),
        Input::Stdin => Box::new(std::io::stdin()),
        Input::File(path) => {
            let source = spawn_blocking(move || Source::open(path)).await.map_err(Error::other)??;
            Box::new(AsyncStdinStream::new(FileReader { state: State::Idle(source), piece: Vec::new(), taken: 0 }))
        }
    })
}

/// A file, opened or about to be.
enum Source {
    Open(File),
    Pipe(PathBuf),
}

impl Source {
    fn open(path: PathBuf) -> Result<Self> {
        let kind = std::fs::metadata(&path)?;
        if kind.is_dir() {
            Err(Error::from(ErrorKind::IsADirectory))
        } else if kind.is_file() {
            Ok(Self::Open(File::open(path)?))
        } else {
            Ok(Self::Pipe(path))
        }
    }

    fn read(self, mut piece: Vec<u8>) -> Result<(Self, Vec<u8>)> {
        let mut file = match self {
            Self::Open(file) => file,
            Self::Pipe(path) => File::open(path)?,
        };
        piece.resize(PIECE, 0);
        let length = loop {
            match file.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        piece.truncate(length);
        Ok((Self::Open(file), piece))
    }
}

/// Reads a file a piece at a time, on threads that may block.
struct FileReader {
    state: State,
    piece: Vec<u8>,
    taken: usize,
}

enum State {
    Idle(Source),
    Reading(JoinHandle<Result<(Source, Vec<u8>)>>),
    Ended,
}

impl AsyncRead for FileReader {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        loop {
            if self.taken < self.piece.len() {
                let length = buffer.remaining().min(self.piece.len() - self.taken);
                buffer.put_slice(&self.piece[self.taken..self.taken + length]);
                self.taken += length;
                return Poll::Ready(Ok(()));
            }
            match &mut self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Reading(reading) => {
                    let read = ready!(Pin::new(reading).poll(context)).map_err(Error::other);
                    self.state = State::Ended;
                    let (source, piece) = read??;
                    if !piece.is_empty() {
                        self.state = State::Idle(source);
                    }
                    (self.piece, self.taken) = (piece, 0);
                }
                State::Idle(_) => {
                    let piece = std::mem::take(&mut self.piece);
                    if let State::Idle(source) = std::mem::replace(&mut self.state, State::Ended) {
                        self.state = State::Reading(spawn_blocking(move || source.read(piece)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(input: Input) -> Result<Vec<u8>> {
        let stream = open(input).await?;
        let mut bytes = Vec::new();
        Pin::from(stream.async_stream()).read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    #[tokio::test]
    async fn every_kind_of_input_is_read_to_its_end() {
        let content: Vec<u8> = (0..PIECE * 3 + 7).map(|at| (at % 251) as u8).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &content).unwrap();
        assert_eq!(read(Input::File(file.path().to_owned())).await.unwrap(), content);
        assert_eq!(read(Input::Bytes(content.clone().into())).await.unwrap(), content);
        assert!(read(Input::Empty).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_an_error_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(Input::File(folder.path().join("missing"))).await.is_err());
        assert!(open(Input::File(folder.path().to_owned())).await.is_err());
    }
}
