//! Results for people. What others have written is shown without its control characters and without those that turn the
//! direction of writing: a log line must not drive the reader's terminal, nor read other than it is.

use std::fmt::Write as _;

use console::{StyledObject, style};
use task_state_host::record::{Progress, Status, TaskRecord};
use task_state_host::store::Finding;

/// A short text on one line.
pub(crate) fn name(text: &str) -> String {
    text.chars().flat_map(|c| escaped(c, drives(c))).collect()
}

/// A long text; its line breaks and tabs stay.
pub(crate) fn message(text: &str) -> String {
    text.chars().flat_map(|c| escaped(c, drives(c) && c != '\n' && c != '\t')).collect()
}

/// Whether a character acts on the terminal or on how the others are laid out: controls, breaks of lines and paragraphs,
/// and the marks, embeddings, overrides and isolates of the Unicode bidirectional algorithm (UAX #9).
fn drives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A character, or its escape: `\u{1b}`.
fn escaped(c: char, escape: bool) -> impl Iterator<Item = char> {
    let escape = escape.then(|| c.escape_default());
    let plain = escape.is_none().then_some(c);
    escape.into_iter().flatten().chain(plain)
}

/// A log entry: its time, then its message, whose further lines are indented.
pub(crate) fn entry(entry: &str) -> String {
    let (time, text) = entry.split_once(',').unwrap_or(("", entry));
    format!("{}  {}", name(time), indented(text, "    "))
}

fn indented(text: &str, by: &str) -> String {
    message(text).trim_end().replace('\n', &format!("\n{by}"))
}

/// A status in its colour, where colours are shown.
pub(super) fn status(status: Status) -> StyledObject<&'static str> {
    let text = style(status.as_str());
    match status {
        Status::Completed => text.green(),
        Status::Failed => text.red(),
        Status::Cancelled | Status::CancelRequested => text.yellow(),
        Status::Running => text.cyan(),
        Status::Pending | Status::Dispatching => text,
    }
}

/// What a check found at one place.
pub(crate) fn finding(finding: &Finding) -> String {
    let state = if finding.repaired { "repaired" } else { "left" };
    format!("{:<18}  {state:<8}  {}", finding.kind, name(&finding.place))
}

/// How far a task has come.
pub(crate) fn progress(progress: &Progress) -> String {
    format!("progress {}", name(&progress.to_string()))
}

/// A record with everything in it, and how far its task has come.
pub(crate) fn record(record: &TaskRecord, progress: Option<&Progress>) -> String {
    let mut text = String::new();
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<11}  {value}");
    };
    row("task", &name(record.task_id()));
    row("service", &name(record.service()));
    row("user", &name(record.user_id()));
    row("status", &status(record.status()).to_string());
    if let Some(progress) = progress {
        row("progress", &name(&progress.to_string()));
    }
    row("priority", record.priority().as_str());
    row("created", &name(record.created_at().as_str()));
    row("updated", &name(record.updated_at().as_str()));
    row("parameters", &name(record.parameters()));
    let jobs = record.active_jobs();
    if !jobs.is_empty() {
        row("active jobs", &name(&jobs.join(", ")));
    }
    let logs = record.logs();
    row("log", &format!("{} {}", logs.len(), if logs.len() == 1 { "entry" } else { "entries" }));
    for one in &logs {
        let _ = writeln!(text, "  {}", entry(one));
    }
    let result = record.result();
    for (label, value) in [("pod status", result.pod_status), ("launcher output", result.launcher_output)] {
        if let Some(value) = value {
            let _ = writeln!(text, "{label}\n  {}", indented(&value, "  "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_drive_the_terminal() {
        assert_eq!(name("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(message("a\u{7}\n\tb\u{9b}"), "a\\u{7}\n\tb\\u{9b}");
        assert_eq!(message("a\u{202e}b\u{2067}c\u{2028}d"), "a\\u{202e}b\\u{2067}c\\u{2028}d");
        assert_eq!(name("앨리스 👩\u{200d}🔬 علي"), "앨리스 👩\u{200d}🔬 علي");
    }

    #[test]
    fn an_entry_of_several_lines_looks_like_one_entry() {
        assert_eq!(
            entry("2025-11-17T10:00:16+09:00,one, two\nthree\n"),
            "2025-11-17T10:00:16+09:00  one, two\n    three"
        );
        assert_eq!(entry("no comma"), "  no comma");
    }
}
