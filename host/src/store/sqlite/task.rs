//! One task as the tables hold it: found and read. An expired one is never found.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Step;
use crate::record::{
    Clock, Head, OPENING_END_BYTES, Progress, Status, TaskRecord, Timestamp, TransitionRule, Unreadable,
};
use crate::store::{Access, Error, Mark};

/// How much of a record is read for its head. One with more parameters than that is read whole, but for its entries.
const HEAD_BYTES: i64 = 4_096;

/// What holds for every task of a store.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// How long a record lives after its last change.
    pub(super) ttl: Duration,
    /// What stamps the changes.
    pub(super) clock: Arc<dyn Clock>,
    /// Which moves between statuses are allowed.
    pub(super) rule: TransitionRule,
}

/// The present in the terms of the tables: milliseconds since the Unix epoch.
pub(super) fn now_ms() -> i64 {
    after(Duration::ZERO)
}

/// The moment after a time from now, in the terms of the tables.
pub(super) fn after(time: Duration) -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_add(time);
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// A row of `task` that has not expired.
pub(super) struct Stored {
    pub(super) num: i64,
    pub(super) id: String,
    pub(super) service: String,
    pub(super) user_id: String,
    pub(super) status: String,
    pub(super) updated_at: String,
    pub(super) last_seq: i64,
    /// The run that holds the task.
    pub(super) run: Option<String>,
}

/// A query for tasks that have not expired, with the present as its first parameter.
pub(super) fn select(tail: &str) -> String {
    format!(
        "SELECT num, id, service, user_id, status, updated_at, last_seq, CASE WHEN held_until > ?1 THEN run END
         FROM task WHERE expires_at > ?1 {tail}"
    )
}

impl Stored {
    /// Reads a row of a [`select`].
    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(Self {
            num: row.get(0)?,
            id: row.get(1)?,
            service: row.get(2)?,
            user_id: row.get(3)?,
            status: row.get(4)?,
            updated_at: row.get(5)?,
            last_seq: row.get(6)?,
            run: row.get(7)?,
        })
    }

    /// The task of an id, unless it was never saved, was deleted or has expired.
    pub(super) fn find(conn: &Connection, id: &str) -> Step<Option<Self>> {
        Ok(conn.prepare_cached(&select("AND id = ?2"))?.query_row(params![now_ms(), id], Self::read).optional()?)
    }

    /// The task of an id, if there is one and the access covers it.
    pub(super) fn find_for(conn: &Connection, id: &str, access: &Access) -> Step<Self> {
        let stored = Self::find(conn, id)?.ok_or(Error::NotFound)?;
        stored.check(access)?;
        Ok(stored)
    }

    /// Whether the access covers the task.
    pub(super) fn check(&self, access: &Access) -> Result<(), Error> {
        access.check(&self.service, &self.user_id, self.run.as_deref())
    }

    /// What is another after every write.
    pub(super) fn mark(&self) -> Mark {
        Mark { bytes: 0, digest: format!("{} {} {} {}", self.num, self.last_seq, self.status, self.updated_at) }
    }

    /// The status that it is in.
    pub(super) fn status(&self) -> Step<Status> {
        self.readable(self.status.parse())
    }

    /// When it was last changed.
    pub(super) fn updated_at(&self, policy: &Policy) -> Step<Timestamp> {
        self.readable(Timestamp::parse(&self.updated_at, policy.clock.zone()))
    }

    /// The error for a part of the task that cannot be read.
    pub(super) fn unreadable(&self, why: impl std::fmt::Display) -> Error {
        Error::Unreadable { id: self.id.clone(), why: Unreadable::new(why) }
    }

    fn readable<T>(&self, value: Result<T, impl std::fmt::Display>) -> Step<T> {
        Ok(value.map_err(|why| self.unreadable(why))?)
    }

    /// How far it has come, if anyone has said so.
    pub(super) fn progress(&self, conn: &Connection) -> Step<Option<Progress>> {
        let mut statement = conn.prepare_cached("SELECT text FROM progress WHERE task = ?1")?;
        let text: Option<String> = statement.query_row([self.num], |row| row.get(0)).optional()?;
        Ok(text.and_then(|text| Progress::decode(&text)))
    }

    /// The head of the record.
    pub(super) fn head(&self, conn: &Connection, policy: &Policy) -> Step<Head> {
        let sql =
            "SELECT substr(CAST(record AS BLOB), 1, ?2), substr(CAST(record AS BLOB), -?3) FROM body WHERE task = ?1";
        let parts: Option<(Vec<u8>, Vec<u8>)> = conn
            .prepare_cached(sql)?
            .query_row(params![self.num, HEAD_BYTES, OPENING_END_BYTES as i64], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let mut record = match parts.and_then(|(text, end)| Head::record(&text, &end, policy.clock.zone())) {
            Some(record) => record,
            None => self.body(conn, policy)?,
        };
        record.set_updated_at(self.updated_at(policy)?);
        Ok(Head { status: self.status()?, ..Head::of(&record, self.progress(conn)?) })
    }

    /// The record without its entries.
    pub(super) fn body(&self, conn: &Connection, policy: &Policy) -> Step<TaskRecord> {
        let mut statement = conn.prepare_cached("SELECT record FROM body WHERE task = ?1")?;
        let mut rows = statement.query([self.num])?;
        let decoded = match rows.next()? {
            Some(row) => TaskRecord::decode(row.get_ref(0)?.as_bytes().unwrap_or_default(), policy.clock.zone()),
            None => Err(Unreadable::new("its body is missing")),
        };
        let mut record = self.readable(decoded)?;
        record.set_updated_at(self.updated_at(policy)?);
        Ok(record)
    }

    /// The record with its entries.
    pub(super) fn record(&self, conn: &Connection, policy: &Policy) -> Step<TaskRecord> {
        let mut record = self.body(conn, policy)?;
        let mut logs = "[".to_owned();
        let mut statement = conn.prepare_cached("SELECT text FROM entry WHERE task = ?1 ORDER BY seq")?;
        let mut rows = statement.query([self.num])?;
        let mut separator = "";
        while let Some(row) = rows.next()? {
            logs.push_str(separator);
            logs.push_str(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
            separator = ",";
        }
        logs.push(']');
        self.readable(record.replace_raw_logs(&logs))?;
        Ok(record)
    }
}
