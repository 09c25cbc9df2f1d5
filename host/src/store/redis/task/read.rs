//! Reading one task, from the primary.

use std::time::Instant;

use redis::Value;

use crate::record::{Status, TaskId, TaskRecord, TimeZone};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::link::{Link, Request};
use crate::store::redis::server::session::READ_LAYOUT;
use crate::store::redis::task::layout::Opening;
use crate::store::redis::task::replace::{Found, unreadable};
use crate::store::{Access, Error, Result};

/// How much of a record is read for its owner and status. A longer beginning has the record read whole.
pub(in crate::store::redis) const OPENING_BYTES: usize = 1_023;

/// A record and the metadata's fields, as the server gives them.
type Raw = (Option<Vec<u8>>, (Option<String>, Option<String>, Option<String>));

/// What the script that peeks answers.
type Peeked = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>, usize);

impl RedisStore {
    pub(in crate::store::redis) async fn get_task(&self, id: &TaskId, access: &Access) -> Result<TaskRecord> {
        let found = self.read(id, self.deadline()).await?.ok_or(Error::NotFound)?;
        readable(id, found, access, self.clock.zone()).map(|(_, record)| record)
    }

    pub(in crate::store::redis) async fn status_of(&self, id: &TaskId, access: &Access) -> Result<Status> {
        let deadline = self.deadline();
        let mut pipeline = redis::pipe();
        pipeline.cmd("GETRANGE").arg(keys::record(id.as_str())).arg(0).arg(OPENING_BYTES);
        let Some(found) = read_with(&self.primary, id, pipeline, deadline).await? else { return Err(Error::NotFound) };
        match Opening::read(&found.text) {
            Some(opening) => {
                access.check(&opening.owner.service, &opening.owner.user_id, found.run.as_deref())?;
                Ok(opening.status)
            }
            None => self.get_task(id, access).await.map(|record| record.status()),
        }
    }

    /// A record with what is remembered beside it.
    pub(in crate::store::redis) async fn read(&self, id: &TaskId, deadline: Instant) -> Result<Option<Found>> {
        read_task(&self.primary, id, deadline).await
    }

    /// A record without its log entries, with what is remembered beside it, and where the last byte before the end of the
    /// log is in the whole record. None if there is none, or it is in a shape in
    /// which the entries cannot be told apart: then it has to be read whole.
    pub(in crate::store::redis) async fn peek(&self, id: &TaskId, deadline: Instant) -> Result<Option<(Found, usize)>> {
        let (record, metadata) = (keys::record(id.as_str()), keys::metadata(id.as_str()));
        let answer = match READ_LAYOUT.run(&self.primary, &[&record, &metadata], &[], deadline).await {
            Err(error) => return Err(name_wrong_type(&self.primary, error, id, deadline).await),
            answer => answer?,
        };
        if matches!(&answer, Value::Array(items) if items.is_empty()) {
            return Ok(None);
        }
        let (mut text, tail, service, user_id, run, last): Peeked = parse(answer)?;
        text.extend(tail);
        let field = |bytes: Vec<u8>| String::from_utf8(bytes).ok().filter(|text| !text.is_empty());
        let metadata = field(service).zip(field(user_id)).map(|(service, user_id)| Owner { service, user_id });
        Ok(Some((Found { text, metadata, run: field(run) }, last)))
    }

    /// The owner that a task's metadata names: it outlives the record by a minute.
    pub(in crate::store::redis) async fn metadata_owner(&self, id: &str, deadline: Instant) -> Result<Option<Owner>> {
        let request = |_: &_| {
            let mut cmd = redis::cmd("HMGET");
            cmd.arg(keys::metadata(id)).arg(&["service", "user_id"]);
            Request::One(cmd)
        };
        let (service, user_id): (Option<String>, Option<String>) = parse(self.primary.call(deadline, request).await?)?;
        Ok(service.zip(user_id).map(|(service, user_id)| Owner { service, user_id }))
    }

    /// The type of a key: `none` if there is none.
    pub(in crate::store::redis) async fn type_of(&self, key: &str, deadline: Instant) -> Result<String> {
        type_of(&self.primary, key, deadline).await
    }

    /// The next number of the sequence. A number whose answer was lost is skipped.
    pub(in crate::store::redis) async fn take_id(&self) -> Result<String> {
        let request = |_: &_| {
            let mut cmd = redis::cmd("INCR");
            cmd.arg(keys::SEQUENCE);
            Request::One(cmd)
        };
        let value = match self.primary.call(self.deadline(), request).await {
            Ok(value) => value,
            Err(failure) => return Err(self.sequence_error(failure.into()).await),
        };
        parse::<i64>(value).map(|number| number.to_string())
    }

    pub(in crate::store::redis) async fn peek_id(&self) -> Result<String> {
        let request = |_: &_| {
            let mut cmd = redis::cmd("GET");
            cmd.arg(keys::SEQUENCE);
            Request::One(cmd)
        };
        let value = match self.primary.call(self.deadline(), request).await {
            Ok(value) => value,
            Err(failure) => return Err(self.sequence_error(failure.into()).await),
        };
        let last: Option<String> = parse(value)?;
        let last = last.unwrap_or_else(|| "0".to_owned());
        let next = last.parse::<i64>().ok().and_then(|last| last.checked_add(1));
        next.map(|next| next.to_string())
            .ok_or_else(|| Error::Failed(format!("the key {:?} holds {last:?}, which is no number", keys::SEQUENCE)))
    }

    /// Redis does not say which key holds no number.
    async fn sequence_error(&self, error: Error) -> Error {
        match error {
            Error::Failed(text) if text.contains("WRONGTYPE") => {
                match self.type_of(keys::SEQUENCE, self.deadline()).await {
                    Ok(found) => Error::WrongType { key: keys::SEQUENCE.to_owned(), found, expected: "string" },
                    Err(error) => error,
                }
            }
            Error::Failed(text) if text.contains("not an integer") => {
                Error::Failed(format!("the key {:?} holds no number: {text}", keys::SEQUENCE))
            }
            other => other,
        }
    }
}

/// A record with what is remembered beside it.
pub(in crate::store::redis) async fn read_task(link: &Link, id: &TaskId, deadline: Instant) -> Result<Option<Found>> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg(keys::record(id.as_str()));
    read_with(link, id, pipeline, deadline).await
}

async fn read_with(link: &Link, id: &TaskId, record: redis::Pipeline, deadline: Instant) -> Result<Option<Found>> {
    let request = |_: &_| {
        let mut pipeline = record.clone();
        pipeline.cmd("HMGET").arg(keys::metadata(id.as_str())).arg(&["service", "user_id", "run"]);
        Request::Several(pipeline)
    };
    let value = match link.call(deadline, request).await {
        Ok(value) => value,
        Err(failure) => return Err(name_wrong_type(link, failure.into(), id, deadline).await),
    };
    let (text, (service, user_id, run)): Raw = parse(value)?;
    // GETRANGE gives an empty text for a record that is not there.
    Ok(text.filter(|text| !text.is_empty()).map(|text| Found {
        text,
        metadata: service.zip(user_id).map(|(service, user_id)| Owner { service, user_id }),
        run,
    }))
}

/// A record that can be read and may be touched.
pub(in crate::store::redis) fn readable(
    id: &TaskId,
    found: Found,
    access: &Access,
    zone: &TimeZone,
) -> Result<(Found, TaskRecord)> {
    let record = TaskRecord::decode(&found.text, zone).map_err(|why| unreadable(id, why))?;
    access.check(record.service(), record.user_id(), found.run.as_deref())?;
    Ok((found, record))
}

async fn type_of(link: &Link, key: &str, deadline: Instant) -> Result<String> {
    let request = |_: &_| {
        let mut cmd = redis::cmd("TYPE");
        cmd.arg(key);
        Request::One(cmd)
    };
    parse(link.call(deadline, request).await?)
}

/// Redis does not say which key has the wrong type.
async fn name_wrong_type(link: &Link, error: Error, id: &TaskId, deadline: Instant) -> Error {
    if !matches!(&error, Error::Failed(text) if text.contains("WRONGTYPE")) {
        return error;
    }
    for (key, expected) in [(keys::record(id.as_str()), "string"), (keys::metadata(id.as_str()), "hash")] {
        match type_of(link, &key, deadline).await {
            Ok(found) if found == expected || found == "none" => {}
            Ok(found) => return Error::WrongType { key, found, expected },
            Err(error) => return error,
        }
    }
    error
}

/// An answer of the server as what it was asked for.
pub(in crate::store::redis) fn parse<T: redis::FromRedisValue>(value: Value) -> Result<T> {
    redis::from_redis_value(value).map_err(|error| Error::Failed(format!("an answer that cannot be read: {error}")))
}

/// The answers to several reads, of which those to keys of another type are None.
pub(in crate::store::redis) fn right_typed<T: redis::FromRedisValue>(
    answers: Vec<redis::RedisResult<Value>>,
) -> Result<Vec<Option<T>>> {
    let right_typed = |answer: redis::RedisResult<Value>| match answer {
        Ok(value) => parse(value).map(Some),
        Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
        Err(error) => Err(Error::Failed(error.to_string())),
    };
    answers.into_iter().map(right_typed).collect()
}
