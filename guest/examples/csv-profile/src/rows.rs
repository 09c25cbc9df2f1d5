//! The rows of a CSV file, one at a time, each checked. Knows no statistics.
//!
//! The CSV reader underneath ends a quoted field at the end of the input, and would hold a row of any length. Both are
//! refused here: in a large file they mean that a quote has swallowed the rest of it.

use std::io::{self, Read};
use std::mem;

use csv::{ReaderBuilder, StringRecord};

use crate::source::{END_FIELD, Source};

/// The longest row, in bytes.
pub(crate) const MAX_ROW_BYTES: u64 = 1 << 20;

/// The most columns.
pub(crate) const MAX_COLUMNS: usize = 1_000;

/// What is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The rows that follow the row of column names.
pub(crate) struct Rows<R> {
    reader: csv::Reader<Source<R>>,
    record: StringRecord,
    names: Vec<String>,
}

impl<R: Read> Rows<R> {
    /// Reads the row of column names. A byte order mark before it is skipped.
    pub(crate) fn new(input: R) -> Result<Self, InputError> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(Source::new(input));
        let mut rows = Self { reader, record: StringRecord::new(), names: Vec::new() };
        if !rows.read()? {
            return Err(InputError::Empty);
        }
        if rows.record.len() > MAX_COLUMNS {
            return Err(InputError::TooManyColumns { line: rows.line(), columns: rows.record.len() });
        }
        rows.names = rows.record.iter().map(|name| name.trim().to_owned()).collect();
        Ok(rows)
    }

    /// The names of the columns, in order, without white space around them.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The line on which the last row that was read starts, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line_of(self.record.as_slice().as_bytes())
    }

    /// How many bytes of the input have been read as rows.
    pub(crate) fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row, which has a field for each column. Empty lines are no rows.
    pub(crate) fn next_row(&mut self) -> Result<Option<&StringRecord>, InputError> {
        if !self.read()? {
            return Ok(None);
        }
        let (fields, columns) = (self.record.len(), self.names.len());
        if fields != columns {
            return Err(InputError::Fields { line: self.line(), fields, columns });
        }
        Ok(Some(&self.record))
    }

    fn read(&mut self) -> Result<bool, InputError> {
        let previous_end = self.last_line();
        let row_limit = self.bytes() + MAX_ROW_BYTES;
        self.reader.get_mut().give_up_to(row_limit);
        let mut bytes = mem::take(&mut self.record).into_byte_record();
        let found = self.reader.read_byte_record(&mut bytes).map_err(|error| {
            let is_too_long = self.reader.get_ref().refused();
            if is_too_long { InputError::RowTooLong { line: previous_end + 1 } } else { InputError::Io(error.into()) }
        })?;
        if self.reader.get_ref().has_given_all(self.bytes()) {
            // The row has the end mark in it: as its only field, or in a quoted one that has swallowed it.
            let is_end = !found || bytes.iter().eq([END_FIELD]);
            let open_quote = || InputError::OpenQuote { line: self.line_of(bytes.as_slice()) };
            return is_end.then_some(false).ok_or_else(open_quote);
        }
        self.record = StringRecord::from_byte_record(bytes).map_err(|error| InputError::NotUtf8 {
            field: error.utf8_error().field() + 1,
            line: self.line_of(error.into_byte_record().as_slice()),
        })?;
        Ok(found)
    }

    /// The line on which the last row ends. The reader has not yet counted the line feed of a `\r\n` there.
    fn last_line(&self) -> u64 {
        let position = self.reader.position();
        position.line() - u64::from(self.reader.get_ref().byte_before(position.byte()) == Some(b'\n'))
    }

    /// The line on which the last row, whose fields hold `text`, starts. The reader's own position of a row lies before
    /// the line feed and the empty lines that may precede it.
    fn line_of(&self, text: &[u8]) -> u64 {
        self.last_line() - text.iter().filter(|byte| **byte == b'\n').count() as u64
    }
}

/// Why the input cannot be profiled. Fields are counted from 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("the input is empty; it starts with a row of column names")]
    Empty,
    #[error("line {line}: {columns} columns, which is more than {MAX_COLUMNS}")]
    TooManyColumns { line: u64, columns: usize },
    #[error("line {line}: the row has {fields} fields, but there are {columns} columns")]
    Fields { line: u64, fields: usize, columns: usize },
    #[error("line {line}: the row is longer than {MAX_ROW_BYTES} bytes; perhaps a quote is not closed")]
    RowTooLong { line: u64 },
    #[error("line {line}: a quote is opened in this row and never closed")]
    OpenQuote { line: u64 },
    #[error("line {line}: field {field} is not UTF-8 text")]
    NotUtf8 { line: u64, field: usize },
    #[error("cannot read the input: {0}")]
    Io(io::Error),
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
