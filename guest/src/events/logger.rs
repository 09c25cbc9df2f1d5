//! Events of the crate `log`.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::OnceLock;

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

use super::{Style, append, once_at_a_time};
use crate::current_task;

/// Makes what a plugin logs through the crate [`log`] entries of its task, or output. It needs the crate's feature `log`.
///
/// ```
/// use log::LevelFilter;
/// use task_state_guest::{Failure, Plugin, TaskLogger, TaskRecord};
///
/// struct Import;
///
/// impl Plugin for Import {
///     fn run(_: TaskRecord) -> Result<(), Failure> {
///         TaskLogger::entries().level_for("csv", LevelFilter::Warn).install()?;
///         log::info!(rows = 42; "imported");
///         Ok(())
///     }
/// }
/// # let run = task_state_guest::testing::Task::new("analytics", "alice").run::<Import>();
/// # assert_eq!(run.messages(), ["INFO imported rows=42"]);
/// ```
///
/// An event that cannot be an entry (the host answers an error) is written to the output, with the reason. What an event
/// logs itself while it is spelled is left out. Events are calls to the host: a plugin that makes more than 100,000 in a
/// second waits.
#[derive(Debug, Clone)]
#[must_use = "a logger does nothing until it is installed"]
pub struct TaskLogger {
    style: Style,
    level: LevelFilter,
    /// Levels of targets and what is beneath them.
    targets: Vec<(String, LevelFilter)>,
}

impl TaskLogger {
    /// Events from the level `info` on become log entries of the task: `INFO imported rows=42`.
    pub fn entries() -> Self {
        Self { style: Style::ENTRIES, level: LevelFilter::Info, targets: Vec::new() }
    }

    /// Events from the level `info` on become output, one line each: `INFO import::csv: imported rows=42`.
    pub fn output() -> Self {
        Self { style: Style::OUTPUT, ..Self::entries() }
    }

    /// The same logger for events from another level on, of the targets that have no level of their own.
    pub fn level(self, level: LevelFilter) -> Self {
        Self { level, ..self }
    }

    /// The same logger for events from another level on, of a target and those beneath it: `csv` covers `csv::reader`. Of
    /// several that cover a target the longest counts, and of two equal ones the later.
    pub fn level_for(mut self, target: impl Into<String>, level: LevelFilter) -> Self {
        self.targets.push((target.into(), level));
        self
    }

    /// The same logger, where an event begins with its level or does not.
    pub fn show_level(mut self, show: bool) -> Self {
        self.style.shows_level = show;
        self
    }

    /// The same logger, where an event tells its target or does not.
    pub fn show_target(mut self, show: bool) -> Self {
        self.style.shows_target = show;
        self
    }

    /// Makes it the logger of this thread, in the place of the one before: in a component of the whole plugin, in a test
    /// on `testing` of the task that runs on the thread.
    ///
    /// # Errors
    /// [`InstallError`] if the process has a logger of another kind.
    pub fn install(self) -> Result<(), InstallError> {
        static IS_OURS: OnceLock<bool> = OnceLock::new();
        if !IS_OURS.get_or_init(|| log::set_logger(&Installed).is_ok()) {
            return Err(InstallError);
        }
        let levels = self.targets.iter().map(|(_, level)| *level);
        // Another thread may want more.
        let most = levels.fold(self.level.max(log::max_level()), Ord::max);
        log::set_max_level(most);
        LOGGER.set(Some(Rc::new(self)));
        Ok(())
    }

    fn level_of(&self, target: &str) -> LevelFilter {
        let covers = |name: &str| {
            target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || name.is_empty())
        };
        let covering = self.targets.iter().filter(|(name, _)| covers(name));
        covering.max_by_key(|(name, _)| name.len()).map_or(self.level, |(_, level)| *level)
    }
}

impl Log for TaskLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level_of(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        once_at_a_time(|| {
            let mut line = self.style.begin(record.level(), "", record.target());
            append(&mut line, *record.args());
            // The visitor has no errors of its own.
            let _ = record.key_values().visit(&mut Fields(&mut line));
            self.style.send(&line);
        });
    }

    /// Waits until the entries so far are in the store.
    fn flush(&self) {
        let _ = current_task::flush();
    }
}

/// Adds ` name=value` to a line for each field.
struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, name: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match value.to_borrowed_str() {
            Some(text) => append(self.0, format_args!(" {name}={text:?}")),
            None => append(self.0, format_args!(" {name}={value}")),
        }
        Ok(())
    }
}

thread_local! {
    static LOGGER: RefCell<Option<Rc<TaskLogger>>> = const { RefCell::new(None) };
}

/// The logger of the process, which leaves events to that of the thread.
struct Installed;

/// The logger of the thread, which may have none, or be at its end.
fn of_this_thread<T>(act: impl FnOnce(&TaskLogger) -> T) -> Option<T> {
    let logger = LOGGER.try_with(|logger| logger.try_borrow().ok()?.clone()).ok()?;
    logger.map(|logger| act(&logger))
}

impl Log for Installed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        of_this_thread(|logger| logger.enabled(metadata)).unwrap_or(false)
    }

    fn log(&self, record: &Record<'_>) {
        of_this_thread(|logger| logger.log(record));
    }

    fn flush(&self) {
        of_this_thread(TaskLogger::flush);
    }
}

/// The process has a logger of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstallError;

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another logger than that of the task is installed")
    }
}

impl std::error::Error for InstallError {}
