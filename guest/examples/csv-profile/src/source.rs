//! The bytes of the input on their way to the CSV reader: what it must be told, and what it does not tell.

use std::io::{self, Read};

/// What follows the end of the input: a row of its own, unless a quoted field swallows it.
const END_MARK: &[u8] = b"\n\0";

/// The one field of that row.
pub(crate) const END_FIELD: &[u8] = b"\0";

/// A byte order mark and one byte more: the CSV reader recognises the mark only if it gets all of it at once, and takes
/// it for the whole input if it gets nothing else.
const LEAST_AT_FIRST: usize = 4;

/// An input that is followed by an end mark, and that can be told to stop.
pub(crate) struct Source<R> {
    input: R,
    /// Bytes given so far, those of the end mark counted.
    given: u64,
    limit: u64,
    refused: bool,
    /// What is still to come of the end mark, once the input has ended.
    end: Option<&'static [u8]>,
    /// What was given last.
    chunk: Vec<u8>,
}

impl<R> Source<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, given: 0, limit: u64::MAX, refused: false, end: None, chunk: Vec::new() }
    }

    /// Gives nothing more once it has given more than `limit` bytes.
    pub(crate) fn give_up_to(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Whether it gave nothing because of the limit.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Whether the first `taken` bytes are all that there will ever be, the end mark included.
    pub(crate) fn has_given_all(&self, taken: u64) -> bool {
        self.end.is_some_and(<[u8]>::is_empty) && taken == self.given
    }

    /// The byte before the one at `position`, if it was among those given last.
    pub(crate) fn byte_before(&self, position: u64) -> Option<u8> {
        let from_end = usize::try_from(self.given.checked_sub(position)?).ok()?;
        let index = self.chunk.len().checked_sub(from_end + 1)?;
        self.chunk.get(index).copied()
    }
}

impl<R: Read> Source<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let least = if self.given == 0 { LEAST_AT_FIRST.min(buffer.len()) } else { 1 };
        let mut length = 0;
        while self.end.is_none() && length < least {
            match self.input.read(&mut buffer[length..]) {
                Ok(0) => self.end = Some(END_MARK),
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if length == 0
            && let Some(rest) = &mut self.end
        {
            length = rest.read(buffer)?;
        }
        Ok(length)
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given > self.limit {
            self.refused = true;
            return Err(io::Error::other("more bytes than the limit"));
        }
        let length = self.fill(buffer)?;
        if length > 0 {
            self.given += length as u64;
            self.chunk.clear();
            self.chunk.extend_from_slice(&buffer[..length]);
        }
        Ok(length)
    }
}
