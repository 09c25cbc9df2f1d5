//! Standard output.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use anyhow::Context as _;
use serde::Serialize;
use task_state_host::record::{Progress, TaskRecord};

use super::text;
use crate::args::Format;

/// Standard output. A reader that has gone away has had enough: what is written after that goes nowhere, and
/// [`is_closed`](Self::is_closed) tells a command that it may stop.
pub(crate) struct Out {
    format: Format,
    stdout: BufWriter<Stdout>,
    closed: bool,
}

impl Out {
    /// Standard output in a format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, stdout: BufWriter::new(io::stdout()), closed: false }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes a text as it is.
    pub(crate) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.stdout.write_all(text.as_bytes());
        self.unless_closed(written)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let flushed = self.stdout.flush();
        self.unless_closed(flushed)
    }

    /// Writes the one result of a command: a line of text for people, or a document for machines.
    pub(crate) fn result(&mut self, text: &str, json: &impl Serialize) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.write(&format!("{text}\n")),
            Format::Json => self.write(&format!("{}\n", serde_json::to_string(json)?)),
        }?;
        self.flush()
    }

    /// Writes a record: readable for people, with how far its task has come; on the wire for machines.
    pub(crate) fn record(&mut self, record: &TaskRecord, progress: Option<&Progress>) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.write(&text::record(record, progress)),
            Format::Json => self.write(&format!("{}\n", record.encode())),
        }?;
        self.flush()
    }

    fn unless_closed(&mut self, result: io::Result<()>) -> anyhow::Result<()> {
        match result {
            _ if self.closed => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.context("cannot write to standard output"),
        }
    }
}
