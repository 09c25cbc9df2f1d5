//! Which tasks are written to, by whichever process.
//!
//! Triggers in the file take note of it, so that processes of an older version do, too: only while somebody watches, and
//! of no more than the last so many writes. All who watch in this process are told by one look at what is new, when the file
//! has changed.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::time::{Instant, sleep};

use super::fault::Step;
use super::follow::Watch;
use super::task::{after, now_ms};
use super::worker::Worker;
use crate::store::changes::Feed;
use crate::store::{Changed, Result};

/// How long a watcher sleeps between two looks.
const PAUSE: Duration = Duration::from_millis(40);

/// For how long notes are taken unless somebody still watches, and how often he says so.
const WATCHED: Duration = Duration::from_secs(60);
const SAY_AGAIN: Duration = Duration::from_secs(20);

/// How long to wait after a look that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What a watcher asks of the file.
pub(super) struct Watcher {
    pub(super) writes: Worker,
    pub(super) reads: Worker,
    pub(super) watch: Watch,
}

/// Tells those who watch, until it is dropped.
pub(super) async fn keep_telling(watcher: Watcher, feed: Arc<Feed>) {
    let mut complaint = None;
    loop {
        let Err(error) = watcher.tell(&feed, &mut complaint).await;
        let error = error.to_string();
        if complaint.as_ref() != Some(&error) {
            tracing::warn!(error, "cannot look for changes to tasks");
            complaint = Some(error);
        }
        sleep(AGAIN).await;
    }
}

impl Watcher {
    async fn tell(&self, feed: &Feed, complaint: &mut Option<String>) -> Result<std::convert::Infallible> {
        let (_, mut seen) = self.say().await?;
        let mut said = Instant::now();
        // Older than anything that is written from here on.
        let mut version = None;
        feed.tell(&Changed::All);
        *complaint = None;
        loop {
            sleep(PAUSE).await;
            if said.elapsed() >= SAY_AGAIN {
                let (was_watched, last) = self.say().await?;
                said = Instant::now();
                if !was_watched {
                    seen = last;
                    feed.tell(&Changed::All);
                }
            }
            let now = self.watch.version().await?;
            if version.replace(now) == Some(now) {
                continue;
            }
            let (changed, last) = self.reads.run(move |conn| changed_since(conn, seen)).await?;
            seen = last;
            if changed != Changed::Tasks(Vec::new()) {
                feed.tell(&changed);
            }
        }
    }

    /// Says that somebody watches. Gives whether somebody did until now, and the last note.
    async fn say(&self) -> Result<(bool, i64)> {
        self.writes.run(say).await
    }
}

fn say(conn: &Connection) -> Step<(bool, i64)> {
    let until: i64 =
        conn.prepare_cached("SELECT ifnull(max(until), 0) FROM watched")?.query_row([], |row| row.get(0))?;
    let sql = "INSERT INTO watched (one, until) VALUES (1, ?1)
               ON CONFLICT DO UPDATE SET until = max(until, excluded.until)";
    conn.prepare_cached(sql)?.execute([after(WATCHED)])?;
    Ok((until > now_ms(), last_note(conn)?))
}

fn last_note(conn: &Connection) -> Step<i64> {
    Ok(conn.prepare_cached("SELECT ifnull(max(seq), 0) FROM changed")?.query_row([], |row| row.get(0))?)
}

/// The tasks that were written to since a note, and the last note.
fn changed_since(conn: &Connection, seen: i64) -> Step<(Changed, i64)> {
    let mut statement = conn.prepare_cached("SELECT seq, task_id FROM changed WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query(params![seen])?;
    let (mut ids, mut last) = (std::collections::HashSet::new(), seen);
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        if seq != last + 1 {
            // Earlier notes are gone.
            return Ok((Changed::All, last_note(conn)?));
        }
        last = seq;
        ids.insert(row.get(1)?);
    }
    Ok((Changed::Tasks(ids.into_iter().collect()), last))
}
