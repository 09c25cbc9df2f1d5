//! One task written to the tables: whole, in part, or removed. The caller has checked that it may be.

use rusqlite::{Connection, params};

use super::fault::Step;
use super::task::{Policy, Stored, now_ms};
use crate::record::{Draft, Entry, Status, TaskId, TaskRecord, Timestamp, later_than, quote, sort_key, wire_entry};

/// Writes a task whole, in the place of the one that is there.
///
/// A run that holds it goes on holding it. Entries that were there before keep their rows, so that a follower sees
/// only the others.
pub(super) fn put(conn: &Connection, policy: &Policy, id: &TaskId, draft: &Draft, old: Option<&Stored>) -> Step<()> {
    let now = policy.clock.now();
    let at = match old {
        Some(stored) => later_than(&stored.updated_at(policy)?, &now),
        None => now,
    };
    let mut record = TaskRecord::from_draft(id.as_str(), draft, &at);
    record.replace_raw_logs(String::new());
    let num = match old {
        Some(stored) => {
            let sql = "UPDATE task SET service = ?2, user_id = ?3 WHERE num = ?1";
            conn.prepare_cached(sql)?.execute(params![stored.num, record.service(), record.user_id()])?;
            stored.num
        }
        None => insert(conn, &record)?,
    };
    write_body(conn, num, &record)?;
    let kept = keep_entries(conn, num, &draft.logs)?;
    let last_seq = add_entries(conn, num, old.map_or(0, |stored| stored.last_seq), &draft.logs[kept..])?;
    touch(conn, policy, num, record.status(), &at, last_seq)
}

/// Makes the row of a new task, in the place of an expired one that may still be there.
fn insert(conn: &Connection, record: &TaskRecord) -> Step<i64> {
    conn.prepare_cached("DELETE FROM task WHERE id = ?1 AND expires_at <= ?2")?
        .execute(params![record.task_id(), now_ms()])?;
    let sql = "INSERT INTO task (id, place, service, user_id, status, updated_at, expires_at, last_seq)
               VALUES (?1, ?2, ?3, ?4, '', '', 0, 0)";
    let (id, service, user_id) = (record.task_id(), record.service(), record.user_id());
    Ok(conn.prepare_cached(sql)?.insert(params![id, sort_key(id), service, user_id])?)
}

/// Writes the record without its entries.
pub(super) fn write_body(conn: &Connection, num: i64, record: &TaskRecord) -> Step<()> {
    let sql = "INSERT INTO body (task, record) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET record = excluded.record";
    conn.prepare_cached(sql)?.execute(params![num, record.encode()])?;
    Ok(())
}

/// Writes what every change sets, and gives the task its whole time to live again.
pub(super) fn touch(
    conn: &Connection,
    policy: &Policy,
    num: i64,
    status: Status,
    at: &Timestamp,
    last_seq: i64,
) -> Step<()> {
    let sql = "UPDATE task SET status = ?2, updated_at = ?3, expires_at = ?4, last_seq = ?5 WHERE num = ?1";
    let values = params![num, status.as_str(), at.as_str(), policy.expiry(), last_seq];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Adds entries, stamped `now` unless they bring a time of their own. Returns the number of the last.
pub(super) fn append(conn: &Connection, stored: &Stored, entries: &[Entry], now: &Timestamp) -> Step<i64> {
    add_entries(conn, stored.num, stored.last_seq, entries.iter().map(|entry| wire_entry(entry, now)))
}

/// Adds entries after the one with the number `last_seq`. Returns the number of the last.
fn add_entries<E: AsRef<str>>(
    conn: &Connection,
    num: i64,
    mut last_seq: i64,
    entries: impl IntoIterator<Item = E>,
) -> Step<i64> {
    let mut statement = conn.prepare_cached("INSERT INTO entry (task, seq, text) VALUES (?1, ?2, ?3)")?;
    for entry in entries {
        last_seq += 1;
        statement.execute(params![num, last_seq, quote(entry.as_ref())])?;
    }
    Ok(last_seq)
}

/// Removes the entries from the first one that differs from the new ones. Returns how many are left.
fn keep_entries(conn: &Connection, num: i64, new: &[String]) -> Step<usize> {
    let mut statement = conn.prepare_cached("SELECT seq, text FROM entry WHERE task = ?1 ORDER BY seq")?;
    let mut rows = statement.query([num])?;
    let mut kept = 0;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        if new.get(kept).is_some_and(|entry| quote(entry).as_bytes() == text) {
            kept += 1;
        } else {
            let first: i64 = row.get(0)?;
            conn.prepare_cached("DELETE FROM entry WHERE task = ?1 AND seq >= ?2")?.execute([num, first])?;
            break;
        }
    }
    Ok(kept)
}

/// Remembers a run beside a task, and until when it may hold it; or that none does.
pub(super) fn hold(conn: &Connection, num: i64, run: Option<(&str, i64)>) -> Step<()> {
    let sql = "UPDATE task SET run = ?2, held_until = ?3 WHERE num = ?1";
    conn.prepare_cached(sql)?.execute(params![num, run.map(|(run, _)| run), run.map(|(_, until)| until)])?;
    Ok(())
}

/// Removes a task with all that is kept of it.
pub(super) fn remove(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("DELETE FROM task WHERE num = ?1")?.execute([num])?;
    Ok(())
}

/// Removes up to `most` expired tasks. Returns how many there were.
pub(super) fn sweep(conn: &Connection, most: usize) -> Step<usize> {
    let now = now_ms();
    // A delete waits for its turn to write even when it finds nothing.
    let any = "SELECT EXISTS (SELECT 1 FROM task WHERE expires_at <= ?1)";
    if !conn.prepare_cached(any)?.query_row([now], |row| row.get::<_, bool>(0))? {
        return Ok(0);
    }
    let sql = "DELETE FROM task WHERE num IN
               (SELECT num FROM task WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
    Ok(conn.prepare_cached(sql)?.execute(params![now, most as i64])?)
}
