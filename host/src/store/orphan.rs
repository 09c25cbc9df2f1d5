//! What becomes of a task whose host is gone.

use crate::record::{Change, Status, Timestamp};

/// A task whose lease has ended.
pub(super) struct Orphan<'a> {
    pub(super) status: Status,
    /// The run that had it.
    pub(super) run: &'a str,
    /// When its host renewed the lease last.
    pub(super) seen: Option<Timestamp>,
}

/// Its end: failed, or cancelled if it was asked to stop. The log says who was last seen when.
pub(super) fn end(orphan: &Orphan<'_>) -> Change {
    let status = if orphan.status == Status::CancelRequested { Status::Cancelled } else { Status::Failed };
    let host = orphan.run.rsplit_once('/').map_or("its host", |(host, _)| host);
    let seen = orphan.seen.as_ref().map_or(String::new(), |seen| format!(": it was last seen at {seen}"));
    Change::finish(status).log(format!("the host {host:?} is gone{seen}"))
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
            let change = end(&Orphan { status, run: run.as_str(), seen: Some(seen.clone()) });
            let said = "the host \"a/b\" is gone: it was last seen at 2026-01-02T03:04:05+00:00";
            assert_eq!(change, Change::finish(end_status).log(said));
        }
    }
}
