//! What the library traces, until it is shown. A reader of standard error that does not read holds up nobody who traces.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The most lines that wait to be shown. Later ones are counted.
const MAX_WAITING: usize = 1_000;

/// Lines that were traced and are not shown yet.
#[derive(Default)]
pub(super) struct Traces {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<String>,
    lost: usize,
}

impl Traces {
    /// The lines that have come since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        let Waiting { lines, lost } = std::mem::take(&mut *self.lock());
        let rest = (lost > 0).then(|| format!("{lost} more lines of this log came faster than they were read"));
        lines.into_iter().chain(rest).collect()
    }

    /// Waits until there are any.
    pub(super) fn wait(&self) {
        let none = |waiting: &mut Waiting| waiting.lines.is_empty();
        drop(self.arrived.wait_while(self.lock(), none).unwrap_or_else(PoisonError::into_inner));
    }

    fn push(&self, line: String) {
        let mut waiting = self.lock();
        if waiting.lines.len() < MAX_WAITING {
            waiting.lines.push_back(line);
        } else {
            waiting.lost += 1;
        }
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each write is one event.
impl Write for &Traces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(String::from_utf8_lossy(bytes).trim_end().to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_their_order_and_those_that_are_too_many_are_counted() {
        let traces = Traces::default();
        for number in 0..MAX_WAITING + 5 {
            (&traces).write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        traces.wait();
        let lines = traces.take();
        assert_eq!((lines[0].as_str(), lines.len()), ("0", MAX_WAITING + 1));
        assert_eq!(lines[MAX_WAITING], "5 more lines of this log came faster than they were read");
        assert!(traces.take().is_empty());
    }
}
