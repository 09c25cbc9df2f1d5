//! The tables, and how a file comes to have them.
//!
//! A task is spread over three tables by how often its parts change: an append touches the small row of `task` and adds
//! one to `entry`, and never the `body`, which holds whatever may be large.

use rusqlite::{Connection, TransactionBehavior};

use super::fault::Step;
use crate::store::Error;

/// The version of the tables below, kept in `user_version`.
const VERSION: i64 = 1;

/// Marks a file as a store of tasks, in `application_id`: "task" in ASCII.
const APPLICATION: i64 = 0x7461_736b;

/// - `task.place` sorts as the listing does: [`sort_key`](crate::record::sort_key) of the id.
/// - `task.expires_at` and `held_until` are milliseconds since the Unix epoch, by the machine's clock, which is the one
///   clock that all users of the file share.
/// - `task.last_seq` is the number of the last entry that the task was ever given; no number is used twice.
/// - `body.record` is the record on the wire without its entries; `updated_at` in it may lag behind that of the task.
/// - `entry.text` is one entry as it stands on the wire: a JSON string.
///
/// A row of `task` that is too large to be removed at once loses its id and expires.
const TABLES: &str = "
    CREATE TABLE task (
        num        INTEGER PRIMARY KEY AUTOINCREMENT,
        id         TEXT NOT NULL UNIQUE,
        place      BLOB NOT NULL UNIQUE,
        service    TEXT NOT NULL,
        user_id    TEXT NOT NULL,
        status     TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        last_seq   INTEGER NOT NULL,
        run        TEXT,
        held_until INTEGER
    ) STRICT;
    CREATE INDEX task_by_owner ON task (service, user_id, place);
    CREATE INDEX task_by_service ON task (service, place);
    CREATE INDEX task_by_user ON task (user_id, place);
    CREATE INDEX task_by_expiry ON task (expires_at);
    CREATE TABLE body (
        task   INTEGER PRIMARY KEY REFERENCES task (num) ON DELETE CASCADE,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE entry (
        task INTEGER NOT NULL REFERENCES task (num) ON DELETE CASCADE,
        seq  INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (task, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sequence (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        last INTEGER NOT NULL
    ) STRICT;
    INSERT INTO sequence VALUES (1, 0);
";

/// What came later, and may be missing in a file that is there. A version that does not know it loses nothing by that.
///
/// - `lease.ends_at` repeats the `held_until` of a task whose run has to renew it, and `seen_at` is when it did so last.
/// - `progress.text` is how far a task has come, as [`Progress::encode`](crate::record::Progress::encode) gives it.
/// - `queued` has a row for each task in the queue: `waits` is 0 while a run has it from there; while it is `delayed` it is
///   taken by nobody before `ready_at`, and `token` is that of the ticket of the one who has it until then; `begun` attempts of `attempts` have begun.
/// - `turn.at` orders the users that have tasks waiting; `turn_count.taken` counts the turns of a service.
/// - `pause` has a row for each pause, of `kind` `all`, `service` or `user`.
/// - `input` has a row for each input, which is some task's or expires at `expires_at`: at once, if it was a task's before.
///   `input_piece` has its `bytes` in pieces of `size`, each from the byte `at` on.
/// - `host` has a row for each host that says that it is there, until `until`.
/// - `changed` has the last writes to tasks, of those at which `watched.until` was still to come: 10,000 of them. What is
///   written to is noted by triggers, and so by every version of this program. A row of `task` that has a colon in its id is
///   one that is about to be removed.
/// - `successor.first` is the first row of a task that has had several, by which its followers know it.
const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS successor (
        task  INTEGER PRIMARY KEY REFERENCES task (num) ON DELETE CASCADE,
        first INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS progress (
        task INTEGER PRIMARY KEY REFERENCES task (num) ON DELETE CASCADE,
        text TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS lease (
        task    INTEGER PRIMARY KEY REFERENCES task (num) ON DELETE CASCADE,
        ends_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS lease_by_end ON lease (ends_at);
    CREATE TABLE IF NOT EXISTS queued (
        place     INTEGER PRIMARY KEY AUTOINCREMENT,
        task      INTEGER NOT NULL UNIQUE REFERENCES task (num) ON DELETE CASCADE,
        service   TEXT NOT NULL,
        user_id   TEXT NOT NULL,
        low       INTEGER NOT NULL,
        queued_at INTEGER NOT NULL,
        ready_at  INTEGER NOT NULL,
        delayed   INTEGER NOT NULL,
        token     TEXT,
        begun     INTEGER NOT NULL,
        attempts  INTEGER NOT NULL,
        waits     INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS queued_ready ON queued (service, low, user_id, place) WHERE waits = 1 AND delayed = 0;
    CREATE INDEX IF NOT EXISTS queued_delayed ON queued (service, ready_at) WHERE waits = 1 AND delayed = 1;
    CREATE TABLE IF NOT EXISTS turn (
        service TEXT NOT NULL,
        low     INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        at      INTEGER NOT NULL,
        PRIMARY KEY (service, low, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS turn_in_order ON turn (service, low, at);
    CREATE TABLE IF NOT EXISTS turn_count (
        service TEXT PRIMARY KEY,
        taken   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS input (
        num        INTEGER PRIMARY KEY AUTOINCREMENT,
        id         TEXT NOT NULL UNIQUE,
        task       INTEGER UNIQUE REFERENCES task (num) ON DELETE SET NULL,
        bytes      INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS input_by_expiry ON input (expires_at) WHERE task IS NULL;
    CREATE TABLE IF NOT EXISTS input_piece (
        num   INTEGER PRIMARY KEY,
        input INTEGER NOT NULL REFERENCES input (num) ON DELETE CASCADE,
        at    INTEGER NOT NULL,
        size  INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS input_piece_in_order ON input_piece (input, at, size);
    CREATE TABLE IF NOT EXISTS host (
        process TEXT NOT NULL,
        name    TEXT NOT NULL,
        about   TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        until   INTEGER NOT NULL,
        PRIMARY KEY (process, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS watched (
        one   INTEGER PRIMARY KEY CHECK (one = 1),
        until INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS changed (
        seq     INTEGER PRIMARY KEY,
        task_id TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER IF NOT EXISTS note_new AFTER INSERT ON task
    WHEN (SELECT until FROM watched) > (julianday('now') - 2440587.5) * 86400000 BEGIN
        INSERT INTO changed (task_id) VALUES (new.id);
        DELETE FROM changed WHERE seq <= last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER IF NOT EXISTS note_changed
    AFTER UPDATE OF id, service, user_id, status, updated_at, last_seq ON task
    WHEN (SELECT until FROM watched) > (julianday('now') - 2440587.5) * 86400000 AND instr(old.id, ':') = 0 BEGIN
        INSERT INTO changed (task_id) VALUES (old.id);
        DELETE FROM changed WHERE seq <= last_insert_rowid() - 10000;
    END;
    CREATE TRIGGER IF NOT EXISTS note_gone AFTER DELETE ON task
    WHEN (SELECT until FROM watched) > (julianday('now') - 2440587.5) * 86400000 AND instr(old.id, ':') = 0 BEGIN
        INSERT INTO changed (task_id) VALUES (old.id);
        DELETE FROM changed WHERE seq <= last_insert_rowid() - 10000;
    END;
    CREATE TABLE IF NOT EXISTS pause (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
";

/// Makes the tables, unless they are there.
///
/// # Errors
/// [`Error::Failed`] if the file is another program's, or was made by a newer version of this one.
pub(super) fn prepare(conn: &mut Connection) -> Step<()> {
    // Read in one transaction: another process may be making the tables, and half of what it does would look foreign.
    if is_ready(&*conn.transaction()?)? {
        return Ok(conn.execute_batch(LATER_TABLES)?);
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have made them while this one waited.
    if !is_ready(&transaction)? {
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(LATER_TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

fn is_ready(conn: &Connection) -> Step<bool> {
    let read = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let refused = |why: String| Err(Error::Failed(why).into());
    match (read("application_id")?, read("user_version")?) {
        (APPLICATION, VERSION) => Ok(true),
        (APPLICATION, version) => refused(format!(
            "its tables have version {version}, and this program knows version {VERSION}; a newer one may open it"
        )),
        _ => match conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))? {
            0_i64 => Ok(false),
            _ => refused("it is the database of another program".to_owned()),
        },
    }
}
