//! Listings, counts and users: the ids come from the indexes, what else is asked from the records, where listings are read.

mod heads;
mod ids;
mod names;
mod page;
mod replica;

use std::collections::{BTreeMap, BTreeSet};

use redis::{FromRedisValue, Pipeline, RedisResult, Value};

pub(super) use self::ids::Listings;
use self::page::{MAX_READ, ahead};
use crate::record::{OPENING_END_BYTES, Opening, Status, TaskRecord};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::{is_wrong_type, right_typed};
use crate::store::redis::task::OPENING_BYTES;
use crate::store::{Counts, Error, Order, Owners, Query, Result, Scope, Tally};

/// How many records are read whole in one go to be counted.
const COUNT_READ: usize = 16;

impl RedisStore {
    pub(in crate::store::redis) async fn count_tasks(&self, scope: &Scope, owners: &Owners) -> Result<Counts> {
        let mut counts = Counts::new();
        let ids = self.ids(scope, false).await?;
        self.each_owner(ids.within(0..ids.len()), scope, owners, |_, _, status| {
            *counts.entry(status).or_default() += 1
        })
        .await?;
        Ok(counts)
    }

    pub(in crate::store::redis) async fn count_matching(&self, query: &Query) -> Result<Counts> {
        let mut counts = Counts::new();
        let ids = self.ids(&query.scope, false).await?;
        let of_all = Query { cursor: None, order: Order::Oldest, ..query.clone() };
        self.each_owner(ahead(&ids, &of_all), &query.scope, &query.owners, |_, _, status| {
            if query.shows(status) {
                *counts.entry(status).or_default() += 1;
            }
        })
        .await?;
        Ok(counts)
    }

    pub(in crate::store::redis) async fn tally_tasks(&self, scope: &Scope, owners: &Owners) -> Result<Vec<Tally>> {
        let mut tally = BTreeMap::<String, BTreeMap<String, Counts>>::new();
        let ids = self.ids(scope, false).await?;
        self.each_owner(ids.within(0..ids.len()), scope, owners, |service, user, status| {
            // Names are copied once for each owner, and not once for each task.
            if !tally.get(service).is_some_and(|users| users.contains_key(user)) {
                tally.entry(service.to_owned()).or_default().insert(user.to_owned(), Counts::new());
            }
            if let Some(counts) = tally.get_mut(service).and_then(|users| users.get_mut(user)) {
                *counts.entry(status).or_default() += 1;
            }
        })
        .await?;
        let of_service = |(service, users): (String, BTreeMap<String, Counts>)| {
            users.into_iter().map(move |(user_id, counts)| Tally { service: service.clone(), user_id, counts })
        };
        Ok(tally.into_iter().flat_map(of_service).collect())
    }

    /// Tells whose each of these tasks is that belongs into a scope and is one of these owners', and how it stands.
    async fn each_owner(
        &self,
        ids: impl Iterator<Item = &str>,
        scope: &Scope,
        owners: &Owners,
        mut tell: impl FnMut(&str, &str, Status),
    ) -> Result<()> {
        let mut add = |service: &str, user: &str, status: Status| {
            if covers(scope, owners, service, user) {
                tell(service, user, status);
            }
        };
        let mut ids = ids.peekable();
        while ids.peek().is_some() {
            let ids: Vec<&str> = ids.by_ref().take(MAX_READ).collect();
            let mut openings = self.read_openings(&ids).await?;
            self.forget_unsettled(&ids, &mut openings).await?;
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
        Ok(())
    }

    /// Empties the beginnings of those records whose ends do not show that they tell the whole: a field may be given
    /// twice, and then the last one counts.
    async fn forget_unsettled(&self, ids: &[impl AsRef<str>], openings: &mut [Vec<u8>]) -> Result<()> {
        let ends = self.read_each::<Vec<u8>>(ids, |pipeline, id| {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(-(OPENING_END_BYTES as i64)).arg(-1);
        });
        for (opening, end) in openings.iter_mut().zip(ends.await?) {
            if !Opening::is_settled(&end.unwrap_or_default()) {
                opening.clear();
            }
        }
        Ok(())
    }

    pub(in crate::store::redis) async fn list_users(&self, service: &str) -> Result<Vec<String>> {
        let users = self.members(&keys::service_users(service)).await?;
        Ok(users.borrowed().into_iter().map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// The beginnings of records: empty for those that are not there, or are no strings.
    async fn read_openings(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Vec<u8>>> {
        let openings = self.read_each(ids, |pipeline, id| {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(0).arg(OPENING_BYTES);
        });
        Ok(openings.await?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The texts of records: empty for those that are not there, or are no strings.
    async fn read_records(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Vec<u8>>> {
        // One command each, so that none keeps the server for long.
        let texts = self.read_each(ids, |pipeline, id| {
            pipeline.cmd("GET").arg(keys::record(id));
        });
        let texts: Vec<Option<Option<Vec<u8>>>> = texts.await?;
        Ok(texts.into_iter().map(|text| text.flatten().unwrap_or_default()).collect())
    }

    /// Asks something about each of several tasks, where listings are read: the replica, or the primary while there is
    /// none that is linked. None for those that are no strings.
    async fn read_each<T: FromRedisValue>(
        &self,
        ids: &[impl AsRef<str>],
        ask: impl Fn(&mut Pipeline, &str),
    ) -> Result<Vec<Option<T>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        // Of keys of another type, the others' answers are still good.
        pipeline.ignore_errors();
        for id in ids {
            ask(&mut pipeline, id.as_ref());
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
