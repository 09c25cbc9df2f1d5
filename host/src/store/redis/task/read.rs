//! Reading one task, from the primary.

use std::sync::LazyLock;
use std::time::Instant;

use redis::{FromRedisValue, Pipeline, Value};

use crate::record::{Encoded, Opening, Progress, Status, TaskId, TaskRecord, TimeZone, Unreadable};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::{Failure, Link, Script, parse};
use crate::store::{Access, Error, Mark, Result};

/// How much of a record is read for its owner and status. A longer beginning has the record read whole.
pub(in crate::store::redis) const OPENING_BYTES: usize = 1_023;

/// How much of a record's beginning and end is read for all but its log, first and if that does not reach.
const END_BYTES: [usize; 2] = [4 << 10, 256 << 10];

static READ_OPENINGS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read_openings.lua")));

static MARKS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("marks.lua")));

/// How much of a record's beginning and end its mark tells of.
const MARKED_BYTES: usize = 4 << 10;

/// How much of each record is read where many are, and how many are read in one step.
const SHORT_OPENING_BYTES: usize = 255;
const OPENINGS_STEP: usize = 500;

/// The beginning of a record, and the fields of its metadata.
type OpeningRead = (Vec<u8>, Option<String>, Option<String>, Option<String>);

/// The fields of the metadata, as the server gives them.
type Metadata = (Option<String>, Option<String>, Option<String>);

/// A record as it was read, with what is remembered beside it.
pub(in crate::store::redis) struct Found {
    pub(in crate::store::redis) text: Vec<u8>,
    /// The owner that the metadata names.
    pub(super) metadata: Option<Owner>,
    /// The run that holds the task.
    pub(super) run: Option<String>,
}

/// A record without its log entries.
pub(super) struct AroundLog {
    pub(super) record: TaskRecord,
    pub(super) encoded: Encoded,
    /// Where the last byte before the end of the log is in the whole record.
    pub(super) last: usize,
    /// The run that holds the task.
    pub(super) run: Option<String>,
}

impl RedisStore {
    pub(in crate::store::redis) async fn get_task(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        let found = read_task(&self.primary, id, self.deadline()).await?.ok_or(Error::NotFound)?;
        readable(id, &found, access, self.clock.zone())
    }

    pub(in crate::store::redis) async fn status_of(&self, id: &TaskId, access: &Access) -> Result<Status> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GETRANGE").arg(keys::record(id.as_str())).arg(0).arg(OPENING_BYTES);
        let (text, metadata): (Vec<u8>, _) = read_with(&self.primary, id, pipeline, self.deadline()).await?;
        let Some(found) = Found::of(Some(text), metadata) else { return Err(Error::NotFound) };
        match Opening::read(&found.text) {
            Some(opening) => {
                access.check(&opening.service, &opening.user_id, found.run.as_deref())?;
                Ok(opening.status)
            }
            None => self.get_task(id, access).await.map(|record| record.status()),
        }
    }

    pub(in crate::store::redis) async fn progress_of(&self, id: &TaskId, access: &Access) -> Result<Option<Progress>> {
        self.status_of(id, access).await?;
        read_progress(&self.primary, id, self.deadline()).await
    }

    pub(in crate::store::redis) async fn statuses_of(&self, tasks: &[(TaskId, Access)]) -> Result<Vec<Result<Status>>> {
        let mut statuses = Vec::with_capacity(tasks.len());
        for step in tasks.chunks(OPENINGS_STEP) {
            let names = step.iter().map(|(id, _)| id.as_str());
            let keys: Vec<String> = names.flat_map(|id| [keys::record(id), keys::metadata(id)]).collect();
            let bytes = SHORT_OPENING_BYTES.to_string();
            let openings: Vec<Option<OpeningRead>> =
                READ_OPENINGS.run(&self.primary, &keys, &[bytes], self.deadline()).await?;
            for ((id, access), opening) in step.iter().zip(openings) {
                statuses.push(match opening.and_then(|read| status_in(read, access)) {
                    Some(status) => status,
                    // A long beginning, or one that cannot be read.
                    None => self.status_of(id, access).await,
                });
            }
        }
        Ok(statuses)
    }

    pub(in crate::store::redis) async fn marks_of(&self, ids: &[TaskId]) -> Result<Vec<Option<Mark>>> {
        let mut marks = Vec::with_capacity(ids.len());
        for step in ids.chunks(OPENINGS_STEP) {
            let keys: Vec<String> = step.iter().map(|id| keys::record(id.as_str())).collect();
            let bytes = MARKED_BYTES.to_string();
            let read: Vec<Option<(u64, String)>> = MARKS.run(&self.primary, &keys, &[bytes], self.deadline()).await?;
            marks.extend(read.into_iter().map(|mark| mark.map(|(bytes, digest)| Mark { bytes, digest })));
        }
        Ok(marks)
    }

    /// The record of a task that is to be replaced or removed, if it can be read, and the owners under whom it may stand in
    /// the indexes. Only who may touch everything may touch what nobody can read.
    pub(super) fn owned(
        &self,
        id: &TaskId,
        found: &Found,
        access: &Access,
    ) -> Result<(Option<TaskRecord>, Vec<Owner>)> {
        let mut owners: Vec<Owner> = found.metadata.clone().into_iter().collect();
        let record = match TaskRecord::decode(&found.text, self.clock.zone()) {
            Err(why) if *access != Access::ANY => return Err(unreadable(id, why)),
            decoded => decoded.ok(),
        };
        if let Some(record) = &record {
            access.check(record.service(), record.user_id(), found.run.as_deref())?;
            owners.push(Owner::new(record.service(), record.user_id()));
        }
        owners.dedup();
        Ok((record, owners))
    }

    /// The number of the sequence so far after the last one. A number whose answer was lost is skipped.
    pub(in crate::store::redis) async fn take_id(&self, step: i64) -> Result<String> {
        self.sequence::<i64>("INCRBY", Some(step)).await.map(|number| number.to_string())
    }

    pub(in crate::store::redis) async fn peek_id(&self) -> Result<String> {
        let last: Option<String> = self.sequence("GET", None).await?;
        let last = last.unwrap_or_else(|| "0".to_owned());
        let next = last.parse::<i64>().ok().and_then(|last| last.checked_add(1));
        next.map(|next| next.to_string())
            .ok_or_else(|| Error::Failed(format!("the key {:?} holds {last:?}, which is not a number", keys::SEQUENCE)))
    }

    async fn sequence<T: FromRedisValue>(&self, command: &str, step: Option<i64>) -> Result<T> {
        let deadline = self.deadline();
        match self.primary.query(redis::cmd(command).arg(keys::SEQUENCE).arg(step), deadline).await {
            Ok(answer) => Ok(answer),
            Err(Failure { error: Error::Failed(text), .. }) if text.contains("not an integer") => {
                Err(Error::Failed(format!("the key {:?} does not hold a number: {text}", keys::SEQUENCE)))
            }
            Err(failure) => {
                let touched = [(keys::SEQUENCE.to_owned(), "string")];
                Err(self.primary.name_wrong_type(failure, &touched, deadline).await)
            }
        }
    }
}

/// The status that the beginning of a record tells, if it reaches that far.
fn status_in((text, service, user_id, run): OpeningRead, access: &Access) -> Option<Result<Status>> {
    let Some(found) = Found::of(Some(text), (service, user_id, run)) else { return Some(Err(Error::NotFound)) };
    let opening = Opening::read(&found.text)?;
    let allowed = access.check(&opening.service, &opening.user_id, found.run.as_deref());
    Some(allowed.map(|()| opening.status))
}

/// How far a task has come, if anyone has said so.
pub(in crate::store::redis) async fn read_progress(
    link: &Link,
    id: &TaskId,
    deadline: Instant,
) -> Result<Option<Progress>> {
    let mut read = redis::cmd("HGET");
    read.arg(keys::metadata(id.as_str())).arg("progress");
    let text: Option<String> = link.query(&read, deadline).await?;
    Ok(text.and_then(|text| Progress::decode(&text)))
}

/// A record with what is remembered beside it. One that is empty is none: that is how others read it, too.
pub(in crate::store::redis) async fn read_task(link: &Link, id: &TaskId, deadline: Instant) -> Result<Option<Found>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg(keys::record(id.as_str()));
    let (text, metadata) = read_with(link, id, pipeline, deadline).await?;
    Ok(Found::of(text, metadata))
}

/// A record without its log, at a cost that does not depend on the log. None if there is no record, or its shape is another
/// than this host's: then it has to be read whole.
pub(super) async fn read_around_log(
    link: &Link,
    id: &TaskId,
    zone: &TimeZone,
    deadline: Instant,
) -> Result<Option<AroundLog>> {
    for bytes in END_BYTES {
        let key = keys::record(id.as_str());
        let mut pipeline = redis::pipe();
        // Others may write in between. What the script then compares tells.
        pipeline.cmd("GETRANGE").arg(&key).arg(0).arg(bytes - 1);
        pipeline.cmd("STRLEN").arg(&key);
        pipeline.cmd("GETRANGE").arg(&key).arg(format!("-{bytes}")).arg(-1);
        let (start, length, end, (.., run)): (Vec<u8>, usize, Vec<u8>, Metadata) =
            read_with(link, id, pipeline, deadline).await?;
        if let Some((record, encoded)) =
            TaskRecord::decode_around_log(&start, &end, length.saturating_sub(end.len()), zone)
        {
            let last = length.saturating_sub(encoded.tail().len() + 1);
            return Ok(Some(AroundLog { record, encoded, last, run }));
        }
        if length <= bytes {
            break;
        }
    }
    Ok(None)
}

/// Reads of a record, and the metadata after them.
async fn read_with<T: FromRedisValue>(link: &Link, id: &TaskId, mut reads: Pipeline, deadline: Instant) -> Result<T> {
    reads.cmd("HMGET").arg(keys::metadata(id.as_str())).arg(&["service", "user_id", "run"]);
    match link.query_all(&reads, deadline).await {
        Ok(answer) => Ok(answer),
        Err(failure) => {
            let touched = [(keys::record(id.as_str()), "string"), (keys::metadata(id.as_str()), "hash")];
            Err(link.name_wrong_type(failure, &touched, deadline).await)
        }
    }
}

/// The owners that the metadata of tasks names: it outlives the record by a minute. None where there is none that can be
/// read.
pub(in crate::store::redis) async fn metadata_owners(
    link: &Link,
    ids: &[impl AsRef<str>],
    deadline: Instant,
) -> Result<Vec<Option<Owner>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = redis::pipe();
    pipeline.ignore_errors();
    for id in ids {
        pipeline.cmd("HMGET").arg(keys::metadata(id.as_ref())).arg(&["service", "user_id"]);
    }
    let answers: Vec<Value> = link.query_all(&pipeline, deadline).await?;
    let owner = |answer| parse(answer).ok().and_then(|(service, user_id)| Owner::named(service, user_id));
    Ok(answers.into_iter().map(owner).collect())
}

impl Found {
    fn of(text: Option<Vec<u8>>, (service, user_id, run): Metadata) -> Option<Self> {
        let metadata = Owner::named(service, user_id);
        text.filter(|text| !text.is_empty()).map(|text| Self { text, metadata, run })
    }
}

/// A record that can be read and may be touched.
pub(in crate::store::redis) fn readable(
    id: &TaskId,
    found: &Found,
    access: &Access,
    zone: &TimeZone,
) -> Result<TaskRecord> {
    let record = TaskRecord::decode(&found.text, zone).map_err(|why| unreadable(id, why))?;
    access.check(record.service(), record.user_id(), found.run.as_deref())?;
    Ok(record)
}

fn unreadable(id: &TaskId, why: Unreadable) -> Error {
    Error::Unreadable { id: id.as_str().to_owned(), why }
}
