//! How tasks leave the file: at once for everybody who reads it, and then a few rows at a time.
//!
//! A log may have millions of entries, and no other process can write while they are removed. So a task that is too large
//! for one short transaction is only retired: it expires, and gives up its id. The sweep removes what has expired in short
//! steps; it goes on where the last step ended, in whichever process that was.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Step;
use super::input;
use super::task::now_ms;
use crate::store::MAX_INPUT_PIECE;

/// How much one transaction removes, in entries of an ordinary size. It takes some tens of milliseconds.
pub(super) const MAX_REMOVED: i64 = 10_000;

/// What a task costs beside its entries: its rows are in many indexes.
const TASK_COST: i64 = 20;

/// What is larger than a page of the file costs as much as its pages.
const PAGE_BYTES: i64 = 4_096;

/// What a piece of an input costs, which is as large as they get.
const PIECE_COST: i64 = MAX_INPUT_PIECE as i64 / PAGE_BYTES;

/// How much a transaction may still remove.
struct Budget(i64);

impl Budget {
    /// Pays for the entries of a task from a number on. Returns the last one that is paid for, unless all are.
    fn pay(&mut self, conn: &Connection, num: i64, first: i64) -> Step<Option<i64>> {
        let sql = "SELECT seq, octet_length(text) FROM entry WHERE task = ?1 AND seq >= ?2 ORDER BY seq";
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([num, first])?;
        let mut last = first - 1;
        while let Some(row) = rows.next()? {
            // The last one may cost more than is left, or an entry of many pages would never be paid for.
            if self.0 <= 0 {
                return Ok(Some(last));
            }
            last = row.get(0)?;
            self.0 -= 1 + row.get::<_, i64>(1)? / PAGE_BYTES;
        }
        Ok(None)
    }
}

/// Removes a task with all that is kept of it.
pub(super) fn remove(conn: &Connection, num: i64) -> Step<()> {
    match Budget(MAX_REMOVED).pay(conn, num, 0)? {
        None => delete(conn, num),
        Some(_) => retire(conn, num),
    }
}

/// Removes the entries of a task from a number on. False, and nothing is done, if they are too many for one transaction.
pub(super) fn remove_entries(conn: &Connection, num: i64, first: i64) -> Step<bool> {
    let fits = Budget(MAX_REMOVED).pay(conn, num, first)?.is_none();
    if fits {
        conn.prepare_cached("DELETE FROM entry WHERE task = ?1 AND seq >= ?2")?.execute([num, first])?;
    }
    Ok(fits)
}

/// Makes a task unreachable and its id free. No id that can be saved has a colon.
pub(super) fn retire(conn: &Connection, num: i64) -> Step<()> {
    let sql = "UPDATE task SET id = num || ':' || id, place = CAST(num AS BLOB), expires_at = 0
               WHERE num = ?1 AND expires_at > 0";
    conn.prepare_cached(sql)?.execute([num])?;
    Ok(())
}

/// The id that a retired task had; that of any other as it is.
pub(super) fn original_id(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, id)| id)
}

/// The row's body and entries go with it.
fn delete(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("DELETE FROM task WHERE num = ?1")?.execute([num])?;
    Ok(())
}

/// Removes some of what has expired. True if there may be more.
pub(super) fn sweep(conn: &Connection) -> Step<bool> {
    let mut budget = Budget(MAX_REMOVED);
    let sql = "SELECT num, (SELECT octet_length(record) FROM body WHERE task = num) FROM task
               WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
    let most = MAX_REMOVED / TASK_COST;
    let mut statement = conn.prepare_cached(sql)?;
    let expired = statement.query_map([now_ms(), most], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))?;
    for (num, body) in expired.collect::<rusqlite::Result<Vec<_>>>()? {
        if budget.0 <= 0 {
            return Ok(true);
        }
        budget.0 -= TASK_COST + body.unwrap_or(0) / PAGE_BYTES;
        match budget.pay(conn, num, 0)? {
            None => delete(conn, num)?,
            Some(last) => {
                // A clock that is set back must not bring half a task back.
                retire(conn, num)?;
                conn.prepare_cached("DELETE FROM entry WHERE task = ?1 AND seq <= ?2")?.execute([num, last])?;
            }
        }
    }
    if budget.0 > 0 {
        input::sweep(conn, budget.0 / PIECE_COST)?;
    }
    has_expired(conn)
}

/// One step of the sweep in a transaction of its own, and none if nothing has expired.
pub(super) fn sweep_alone(conn: &Connection) -> Step<bool> {
    // A transaction that may write waits for its turn even if it has nothing to do.
    if !has_expired(conn)? {
        return Ok(false);
    }
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let more = sweep(&transaction)?;
    transaction.commit()?;
    Ok(more)
}

fn has_expired(conn: &Connection) -> Step<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM task WHERE expires_at <= ?1)";
    Ok(conn.prepare_cached(sql)?.query_row([now_ms()], |row| row.get(0))? || input::has_expired(conn)?)
}
