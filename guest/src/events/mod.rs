//! From the events of a program to its task: where they go and how they are spelled. The crates `log` and `tracing` are
//! known to the modules below alone.

#[cfg(feature = "tracing")]
mod layer;
#[cfg(feature = "log")]
mod logger;

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::Write as _;

#[cfg(feature = "tracing")]
pub use layer::TaskLayer;
#[cfg(feature = "log")]
pub use logger::{InstallError, TaskLogger};

use crate::{current_task, output};

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// The log of the task.
    Entries,
    /// The output of the task.
    Output,
}

/// Where events go, and what is said of each beside its text.
#[derive(Debug, Clone)]
struct Style {
    destination: Destination,
    shows_level: bool,
    shows_target: bool,
}

impl Style {
    /// An entry is for whoever watches the task, who does not know the modules of the program.
    const ENTRIES: Self = Self { destination: Destination::Entries, shows_level: true, shows_target: false };

    const OUTPUT: Self = Self { destination: Destination::Output, shows_level: true, shows_target: true };

    /// The beginning of a line, before the text of an event.
    fn begin(&self, level: impl fmt::Display, context: &str, target: &str) -> String {
        let mut line = String::new();
        if self.shows_level {
            append(&mut line, format_args!("{level} "));
        }
        line.push_str(context);
        if self.shows_target {
            append(&mut line, format_args!("{target}: "));
        }
        line
    }

    /// Sends a line where it belongs. One that cannot be an entry is output, with the reason before it.
    fn send(&self, line: &str) {
        let refused = match self.destination {
            Destination::Entries => match current_task::log(line) {
                Ok(_) => return,
                Err(error) => format!("[not logged: {error}] "),
            },
            Destination::Output => String::new(),
        };
        // There is nobody left to tell.
        let _ = output().write_all(format!("{refused}{line}\n").as_bytes());
    }
}

/// Writes into a text. A value that cannot be spelled is left as far as it came: an event is no reason to panic.
fn append(line: &mut String, text: fmt::Arguments<'_>) {
    let _ = line.write_fmt(text);
}

thread_local! {
    static IS_BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Spells and sends an event, unless another one of this thread is at that: a value that makes events while it is spelled
/// would go on for ever.
fn once_at_a_time(tell: impl FnOnce()) {
    struct Busy;

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = IS_BUSY.try_with(|busy| busy.set(false));
        }
    }

    // At the end of a thread there may be no cell any more.
    if IS_BUSY.try_with(|busy| busy.replace(true)) == Ok(false) {
        let _busy = Busy;
        tell();
    }
}
