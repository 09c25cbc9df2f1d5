//! What is shown: results on standard output, everything else on standard error.

mod inspected;
mod json;
mod live;
mod out;
mod queue;
mod screen;
mod table;
mod text;
mod traces;

pub(crate) use inspected::Inspected;
pub(crate) use json::{ChangedTask, Deleted, check_report, counts};
pub(crate) use live::Live;
pub(crate) use out::Out;
pub(crate) use queue::Queue;
pub(crate) use screen::Screen;
pub(crate) use table::{Table, summary};
pub(crate) use text::{entry, finding, message, name, progress};
