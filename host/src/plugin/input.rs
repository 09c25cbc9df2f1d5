//! A guest's standard input, streamed: at any time little of it is in memory.

use std::io::{Cursor, Error, ErrorKind, Result};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::fs::File;
use tokio::io::{AsyncRead, BufReader, ReadBuf};
use wasmtime_wasi::cli::StdinStream;

use super::Input;
use super::lazy_input::LazyInput;

/// Bytes of a file that are read at a time.
const PIECE: usize = 64 << 10;

/// Opens an input, on the runtime that will read it. A pipe is opened when the guest first reads from it, because that
/// waits for its writer.
pub(super) async fn open(input: Input) -> Result<Box<dyn StdinStream + Sync>> {
    Ok(match input {
        // That of a task is opened where the store is known.
        Input::Empty | Input::OfTask => Box::new(tokio::io::empty()),
        Input::Bytes(bytes) => Box::new(LazyInput::new(Cursor::new(bytes))),
        Input::Stdin => Box::new(std::io::stdin()),
        Input::File(path) => {
            // On the heap: few runs have one, and the start of each is moved to its thread.
            let file = Box::pin(open_file(path)).await?;
            Box::new(LazyInput::new(BufReader::with_capacity(PIECE, file)))
        }
    })
}

async fn open_file(path: PathBuf) -> Result<InputFile> {
    let kind = tokio::fs::metadata(&path).await?;
    if kind.is_dir() {
        Err(Error::from(ErrorKind::IsADirectory))
    } else if kind.is_file() {
        Ok(InputFile::Open(File::open(path).await?))
    } else {
        Ok(InputFile::Opening(Box::pin(File::open(path))))
    }
}

/// A file that is read on threads that may block, opened or about to be.
enum InputFile {
    Opening(Pin<Box<dyn Future<Output = Result<File>> + Send + Sync>>),
    Open(File),
}

impl AsyncRead for InputFile {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if let Self::Opening(opening) = &mut *self {
            let file = ready!(opening.as_mut().poll(context))?;
            *self = Self::Open(file);
        }
        match &mut *self {
            Self::Open(file) => Pin::new(file).poll_read(context, buffer),
            Self::Opening(_) => Poll::Pending,
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
