//! One task written to the tables: whole or in part. The caller has checked that it may be.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Step;
use super::remove::{remove, remove_entries, retire};
use super::task::{Policy, Stored, after, now_ms};
use crate::record::{Draft, Progress, Status, TaskId, TaskRecord, Timestamp, later_than, quote, sort_key};

/// Writes a task whole, in the place of the one that is there.
///
/// A run that holds it goes on holding it. Entries that were there before keep their numbers, so that a follower sees
/// only the others.
pub(super) fn put(conn: &Connection, policy: &Policy, id: &TaskId, draft: &Draft, old: Option<&Stored>) -> Step<()> {
    let now = policy.clock.now();
    let at = match old {
        Some(stored) => later_than(&stored.updated_at(policy)?, &now),
        None => now,
    };
    let mut record = TaskRecord::from_draft(id.as_str(), draft, &at);
    if let Some(stored) = old {
        return put_record(conn, policy, stored, record).map(drop);
    }
    record.clear_logs();
    let num = insert(conn, &record)?;
    write_body(conn, num, &record)?;
    let last_seq = add_entries(conn, num, 0, &draft.logs)?;
    touch(conn, policy, num, record.status(), &at, last_seq)
}

/// Writes a record whole, in the place of the task that is there. Returns the row of the task.
pub(super) fn put_record(conn: &Connection, policy: &Policy, stored: &Stored, mut record: TaskRecord) -> Step<i64> {
    let logs = record.logs();
    record.clear_logs();
    let (num, last_seq, kept) = replace(conn, stored, &record, &logs)?;
    write_body(conn, num, &record)?;
    let last_seq = add_entries(conn, num, last_seq, &logs[kept..])?;
    touch(conn, policy, num, record.status(), record.updated_at(), last_seq)?;
    Ok(num)
}

/// Makes the row of a new task, in the place of an expired one that may still be there.
fn insert(conn: &Connection, record: &TaskRecord) -> Step<i64> {
    let (id, service, user_id) = (record.task_id(), record.service(), record.user_id());
    let expired = "SELECT num FROM task WHERE id = ?1";
    if let Some(num) = conn.prepare_cached(expired)?.query_row([id], |row| row.get(0)).optional()? {
        remove(conn, num)?;
    }
    let sql = "INSERT INTO task (id, place, service, user_id, status, updated_at, expires_at, last_seq)
               VALUES (?1, ?2, ?3, ?4, '', '', 0, 0)";
    Ok(conn.prepare_cached(sql)?.insert(params![id, sort_key(id), service, user_id])?)
}

/// Leaves of a task what the record that replaces it has in common with it. Returns the row of the task, the number of
/// its last entry so far, and how many of the new entries are there already.
fn replace(conn: &Connection, old: &Stored, record: &TaskRecord, logs: &[String]) -> Step<(i64, i64, usize)> {
    let (kept, differs_from) = common_entries(conn, old.num, logs)?;
    let num = if remove_entries(conn, old.num, differs_from)? {
        old.num
    } else {
        succeed(conn, old.num, record, differs_from)?
    };
    let sql = "UPDATE task SET service = ?2, user_id = ?3 WHERE num = ?1";
    conn.prepare_cached(sql)?.execute(params![num, record.service(), record.user_id()])?;
    Ok((num, old.last_seq, kept))
}

/// Has a new row take the place of one with too many entries to remove at once, and take over its run and the entries
/// before a number.
fn succeed(conn: &Connection, old: i64, record: &TaskRecord, before: i64) -> Step<i64> {
    retire(conn, old)?;
    let num = insert(conn, record)?;
    for sql in [
        "UPDATE task SET (run, held_until) = (SELECT run, held_until FROM task WHERE num = ?2) WHERE num = ?1",
        "UPDATE lease SET task = ?1 WHERE task = ?2",
        "UPDATE progress SET task = ?1 WHERE task = ?2",
        "UPDATE queued SET task = ?1 WHERE task = ?2",
        "UPDATE input SET task = ?1 WHERE task = ?2",
        "INSERT INTO successor SELECT ?1, ifnull((SELECT first FROM successor WHERE task = ?2), ?2)",
    ] {
        conn.prepare_cached(sql)?.execute([num, old])?;
    }
    let sql = "INSERT INTO entry SELECT ?1, seq, text FROM entry WHERE task = ?2 AND seq < ?3";
    conn.prepare_cached(sql)?.execute([num, old, before])?;
    Ok(num)
}

/// How many entries a task and a new log have in common from the start, and the number of the first that differs.
fn common_entries(conn: &Connection, num: i64, new: &[String]) -> Step<(usize, i64)> {
    let mut statement = conn.prepare_cached("SELECT seq, text FROM entry WHERE task = ?1 ORDER BY seq")?;
    let mut rows = statement.query([num])?;
    let mut common = 0;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
        if new.get(common).is_none_or(|entry| quote(entry).as_bytes() != text) {
            return Ok((common, row.get(0)?));
        }
        common += 1;
    }
    Ok((common, i64::MAX))
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
    let values = params![num, status.as_str(), at.as_str(), after(policy.ttl), last_seq];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Adds entries after the one with the number `last_seq`. Returns the number of the last.
pub(super) fn add_entries<E: AsRef<str>>(
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

/// Remembers a run beside a task, for as long as its lease lives.
pub(super) fn hold(conn: &Connection, num: i64, run: &str, life: Duration) -> Step<()> {
    let sql = "UPDATE task SET run = ?2, held_until = ?3 WHERE num = ?1";
    conn.prepare_cached(sql)?.execute(params![num, run, after(life)])?;
    let sql = "INSERT OR REPLACE INTO lease (task, ends_at, seen_at) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(sql)?.execute(params![num, after(life), now_ms()])?;
    Ok(())
}

/// Remembers how far a task has come.
pub(super) fn set_progress(conn: &Connection, num: i64, progress: &Progress) -> Step<()> {
    let sql = "INSERT INTO progress (task, text) VALUES (?1, ?2) ON CONFLICT (task) DO UPDATE SET text = ?2";
    conn.prepare_cached(sql)?.execute(params![num, progress.encode()])?;
    Ok(())
}

/// Forgets how far a task has come: it begins anew.
pub(super) fn clear_progress(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("DELETE FROM progress WHERE task = ?1")?.execute([num])?;
    Ok(())
}

/// Takes a task from its run.
pub(super) fn release(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("UPDATE task SET run = NULL, held_until = NULL WHERE num = ?1")?.execute([num])?;
    conn.prepare_cached("DELETE FROM lease WHERE task = ?1")?.execute([num])?;
    Ok(())
}
