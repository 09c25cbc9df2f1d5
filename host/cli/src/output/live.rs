//! What is shown of a run while it goes on: a live view on a terminal, plain lines elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use task_state_host::record::{Progress, Status, TaskId};
use task_state_host::store::News;

use super::{Screen, text};

/// How many of the last log lines the live view shows.
const LINES: usize = 5;

/// How often the live view shows the time anew.
const TICK: Duration = Duration::from_millis(100);

/// What is shown of one run.
pub(crate) struct Live {
    screen: Screen,
    task_id: String,
    started: Instant,
    /// The status that ends the task, until the entries before it are shown.
    end: Option<Status>,
    view: Option<View>,
}

impl Live {
    /// The view of a run that has just started.
    pub(crate) fn new(screen: &Screen, task_id: &TaskId) -> Self {
        let task_id = text::name(task_id.as_str());
        let view = screen.is_terminal().then(|| View::new(screen, &task_id));
        if view.is_none() {
            screen.line(&format!("task {task_id}"));
        }
        Self { screen: screen.clone(), task_id, started: Instant::now(), end: None, view }
    }

    /// Shows another status. One that ends the task comes after the entries before it.
    pub(crate) fn status(&mut self, status: Status) {
        self.show_end();
        if status.is_terminal() {
            self.end = Some(status);
        } else {
            self.show_status(status);
        }
    }

    /// Shows new log entries.
    pub(crate) fn entries(&mut self, news: &News) {
        for entry in &news.entries {
            let line = text::entry(entry);
            match &mut self.view {
                Some(view) => view.push(&line),
                None => self.screen.line(&line),
            }
        }
        if news.status.is_terminal() {
            self.show_end();
        }
    }

    /// Shows how far the task has come.
    pub(crate) fn progress(&mut self, progress: &Progress) {
        match &mut self.view {
            Some(view) => view.progress(progress),
            None => self.screen.line(&text::progress(progress)),
        }
    }

    /// Says something that is neither a status nor a log entry.
    pub(crate) fn say(&self, line: &str) {
        self.screen.line(line);
    }

    /// Clears the view. On a terminal one line is left of it.
    pub(crate) fn finish(mut self, status: Status) {
        self.show_end();
        self.screen.end_guest();
        if let Some(view) = self.view {
            view.clear();
            let elapsed = indicatif::HumanDuration(self.started.elapsed());
            self.screen.line(&format!(
                "{} {} after {elapsed}",
                style(&self.task_id).for_stderr().bold(),
                text::status(status).for_stderr()
            ));
        }
    }

    fn show_end(&mut self) {
        if let Some(status) = self.end.take() {
            self.show_status(status);
        }
    }

    fn show_status(&self, status: Status) {
        match &self.view {
            Some(view) => view.status(&self.task_id, status),
            None => self.screen.line(&format!("status {status}")),
        }
    }
}

/// The live view: the task with its status and time, and the last log lines below.
struct View {
    head: ProgressBar,
    /// How far the task has come; not shown until anything is known of it.
    bar: ProgressBar,
    lines: Vec<ProgressBar>,
    recent: VecDeque<String>,
}

impl View {
    fn new(screen: &Screen, task_id: &str) -> Self {
        let bars = screen.bars();
        let head = bars.add(ProgressBar::new_spinner().with_style(template("{spinner} {msg} {elapsed_precise}")));
        let bar = bars.add(ProgressBar::no_length());
        let blank = template("  {wide_msg:.dim}");
        let lines = (0..LINES).map(|_| bars.add(ProgressBar::new_spinner().with_style(blank.clone()))).collect();
        head.set_message(format!("{} starting", style(task_id).for_stderr().bold()));
        head.enable_steady_tick(TICK);
        Self { head, bar, lines, recent: VecDeque::with_capacity(LINES) }
    }

    fn status(&self, task_id: &str, status: Status) {
        self.head.set_message(format!("{} {}", style(task_id).for_stderr().bold(), text::status(status).for_stderr()));
    }

    fn progress(&self, progress: &Progress) {
        let shape = if progress.total().is_some() {
            "  {bar:30} {human_pos} of {human_len} {wide_msg:.dim}"
        } else {
            "  {human_pos} {wide_msg:.dim}"
        };
        self.bar.set_style(template(shape));
        self.bar.set_length(progress.total().unwrap_or_default());
        self.bar.set_message(text::name(progress.note().unwrap_or_default()));
        self.bar.set_position(progress.done());
        self.bar.tick();
    }

    fn push(&mut self, entry: &str) {
        for line in entry.lines() {
            if self.recent.len() == LINES {
                self.recent.pop_front();
            }
            self.recent.push_back(line.to_owned());
        }
        for (bar, line) in self.lines.iter().zip(&self.recent) {
            bar.set_message(line.clone());
            bar.tick();
        }
    }

    fn clear(self) {
        for bar in self.lines.iter().rev() {
            bar.finish_and_clear();
        }
        self.bar.finish_and_clear();
        self.head.finish_and_clear();
    }
}

/// A style whose template is one of this file's.
fn template(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
