//! Standard error: every line that the command says, and what a guest prints, around the live view if there is one.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use indicatif::MultiProgress;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use super::text;
use super::traces::Traces;
use crate::telemetry::Telemetry;

/// The longest unfinished line of a guest that is held back from a terminal, in bytes.
const MAX_HELD: usize = 4096;

/// Standard error. Cheap to clone; all clones are the same. What cannot be written there is lost silently: there is
/// nowhere left to say so.
#[derive(Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    is_terminal: bool,
    is_structured: bool,
    line: Arc<Mutex<Line>>,
    traces: Arc<Traces>,
}

/// The line that a guest has begun.
#[derive(Default)]
struct Line {
    /// What is held back until the line is whole. On a terminal, where the live view would run over half a line.
    held: Vec<u8>,
    /// Whether what was written last has not ended its line.
    open: bool,
}

impl Screen {
    /// The standard error of this process.
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            is_terminal: io::stderr().is_terminal(),
            is_structured: false,
            line: Arc::default(),
            traces: Arc::default(),
        }
    }

    /// The same, for a program that reads it: each line is a JSON object.
    pub(crate) fn structured(self) -> Self {
        Self { is_structured: true, ..self }
    }

    /// Whether people watch it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The live view, which every line goes above.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes a line.
    pub(crate) fn line(&self, line: &str) {
        let mut state = self.state();
        self.end_line(&mut state);
        let line = if self.is_structured { structured(line) } else { line.to_owned() };
        self.put(format!("{line}\n").as_bytes());
    }

    /// Writes what a guest prints: as it is into a file or a pipe, without control characters on a terminal.
    pub(crate) fn guest(&self, bytes: &[u8]) {
        let mut state = self.state();
        if !self.is_terminal {
            self.put(bytes);
            state.open = bytes.last().map_or(state.open, |last| *last != b'\n');
            return;
        }
        state.held.extend_from_slice(bytes);
        let whole = match state.held.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if state.held.len() > MAX_HELD => state.held.len(),
            None => return,
        };
        let ready: Vec<u8> = state.held.drain(..whole).collect();
        self.put_lines(&ready);
    }

    /// Ends the line that a guest has begun, if there is one.
    pub(crate) fn end_guest(&self) {
        let mut state = self.state();
        self.end_line(&mut state);
    }

    /// Sends what the libraries trace here as well, what `RUST_LOG` says, or this; and to a collector, if there is one.
    /// Whoever traces never waits for a reader.
    pub(crate) fn receive_traces(&self, default: &str, telemetry: Option<&Telemetry>) -> io::Result<()> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let (traces, screen) = (self.traces.clone(), self.clone());
        thread::Builder::new().name("traces".to_owned()).spawn(move || {
            loop {
                screen.traces.wait();
                drop(screen.state());
            }
        })?;
        let lines = fmt::layer().with_writer(traces).log_internal_errors(false);
        let lines = if self.is_structured {
            lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
        } else {
            let has_colors = self.is_terminal && console::colors_enabled_stderr();
            lines.with_target(false).with_ansi(has_colors).with_filter(filter).boxed()
        };
        tracing_subscriber::registry().with(lines).with(telemetry.map(Telemetry::layer)).init();
        Ok(())
    }

    fn end_line(&self, state: &mut Line) {
        let held = std::mem::take(&mut state.held);
        if !held.is_empty() {
            self.put_lines(&held);
        }
        if std::mem::take(&mut state.open) {
            self.put(b"\n");
        }
    }

    fn put_lines(&self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.put(format!("{}\n", text::message(line)).as_bytes());
        }
    }

    fn put(&self, bytes: &[u8]) {
        let mut stderr = io::stderr();
        self.bars.suspend(|| {
            let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
        });
    }

    /// The state of the line, for one who writes next: what was traced before stands before it.
    fn state(&self) -> MutexGuard<'_, Line> {
        let mut state = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for trace in self.traces.take() {
            self.end_line(&mut state);
            self.put(format!("{trace}\n").as_bytes());
        }
        state
    }
}

/// A line that the command says, in the form of what is traced.
fn structured(line: &str) -> String {
    let (level, message) = match line.split_once(": ") {
        Some(("error", message)) => ("ERROR", message),
        Some(("warning", message)) => ("WARN", message),
        _ => ("INFO", line),
    };
    let timestamp = format!("{:.6}", jiff::Timestamp::now());
    serde_json::json!({"timestamp": timestamp, "level": level, "message": message, "target": "task_state"}).to_string()
}
