//! Results for machines: one JSON document each.

use serde::Serialize;
use serde_json::{Value, json};
use task_state_host::record::Status;
use task_state_host::store::{Counts, Report};

/// A task after a change.
#[derive(Serialize)]
pub(crate) struct ChangedTask<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) status: &'static str,
    /// How many log entries were added, for a command that adds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entries: Option<usize>,
}

/// A task that is gone.
#[derive(Serialize)]
pub(crate) struct Deleted<'a> {
    pub(crate) task_id: &'a str,
    pub(crate) deleted: bool,
}

/// How many tasks there are in each status, all of them named.
pub(crate) fn counts(counts: &Counts) -> Value {
    Status::ALL.iter().map(|status| (status.as_str(), counts.get(status).copied().unwrap_or_default())).collect()
}

/// What a check found.
pub(crate) fn check_report(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| json!({"kind": finding.kind.to_string(), "place": finding.place, "repaired": finding.repaired}))
        .collect();
    json!({
        "records": report.records,
        "entries": report.entries,
        "findings": findings,
        "remaining": report.remaining(),
    })
}
