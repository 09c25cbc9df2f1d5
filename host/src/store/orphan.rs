//! What becomes of a task whose host is gone.

use crate::record::{Change, Status, Timestamp};

/// Whether a task in this status is one that a run has left unfinished. One that was set back to wait is for the next run.
pub(super) fn is_one(status: Status) -> bool {
    matches!(status, Status::Running | Status::CancelRequested)
}

/// The end of a task: failed, or cancelled if it was asked to stop. The log says which host was last seen when.
pub(super) fn end(status: Status, run: &str, seen: Option<Timestamp>) -> Change {
    let status = if status == Status::CancelRequested { Status::Cancelled } else { Status::Failed };
    Change::finish(status).log(gone(run, seen))
}

/// What the log of a task says that is to be tried once more: so many attempts of so many have begun.
pub(super) fn again(run: &str, seen: Option<Timestamp>, begun: u32, attempts: u32) -> Change {
    Change::default().log(format!("{}; attempt {} of {attempts} follows", gone(run, seen), begun + 1))
}

/// The host that a run is of, by its name.
pub(super) fn host_of(run: &str) -> &str {
    run.rsplit_once('/').map_or("of a run", |(host, _)| host)
}

fn gone(run: &str, seen: Option<Timestamp>) -> String {
    let seen = seen.map_or(String::new(), |seen| format!(": it was last seen at {seen}"));
    format!("the host {:?} is gone{seen}", host_of(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunId;

    #[test]
    fn the_host_is_named_with_the_time_when_it_was_seen_last() {
        let seen = Timestamp::parse_with_offset("2026-01-02T03:04:05+00:00").unwrap();
        let run = RunId::of_host("a/b");
        for (status, end_status) in [(Status::Running, Status::Failed), (Status::CancelRequested, Status::Cancelled)] {
            let said = "the host \"a/b\" is gone: it was last seen at 2026-01-02T03:04:05+00:00";
            assert_eq!(end(status, run.as_str(), Some(seen.clone())), Change::finish(end_status).log(said));
        }
    }
}
