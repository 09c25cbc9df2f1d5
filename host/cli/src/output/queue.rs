//! The queue: what waits, what runs where, and what is held back.

use std::collections::BTreeSet;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str};
use serde_json::{Value, json};
use task_state_host::record::Timestamp;
use task_state_host::store::{HeldTask, Pause, Waiting};

use super::text::name;

/// The state of a queue.
pub(crate) struct Queue<'a> {
    pub(crate) waiting: &'a [Waiting],
    pub(crate) held: &'a [HeldTask],
    pub(crate) pauses: &'a BTreeSet<Pause>,
}

impl Queue<'_> {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if self.waiting.is_empty() {
            text.push_str("nothing waits\n");
        } else {
            let heading = ["SERVICE", "PRIORITY", "READY", "DELAYED", "USERS", "LONGEST"];
            text.push_str(&columns(heading, self.waiting.iter().map(waiting_row)));
        }
        if self.held.is_empty() {
            text.push_str("nothing runs\n");
        } else {
            text.push('\n');
            let heading = ["TASK", "HOST", "ATTEMPT", "HEARD OF"];
            text.push_str(&columns(heading, self.held.iter().map(held_row)));
        }
        for pause in self.pauses {
            text.push_str(&format!("{pause} is paused\n"));
        }
        text
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let waiting = self.waiting.iter().map(|one| {
            json!({
                "service": one.service,
                "priority": one.priority.as_str(),
                "ready": one.ready,
                "delayed": one.delayed,
                "users": one.users,
                "longest_seconds": one.longest.map(|time| time.as_secs_f64()),
            })
        });
        let held = self.held.iter().map(|one| {
            json!({
                "task_id": one.task_id,
                "host": one.host,
                "attempt": one.attempt,
                "seen": one.seen.as_ref().map(Timestamp::as_str),
            })
        });
        json!({
            "waiting": waiting.collect::<Vec<_>>(),
            "running": held.collect::<Vec<_>>(),
            "paused": self.pauses.iter().map(Self::pause).collect::<Vec<_>>(),
        })
    }

    /// What is held back, for machines.
    pub(crate) fn pause(pause: &Pause) -> Value {
        match pause {
            Pause::Service(service) => json!({"service": service.as_str()}),
            Pause::User(user) => json!({"user": user.as_str()}),
            _ => json!("everything"),
        }
    }
}

fn waiting_row(one: &Waiting) -> [String; 6] {
    let longest = one.longest.map_or_else(|| "-".to_owned(), |time| format!("{:?}", in_seconds(time)));
    let numbers = [one.ready, one.delayed, one.users].map(|number| number.to_string());
    let [ready, delayed, users] = numbers;
    [name(&one.service).to_string(), one.priority.to_string(), ready, delayed, users, longest]
}

fn held_row(one: &HeldTask) -> [String; 4] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        name(&one.task_id).to_string(),
        name(&one.host).to_string(),
        or_none(one.attempt.map(|attempt| attempt.to_string())),
        or_none(one.seen.as_ref().map(Timestamp::to_string)),
    ]
}

/// Whole seconds, unless there is none.
fn in_seconds(time: Duration) -> Duration {
    if time < Duration::from_secs(1) {
        Duration::from_millis(time.subsec_millis().into())
    } else {
        Duration::from_secs(time.as_secs())
    }
}

/// Rows below their heading, each column as wide as its widest cell.
fn columns<const N: usize>(heading: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or_default());
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| pad_str(cell, width, Alignment::Left, None));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use task_state_host::record::UserId;

    use super::*;

    #[test]
    fn rows_stand_in_columns() {
        let text = columns(["A", "LONG"], [["앨리스".to_owned(), "1".to_owned()]].into_iter());
        assert_eq!(text, "A       LONG\n앨리스  1\n");
    }

    #[test]
    fn an_empty_queue_says_so_and_what_is_held_back_is_named() {
        let pauses = BTreeSet::from([Pause::All, Pause::User(UserId::new("bob").unwrap())]);
        let queue = Queue { waiting: &[], held: &[], pauses: &pauses };
        assert_eq!(queue.text(), "nothing waits\nnothing runs\neverything is paused\nthe user \"bob\" is paused\n");
        assert_eq!(queue.json()["paused"], json!(["everything", {"user": "bob"}]));
    }
}
