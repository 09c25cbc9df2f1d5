//! Listings, counts and users: the ids come from the indexes, what else is asked from the records, where listings are read.

mod ids;
mod page;
mod replica;

use redis::{FromRedisValue, Pipeline, RedisResult, Value};

pub(super) use self::ids::Listings;
use self::page::MAX_READ;
use crate::record::{OPENING_END_BYTES, Opening, Status, TaskRecord};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::{is_wrong_type, right_typed};
use crate::store::redis::task::OPENING_BYTES;
use crate::store::{Counts, Error, Owners, Result, Scope};

/// How many records are read whole in one go to be counted.
const COUNT_READ: usize = 16;

impl RedisStore {
    pub(in crate::store::redis) async fn count_tasks(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        let mut counts = Counts::new();
        let mut add = |service: &str, user: &str, status: Status| {
            if covers(scope, owners, service, user) {
                *counts.entry(status).or_default() += 1;
            }
        };
        for ids in self.ids(scope, false).await?.chunks(MAX_READ) {
            let mut openings = self.read_openings(ids).await?;
            self.forget_unsettled(ids, &mut openings).await?;
            // The beginning does not tell of a record in another shape. Such ones may be large: a few at a time.
            let mut untold = Vec::new();
            for (id, text) in ids.iter().zip(openings) {
                match Opening::read(&text) {
                    Some(opening) => add(&opening.service, &opening.user_id, opening.status),
                    None => untold.push(id),
                }
            }
            for ids in untold.chunks(COUNT_READ) {
                for text in self.read_records(ids).await? {
                    if let Ok(record) = TaskRecord::decode(&text, self.clock.zone()) {
                        add(record.service(), record.user_id(), record.status());
                    }
                }
            }
        }
        Ok(counts)
    }

    /// Empties the beginnings of those records whose ends do not show that they tell the whole: a field may be given
    /// twice, and then the last one counts.
    async fn forget_unsettled(&self, ids: &[String], openings: &mut [Vec<u8>]) -> Result<()> {
        let ends = self.read_each::<Vec<u8>>(ids, |pipeline, key| {
            pipeline.cmd("GETRANGE").arg(key).arg(-(OPENING_END_BYTES as i64)).arg(-1);
        });
        for (opening, end) in openings.iter_mut().zip(ends.await?) {
            if !Opening::is_settled(&end.unwrap_or_default()) {
                opening.clear();
            }
        }
        Ok(())
    }

    pub(in crate::store::redis) async fn list_users(&self, service: &str) -> Result<Vec<String>> {
        let mut users = self.members(&keys::service_users(service)).await?;
        users.sort();
        users.dedup();
        Ok(users)
    }

    /// The beginnings of records: empty for those that are not there, or are no strings.
    async fn read_openings(&self, ids: &[String]) -> Result<Vec<Vec<u8>>> {
        let openings = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("GETRANGE").arg(key).arg(0).arg(OPENING_BYTES);
        });
        Ok(openings.await?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The texts of records: empty for those that are not there, or are no strings.
    async fn read_records(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Vec<u8>>> {
        // One command each, so that none keeps the server for long.
        let texts = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("GET").arg(key);
        });
        let texts: Vec<Option<Option<Vec<u8>>>> = texts.await?;
        Ok(texts.into_iter().map(|text| text.flatten().unwrap_or_default()).collect())
    }

    /// Asks something of each of several records, where listings are read: the replica, or the primary while there is
    /// none that is linked. None for those that are no strings.
    async fn read_each<T: FromRedisValue>(
        &self,
        ids: &[impl AsRef<str>],
        ask: impl Fn(&mut Pipeline, String),
    ) -> Result<Vec<Option<T>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        // Of keys of another type, the others' answers are still good.
        pipeline.ignore_errors();
        for id in ids {
            ask(&mut pipeline, keys::record(id.as_ref()));
        }
        if let Some((replica, link)) = self.listings.replica().await {
            match link.query_all::<Vec<_>>(&pipeline, replica.deadline()).await {
                Ok(answers) if all_usable(&answers) => return right_typed(answers),
                Ok(_) => replica.avoid(&Error::Unavailable("it refuses to be read".to_owned())).await,
                Err(failure) => replica.avoid(&failure.into()).await,
            }
        }
        right_typed(self.primary.query_all(&pipeline, self.deadline()).await?)
    }
}

fn covers(scope: &Scope, owners: &Owners, service: &str, user_id: &str) -> bool {
    scope.covers(service, user_id) && owners.check(service, user_id).is_ok()
}

/// Whether a server's answers are about the records rather than about itself.
fn all_usable(answers: &[RedisResult<Value>]) -> bool {
    answers.iter().all(|answer| answer.as_ref().err().is_none_or(is_wrong_type))
}
