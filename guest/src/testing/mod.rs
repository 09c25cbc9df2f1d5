//! Runs a plugin in a plain `cargo test`, on a store in memory that keeps the host's rules.
//!
//! It needs the crate's feature `testing`, which belongs into a plugin's `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! task-state-guest = { path = "sdk", features = ["testing"] }
//! ```
//!
//! A [`Task`] says what the plugin is given; running it gives a [`Run`], which says what the plugin has left:
//!
//! ```
//! use std::io::BufRead;
//!
//! use task_state_guest::testing::Task;
//! use task_state_guest::{Error, Failure, Plugin, TaskRecord, TaskStatus, current_task, input};
//!
//! struct LineCount;
//!
//! impl Plugin for LineCount {
//!     fn run(_: TaskRecord) -> Result<(), Failure> {
//!         let lines = input().lines().count();
//!         current_task::log(format!("{lines} lines"))?;
//!         Ok(())
//!     }
//! }
//!
//! let run = Task::new("analytics", "alice").input("a\nb\n").run::<LineCount>();
//! assert_eq!(run.status(), TaskStatus::Completed);
//! assert_eq!(run.messages(), ["2 lines"]);
//!
//! let away = Error::Unavailable("away".to_owned());
//! let run = Task::new("analytics", "alice").fail("current-task.log", 1, away).run::<LineCount>();
//! assert_eq!(run.status(), TaskStatus::Failed);
//! assert_eq!(run.messages(), ["the store is unavailable: away"]);
//! ```
//!
//! Statuses, preconditions, grants, quotas, the order of listings and the outcome of a run are those of the host: both
//! pass one table of cases. What differs:
//!
//! - Input and output pass through [`input`](crate::input) and [`output`](crate::output). What reads [`std::io::stdin`]
//!   reads that of the test; what `println!` prints is not caught.
//! - What is logged is in the store at once, and progress is told at once.
//! - There are no limits of time and memory. A plugin that goes on after it was asked to stop is not interrupted; one whose
//!   task is gone is answered [`Error::NotFound`] and not stopped; a panic goes on into the test.
//! - A task belongs to the thread that runs it, so tests may run in parallel. Threads that the plugin starts have no
//!   host: in a component there are none.
//! - Times are written in the zone `+09:00`, and are those of the system's clock.

mod grants;
mod json;
mod names;
mod order;
mod output;
mod quotas;
mod rights;
mod run;
mod session;
mod store;
mod task;
mod time;

use std::cell::RefCell;
use std::rc::Rc;

#[cfg(doc)]
use crate::Error;
pub use grants::{Grants, Operation};
pub use run::{Progress, Run};
pub use task::Task;

use session::Session;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

/// What a run on this thread reaches.
#[derive(Debug)]
struct Stage {
    session: RefCell<Session>,
    streams: crate::streams::Streams,
}

/// Puts a stage up for the time that it lives.
struct Curtain(Option<Rc<Stage>>);

impl Curtain {
    fn open(stage: Rc<Stage>) -> Self {
        Self(CURRENT.replace(Some(stage)))
    }
}

impl Drop for Curtain {
    fn drop(&mut self) {
        // A panic may come this way, and the next test on the thread is to find what it would have found.
        CURRENT.set(self.0.take());
    }
}

/// Makes a call to the run on this thread, if there is one.
pub(crate) fn on_this_thread<T>(call: impl FnOnce(&mut Session) -> T) -> Option<T> {
    let stage = CURRENT.with_borrow(Clone::clone)?;
    Some(call(&mut stage.session.borrow_mut()))
}

/// The input and the output of the run on this thread, if there is one.
pub(crate) fn streams() -> Option<crate::streams::Streams> {
    CURRENT.with_borrow(|stage| stage.as_ref().map(|stage| stage.streams.clone()))
}
