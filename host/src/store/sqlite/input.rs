//! Inputs: rows of pieces beside the task that has them. One that nobody has any more is removed by the sweep, in short steps,
//! as it may be large.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::Step;
use super::task::{Stored, after, now_ms};
use crate::record::{InvalidTransition, Status, TaskId};
use crate::store::input::check_end;
use crate::store::{Access, Error, InputId, MAX_INPUT_PIECE};

/// How long an input lives that no task has, after the last write.
const UPLOAD_LIFE: Duration = Duration::from_secs(3_600);

/// Pieces that are smaller grow by what comes next.
const SMALL_PIECE: i64 = 64 << 10;

/// An input that no task has yet.
struct Upload {
    num: i64,
    bytes: i64,
}

impl Upload {
    fn find(conn: &Connection, id: &InputId) -> Step<Option<Self>> {
        let sql = "SELECT num, bytes FROM input WHERE id = ?1 AND task IS NULL AND expires_at > ?2";
        let upload = |row: &rusqlite::Row| Ok(Self { num: row.get(0)?, bytes: row.get(1)? });
        Ok(conn.prepare_cached(sql)?.query_row(params![id.as_str(), now_ms()], upload).optional()?)
    }

    fn make(conn: &Connection, id: &InputId) -> Step<Option<Self>> {
        // One that is there is a task's, or is about to be removed.
        let sql = "INSERT OR IGNORE INTO input (id, bytes, expires_at) VALUES (?1, 0, 0)";
        let made = conn.prepare_cached(sql)?.execute([id.as_str()])? > 0;
        Ok(made.then(|| Self { num: conn.last_insert_rowid(), bytes: 0 }))
    }

    fn add(&self, conn: &Connection, bytes: &[u8]) -> Step<()> {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let sql = "UPDATE input_piece SET bytes = CAST(bytes || ?2 AS BLOB), size = size + ?3
                   WHERE num = (SELECT num FROM input_piece WHERE input = ?1 ORDER BY at DESC LIMIT 1)
                     AND size + ?3 <= ?4";
        if conn.prepare_cached(sql)?.execute(params![self.num, bytes, size, SMALL_PIECE])? == 0 {
            let sql = "INSERT INTO input_piece (input, at, size, bytes) VALUES (?1, ?2, ?3, ?4)";
            conn.prepare_cached(sql)?.execute(params![self.num, self.bytes, size, bytes])?;
        }
        Ok(())
    }
}

/// Writes bytes behind those of an input that no task has yet.
pub(super) fn put(conn: &Connection, id: &InputId, offset: u64, bytes: &[u8]) -> Step<()> {
    check_end(offset, bytes.len())?;
    let offset = i64::try_from(offset).map_err(|_| Error::Conflict)?;
    let found = match Upload::find(conn, id)? {
        None if offset == 0 => Upload::make(conn, id)?,
        found => found,
    };
    let upload = found.ok_or(Error::Conflict)?;
    let mut total = upload.bytes;
    if offset == total {
        let mut upload = upload;
        for piece in bytes.chunks(MAX_INPUT_PIECE) {
            upload.add(conn, piece)?;
            upload.bytes += piece.len() as i64;
        }
        total = upload.bytes;
    } else if !is_there(conn, upload.num, offset, bytes)? {
        return Err(Error::Conflict.into());
    }
    let sql = "UPDATE input SET bytes = ?2, expires_at = ?3 WHERE id = ?1";
    conn.prepare_cached(sql)?.execute(params![id.as_str(), total, after(UPLOAD_LIFE)])?;
    Ok(())
}

/// Whether an input has these bytes at an offset.
fn is_there(conn: &Connection, input: i64, mut offset: i64, mut bytes: &[u8]) -> Step<bool> {
    while !bytes.is_empty() {
        let there = piece(conn, input, offset, bytes.len().min(MAX_INPUT_PIECE))?;
        if there.is_empty() || !bytes.starts_with(&there) {
            return Ok(false);
        }
        offset += there.len() as i64;
        bytes = &bytes[there.len()..];
    }
    Ok(true)
}

/// Gives an input to a task.
pub(super) fn attach(conn: &Connection, id: &InputId, task: &TaskId, access: &Access) -> Step<()> {
    let stored = Stored::find_for(conn, task.as_str(), access)?;
    let from = stored.status()?;
    if from.is_terminal() {
        return Err(Error::from(InvalidTransition { from, to: Status::Running }).into());
    }
    let has = "SELECT id FROM input WHERE task = ?1";
    let has: Option<String> = conn.prepare_cached(has)?.query_row([stored.num], |row| row.get(0)).optional()?;
    match (has, Upload::find(conn, id)?) {
        (Some(has), _) if has == id.as_str() => Ok(()),
        (Some(_), _) => Err(Error::Conflict.into()),
        (None, None) => Err(Error::NotFound.into()),
        (None, Some(upload)) => {
            let sql = "UPDATE input SET task = ?2, expires_at = 0 WHERE num = ?1";
            conn.prepare_cached(sql)?.execute([upload.num, stored.num])?;
            Ok(())
        }
    }
}

/// Some of the input of a task that has not ended.
pub(super) fn read(conn: &Connection, task: &TaskId, offset: u64, most: usize) -> Step<Option<Bytes>> {
    let Some(stored) = Stored::find(conn, task.as_str())? else { return Ok(None) };
    let sql = "SELECT num FROM input WHERE task = ?1";
    let input: Option<i64> = conn.prepare_cached(sql)?.query_row([stored.num], |row| row.get(0)).optional()?;
    let Some(input) = input.filter(|_| stored.status().is_ok_and(|status| !status.is_terminal())) else {
        return Ok(None);
    };
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    Ok(Some(piece(conn, input, offset, most.min(MAX_INPUT_PIECE))?.into()))
}

/// Some bytes of an input from an offset on, as far as one piece goes.
fn piece(conn: &Connection, input: i64, offset: i64, most: usize) -> Step<Vec<u8>> {
    let sql = "SELECT substr(bytes, ?2 - at + 1, ?3) FROM input_piece
               WHERE input = ?1 AND at <= ?2 AND at + size > ?2 ORDER BY at DESC LIMIT 1";
    let values = params![input, offset, i64::try_from(most).unwrap_or(i64::MAX)];
    let bytes = conn.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    Ok(bytes.unwrap_or_default())
}

/// Takes its input from a task that has ended: the sweep removes it.
pub(super) fn leave(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("UPDATE input SET task = NULL WHERE task = ?1")?.execute([num])?;
    Ok(())
}

/// Whether there is an input that nobody has any more.
pub(super) fn has_expired(conn: &Connection) -> Step<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM input WHERE task IS NULL AND expires_at <= ?1)";
    Ok(conn.prepare_cached(sql)?.query_row([now_ms()], |row| row.get(0))?)
}

/// Removes so many pieces at most of inputs that nobody has any more. Gives how many bytes they had.
pub(super) fn sweep(conn: &Connection, most: i64) -> Step<i64> {
    let sql = "DELETE FROM input_piece WHERE num IN (
                   SELECT piece.num FROM input JOIN input_piece piece ON piece.input = input.num
                   WHERE task IS NULL AND expires_at <= ?1 LIMIT ?2
               ) RETURNING size";
    let mut removed = 0;
    {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query([now_ms(), most])?;
        while let Some(row) = rows.next()? {
            removed += row.get::<_, i64>(0)?;
        }
    }
    let sql = "DELETE FROM input WHERE task IS NULL AND expires_at <= ?1
               AND NOT EXISTS (SELECT 1 FROM input_piece WHERE input = input.num)";
    conn.prepare_cached(sql)?.execute([now_ms()])?;
    Ok(removed)
}
