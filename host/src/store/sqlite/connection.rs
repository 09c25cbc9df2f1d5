//! How a connection is opened and how it waits for its turn. It knows no task.

use std::cell::Cell;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::fault::{Fault, Step, is_busy};
use super::schema;
use crate::store::Error;

/// The write-ahead log is cut back to this many bytes once its content is in the database.
const LOG_BYTES: i64 = 16 << 20;

/// Statements that a connection keeps compiled: more than the store has.
const STATEMENTS: usize = 96;

thread_local! {
    /// How long this thread waits for a lock.
    static BUSY_TIMEOUT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// When the present wait for a lock began.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Sets how long this thread's connections wait for a lock.
pub(super) fn set_busy_timeout(timeout: Duration) {
    BUSY_TIMEOUT.set(timeout);
}

/// SQLite asks this whether to try a lock again. Its own handler sleeps up to 100 ms between tries, in step with every
/// other waiter, which can starve one of several busy writers; short and uneven pauses do not.
fn wait_for_lock(tries: i32) -> bool {
    let since = SINCE.get().filter(|_| tries > 0).unwrap_or_else(Instant::now);
    SINCE.set(Some(since));
    if since.elapsed() >= BUSY_TIMEOUT.get() {
        return false;
    }
    let jitter =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos() / 100 % 2_000);
    thread::sleep(Duration::from_micros(500 + u64::from(jitter)));
    true
}

/// Opens a store's file, which is made with its directories if it is missing.
///
/// # Errors
/// [`Error::Failed`] or [`Error::Unavailable`], naming the path.
pub(super) fn open_file(path: &Path, busy_timeout: Duration) -> Step<Connection> {
    set_busy_timeout(busy_timeout);
    open_and_prepare(path).map_err(|Fault(error)| {
        let about = |why: String| format!("{}: {why}", path.display());
        Fault(match error {
            Error::Failed(why) => Error::Failed(about(why)),
            Error::Unavailable(why) => Error::Unavailable(about(why)),
            other => other,
        })
    })
}

fn open_and_prepare(path: &Path) -> Step<Connection> {
    let refused = |error: std::io::Error| Fault(Error::Failed(error.to_string()));
    // SQLite gives ":memory:" and the like a meaning of their own; an absolute path has none.
    let path = std::path::absolute(path).map_err(refused)?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(refused)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(&path, flags)?;
    if conn.is_readonly("main")? {
        return Err(Error::Failed("the file is read-only".to_owned()).into());
    }
    conn.busy_handler(Some(wait_for_lock))?;
    // Before anything is written: the file may be another program's.
    schema::prepare(&mut conn)?;
    share_by_log(&conn)?;
    // An acknowledged write outlives a power failure.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    finish(conn)
}

/// Opens a store that lives as long as its connection.
pub(super) fn open_memory() -> Step<Connection> {
    let mut conn = Connection::open_in_memory()?;
    schema::prepare(&mut conn)?;
    finish(conn)
}

fn finish(conn: Connection) -> Step<Connection> {
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(conn)
}

/// Puts the file in write-ahead-log mode, in which readers and a writer do not wait for each other. While another
/// process opens the file at the same moment SQLite answers busy without asking the handler.
fn share_by_log(conn: &Connection) -> Step<()> {
    let mut tries = 0;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Error::Failed(format!(
                    "its journal mode stays {mode}; its file system may not suit SQLite"
                ))
                .into());
            }
            Err(error) if is_busy(&error) && wait_for_lock(tries) => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
