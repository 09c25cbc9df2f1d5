//! A change to a task that is there.

use rusqlite::Connection;

use super::fault::Step;
use super::input;
use super::queue;
use super::task::{Policy, Stored};
use super::write;
use crate::record::{Change, Status, apply, later_than, wire_entry};

/// Makes a change. Returns the status that the task is in afterwards.
pub(super) fn apply_to(conn: &Connection, policy: &Policy, stored: &Stored, change: &Change) -> Step<Status> {
    let (num, status) = if change.restoration.is_some() {
        rewrite(conn, policy, stored, change)?
    } else {
        (stored.num, add_to(conn, policy, stored, change)?)
    };
    if let Some(progress) = &change.progress {
        write::set_progress(conn, num, progress)?;
    }
    if let Some(priority) = change.priority {
        queue::set_priority(conn, num, priority)?;
    }
    if status.is_terminal() {
        queue::leave(conn, num)?;
        input::leave(conn, num)?;
    }
    if change.finishes() {
        // The run is over: the task, saved anew, is free for the next.
        write::release(conn, num)?;
    }
    Ok(status)
}

/// Makes a change that adds to the log, if it touches that.
fn add_to(conn: &Connection, policy: &Policy, stored: &Stored, change: &Change) -> Step<Status> {
    let now = policy.clock.now();
    let (status, at) = if change.is_beside() {
        (stored.status()?, stored.updated_at(policy)?)
    } else if change.only_logs() {
        (stored.status()?, later_than(&stored.updated_at(policy)?, &now))
    } else {
        let mut record = stored.body(conn, policy)?;
        let status = apply(&mut record, change, &now, policy.rule)?;
        // The new entries get rows of their own.
        record.clear_logs();
        write::write_body(conn, stored.num, &record)?;
        (status, record.updated_at().clone())
    };
    let entries = change.entries.iter().map(|entry| wire_entry(entry, &now));
    let last_seq = write::add_entries(conn, stored.num, stored.last_seq, entries)?;
    write::touch(conn, policy, stored.num, status, &at, last_seq)?;
    Ok(status)
}

/// Makes a change that may put entries between others. Returns the row of the task, too.
fn rewrite(conn: &Connection, policy: &Policy, stored: &Stored, change: &Change) -> Step<(i64, Status)> {
    let mut record = stored.record(conn, policy)?;
    let status = apply(&mut record, change, &policy.clock.now(), policy.rule)?;
    Ok((write::put_record(conn, policy, stored, record)?, status))
}
