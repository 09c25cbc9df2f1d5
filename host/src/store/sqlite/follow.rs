//! What happens to a task from now on.
//!
//! SQLite tells nobody that a file has changed; it can be asked cheaply whether it has. All followers of a process share
//! the answer, and only when it is yes does each look at its task.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::fault::Step;
use super::task::Stored;
use super::worker::Worker;
use crate::record::{TaskId, TaskResult};
use crate::store::{Access, Error, News, Result};

/// How long a follower sleeps between two looks.
const PAUSE: Duration = Duration::from_millis(40);

/// How long an answer to whether the file has changed is good for.
const FRESH: Duration = Duration::from_millis(20);

/// After this long a follower looks at its task although nothing was written: it may have expired.
const EXPIRY: Duration = Duration::from_secs(1);

/// Tells whether the store's content may have changed.
#[derive(Clone)]
pub(super) struct Watch {
    reads: Worker,
    last: Arc<Mutex<Option<(Instant, Version)>>>,
}

/// Differs whenever something was written in between: by another connection, or by the one that is asked.
pub(super) type Version = (i64, u64);

impl Watch {
    pub(super) fn new(reads: Worker) -> Self {
        Self { reads, last: Arc::default() }
    }

    pub(super) async fn version(&self) -> Result<Version> {
        let mut last = self.last.lock().await;
        if let Some((at, version)) = *last
            && at.elapsed() < FRESH
        {
            return Ok(version);
        }
        let asked = Instant::now();
        let version = self.reads.run(version).await?;
        *last = Some((asked, version));
        Ok(version)
    }
}

fn version(conn: &Connection) -> Step<Version> {
    let others = conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
    Ok((others, conn.total_changes()))
}

/// One follower of one task.
struct Follower {
    watch: Watch,
    id: TaskId,
    access: Access,
    seen: Seen,
    version: Version,
    looked: Instant,
    /// What was told last, without the entries.
    shown: News,
}

/// How far a follower has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The first row of the task: one that was saved again after its end is another one.
    first: i64,
    last_seq: i64,
    entries: usize,
}

/// Where the entries begin that a look is for.
enum From {
    Index(usize),
    After(Seen),
}

/// Follows a task: its present state first, then what changes.
pub(super) async fn follow(
    watch: Watch,
    id: TaskId,
    skip: usize,
    access: Access,
) -> Result<BoxStream<'static, Result<News>>> {
    // Asked before the look, so that what is written in between counts as a change.
    let version = watch.version().await?;
    let looked = Instant::now();
    let (first, seen) = look(&watch, &id, &access, From::Index(skip)).await?;
    let ended = first.status.is_terminal();
    let shown = News { entries: Vec::new(), ..first.clone() };
    let follower = Follower { watch, id, access, seen, version, looked, shown };
    let rest = stream::unfold((!ended).then_some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(news) => {
                let ended = news.status.is_terminal();
                Some((Ok(news), (!ended).then_some(follower)))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(stream::once(std::future::ready(Ok(first))).chain(rest).boxed())
}

impl Follower {
    /// Waits until something has happened to the task.
    async fn next(&mut self) -> Result<News> {
        loop {
            sleep(PAUSE).await;
            let version = self.watch.version().await?;
            if version == self.version && self.looked.elapsed() < EXPIRY {
                continue;
            }
            self.version = version;
            self.looked = Instant::now();
            let (news, seen) = look(&self.watch, &self.id, &self.access, From::After(self.seen)).await?;
            self.seen = seen;
            if !news.entries.is_empty() || !news.is_like(&self.shown) {
                self.shown = News { entries: Vec::new(), ..news.clone() };
                return Ok(news);
            }
        }
    }
}

async fn look(watch: &Watch, id: &TaskId, access: &Access, from: From) -> Result<(News, Seen)> {
    let (id, access) = (id.clone(), access.clone());
    watch.reads.run(move |conn| look_at(conn, &id, &access, from)).await
}

fn look_at(conn: &Connection, id: &TaskId, access: &Access, from: From) -> Step<(News, Seen)> {
    let stored = Stored::find_for(conn, id.as_str(), access)?;
    let first = "SELECT ifnull((SELECT first FROM successor WHERE task = ?1), ?1)";
    let first = conn.prepare_cached(first)?.query_row([stored.num], |row| row.get(0))?;
    let (after, skip, before) = match from {
        From::After(seen) if seen.first != first => return Err(Error::NotFound.into()),
        From::After(seen) => (seen.last_seq, 0, seen.entries),
        From::Index(skip) => (0, skip, skip.min(count(conn, stored.num)?)),
    };
    let sql = "SELECT text FROM entry WHERE task = ?1 AND seq > ?2 ORDER BY seq LIMIT -1 OFFSET ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![stored.num, after, i64::try_from(skip).unwrap_or(i64::MAX)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?;
        entries.push(serde_json::from_slice(text).map_err(|why| stored.unreadable(why))?);
    }
    let (status, progress) = (stored.status()?, stored.progress(conn)?);
    let total = before + entries.len();
    let seen = Seen { first, last_seq: stored.last_seq, entries: total };
    let body = "SELECT CAST(record AS BLOB) FROM body WHERE task = ?1";
    let body: Option<Vec<u8>> = conn.prepare_cached(body)?.query_row([stored.num], |row| row.get(0)).optional()?;
    let result = body.map_or_else(TaskResult::default, |record| TaskResult::of(&record));
    Ok((News { status, entries, from: before, total, progress, result }, seen))
}

/// How many entries a task has.
fn count(conn: &Connection, task: i64) -> Step<usize> {
    let sql = "SELECT count(*) FROM entry WHERE task = ?1";
    let count: i64 = conn.prepare_cached(sql)?.query_row([task], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}
