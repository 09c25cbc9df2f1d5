//! Leases: a run holds its task for no longer than its host renews that, and a task whose lease has ended is ended by
//! another host.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::change::apply_to;
use super::fault::Step;
use super::queue::{self, Queued};
use super::task::{Policy, Stored, now_ms, select};
use super::write;
use crate::record::{Status, TaskId, Timestamp};
use crate::store::RunId;
use crate::store::orphan;

/// Gives runs that still hold their tasks a new lease. Tells for each whether it does.
pub(super) fn renew(conn: &Connection, holds: &[(TaskId, RunId)], life: Duration) -> Step<Vec<bool>> {
    let sql = select("AND id = ?2 AND run = ?3 AND held_until > ?1");
    let mut find = conn.prepare_cached(&sql)?;
    let mut held = Vec::with_capacity(holds.len());
    for (id, run) in holds {
        let stored = find.query_row(params![now_ms(), id.as_str(), run.as_str()], Stored::read).optional()?;
        if let Some(stored) = &stored {
            write::hold(conn, stored.num, run.as_str(), life)?;
        }
        held.push(stored.is_some());
    }
    Ok(held)
}

/// The rows of tasks whose leases have ended, the longest ago first, at most so many.
pub(super) fn ended(conn: &Connection, most: usize) -> Step<Vec<i64>> {
    let sql = "SELECT task FROM lease WHERE ends_at <= ?1 ORDER BY ends_at LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![now_ms(), most as i64], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The id of a task, if it is there and its run has left it unfinished.
pub(super) fn unfinished(conn: &Connection, num: i64) -> Step<Option<String>> {
    let stored = conn.prepare_cached(&select("AND num = ?2"))?.query_row(params![now_ms(), num], Stored::read);
    let is_unfinished = |stored: &Stored| stored.status().is_ok_and(orphan::is_one);
    Ok(stored.optional()?.filter(is_unfinished).map(|stored| stored.id))
}

/// Ends a task whose lease has ended, and gives its id. None if there is nothing to end: then the lease is forgotten.
pub(super) fn end_orphan(conn: &Connection, policy: &Policy, num: i64) -> Step<Option<String>> {
    let sql = "SELECT run, seen_at FROM lease JOIN task ON num = task
               WHERE num = ?1 AND ends_at <= ?2 AND held_until <= ?2 AND run IS NOT NULL";
    let lease = conn.prepare_cached(sql)?.query_row(params![num, now_ms()], |row| Ok((row.get(0)?, row.get(1)?)));
    let lease: Option<(String, i64)> = lease.optional()?;
    let stored = conn.prepare_cached(&select("AND num = ?2"))?.query_row(params![now_ms(), num], Stored::read);
    let (Some((run, seen)), Some(stored)) = (lease, stored.optional()?) else {
        // Another run may have the task by now, whose lease stays.
        let sql = "DELETE FROM lease WHERE task = ?1 AND ends_at <= ?2";
        conn.prepare_cached(sql)?.execute(params![num, now_ms()])?;
        return Ok(None);
    };
    match stored.status() {
        Ok(status) if orphan::is_one(status) => {
            let seen = Timestamp::from_millis(seen, policy.clock.zone());
            let queued = Queued::under_way(conn, num)?.filter(|_| status == Status::Running);
            if let Some(queued) = queued.filter(|queued| queued.begun < queued.attempts) {
                queue::wait_again(conn, num, Duration::ZERO)?;
                apply_to(conn, policy, &stored, &orphan::again(&run, seen, queued.begun, queued.attempts))?;
            } else {
                apply_to(conn, policy, &stored, &orphan::end(status, &run, seen))?;
            }
            Ok(Some(stored.id))
        }
        _ => {
            queue::leave(conn, num)?;
            write::release(conn, num).map(|()| None)
        }
    }
}
