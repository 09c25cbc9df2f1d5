//! The table of tasks that `list` shows to people.

use std::fmt::Write as _;

use console::{Alignment, Term, measure_text_width, pad_str, style, truncate_str};
use task_state_host::record::TaskRecord;
use task_state_host::store::Counts;

use super::text::{name, status};

const HEADING: [&str; 5] = ["ID", "SERVICE", "USER", "STATUS", "UPDATED"];

/// How much of a last log entry is shown where no terminal says how wide it is, in columns.
const EXCERPT: usize = 60;

/// The widest column. A cell that is wider pushes its own row to the right, and no other.
const WIDEST: usize = 40;

/// A table of tasks, made page by page, so that a long listing need not be held in memory.
pub(crate) struct Table {
    /// The widths of the columns, once the first page has decided on them.
    widths: Option<[usize; 5]>,
    /// How wide the terminal is, if standard output is one.
    terminal: Option<usize>,
}

impl Table {
    /// A table on standard output.
    pub(crate) fn new() -> Self {
        Self { widths: None, terminal: Term::stdout().size_checked().map(|(_, columns)| columns.into()) }
    }

    /// The rows of one page, on the first page with the heading above them.
    pub(crate) fn page(&mut self, tasks: &[TaskRecord]) -> String {
        let rows: Vec<[String; 5]> = tasks.iter().map(cells).collect();
        let mut text = String::new();
        if self.widths.is_none() && !rows.is_empty() {
            let widths = self.widths.insert(widths(&rows));
            let heading = format!("{}LAST LOG ENTRY", line(&HEADING.map(str::to_owned), widths));
            let _ = writeln!(text, "{}", style(heading).bold());
        }
        let widths = self.widths.unwrap_or_default();
        for (row, task) in rows.iter().zip(tasks) {
            let start = line(row, &widths);
            let excerpt = self.excerpt(task, measure_text_width(&start));
            let _ = writeln!(text, "{}", format!("{start}{excerpt}").trim_end());
        }
        text
    }

    /// What fits of a task's last log message after a row that is `used` columns wide already.
    fn excerpt(&self, task: &TaskRecord, used: usize) -> String {
        let Some(entry) = task.logs().pop() else { return String::new() };
        let message = entry.split_once(',').map_or(entry.as_str(), |(_, message)| message);
        let width = self.terminal.map_or(EXCERPT, |columns| columns.saturating_sub(used));
        truncate_str(&name(message), width, "…").into_owned()
    }
}

fn cells(task: &TaskRecord) -> [String; 5] {
    let [id, service, user, updated] =
        [task.task_id(), task.service(), task.user_id(), task.updated_at().as_str()].map(name);
    [id, service, user, status(task.status()).to_string(), updated]
}

fn widths(rows: &[[String; 5]]) -> [usize; 5] {
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| measure_text_width(&row[column]).min(WIDEST));
        cells.chain([HEADING[column].len()]).max().unwrap_or_default()
    })
}

fn line(cells: &[String; 5], widths: &[usize; 5]) -> String {
    cells.iter().zip(widths).fold(String::new(), |mut line, (cell, &width)| {
        line.push_str(&pad_str(cell, width, Alignment::Left, None));
        line.push_str("  ");
        line
    })
}

/// How many tasks there are in all and in each status, and how many of them are shown, if not all are.
pub(crate) fn summary(shown: u64, counts: &Counts) -> String {
    let total: u64 = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let total = match total {
        0 => return "no tasks".to_owned(),
        1 if shown == 1 => "1 task".to_owned(),
        _ if shown == total => format!("{total} tasks"),
        _ => format!("{shown} shown of {total}"),
    };
    format!("{total}: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use task_state_host::record::{Status, TimeZone};

    use super::*;

    fn task(id: &str, message: &str) -> TaskRecord {
        let text = serde_json::json!({
            "task_id": id, "service": "s", "user_id": "u", "status": "running",
            "created_at": "2025-11-17T10:00:16.515926+09:00", "updated_at": "2025-11-17T10:00:16.515926+09:00",
            "logs": [format!("2025-11-17T10:00:16.515926+09:00,{message}")],
        });
        TaskRecord::decode(text.to_string().as_bytes(), &TimeZone::utc()).unwrap()
    }

    #[test]
    fn the_heading_comes_once_and_columns_are_aligned() {
        let mut table = Table { widths: None, terminal: None };
        let first = table.page(&[task("1", "a\nb"), task("external-1", "c")]);
        let lines: Vec<&str> = first.lines().collect();
        assert!(lines[0].starts_with("ID          SERVICE  USER  STATUS   UPDATED"), "{first}");
        assert!(lines[1].starts_with("1           s        u     running  2025-11-17T"), "{first}");
        assert!(lines[1].ends_with("+09:00  a\\nb"), "{first}");
        assert_eq!(table.page(&[task("2", &"x".repeat(99))]).lines().count(), 1);
    }

    #[test]
    fn a_row_is_no_wider_than_the_terminal() {
        let mut table = Table { widths: None, terminal: Some(80) };
        let page = table.page(&[task("앨리스", &"앨".repeat(99))]);
        assert!(page.lines().all(|line| measure_text_width(line) <= 80), "{page}");
        assert!(page.trim_end().ends_with('…'), "{page}");
    }

    #[test]
    fn the_summary_counts_by_status() {
        let counts = Counts::from([(Status::Completed, 2), (Status::Running, 1)]);
        assert_eq!(summary(3, &counts), "3 tasks: 1 running, 2 completed");
        assert_eq!(summary(1, &counts), "1 shown of 3: 1 running, 2 completed");
        assert_eq!(summary(1, &Counts::from([(Status::Failed, 1)])), "1 task: 1 failed");
        assert_eq!(summary(0, &Counts::new()), "no tasks");
    }
}
