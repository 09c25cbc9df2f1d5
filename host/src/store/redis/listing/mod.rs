//! Listings: the ids of a scope are scanned once and held for a short while, the records are read page by page.

mod replica;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::Value;

use self::replica::Replica;
use crate::record::{InvalidValue, OPENING_END_BYTES, Opening, Status, TaskRecord, compare_ids, sort_key};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::{Failure, Link, right_typed};
use crate::store::redis::task::OPENING_BYTES;
use crate::store::{
    Counts, Error, MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, MAX_PAGE_TASKS, Owners, Page, Query, RedisUrl, Result, Scope,
    Skipped,
};

/// How long the ids of a scope are held, so that walking all pages scans once.
const HOLD: Duration = Duration::from_secs(30);

/// How many scopes are held at once.
const MAX_HELD: usize = 8;

/// How many ids are held of all scopes together, unless one scope alone has more.
const MAX_HELD_IDS: usize = 1_000_000;

/// How many members one step of a scan looks at: a fraction of a millisecond of the server's time.
const SCAN_COUNT: usize = 500;

/// How often a scan begins anew because the connection was made anew: another server may have another order.
const MAX_SCANS: usize = 5;

/// How many records are read whole in one go to be counted.
const COUNT_READ: usize = 16;

/// How many records are looked at in one go, at the most.
const MAX_READ: usize = 200;

/// How many records of another status a page passes over before it ends early.
const MAX_PASSED: usize = 10_000;

/// Where listings are read, and what is held of them.
#[derive(Debug)]
pub(in crate::store::redis) struct Listings {
    replica: Option<Replica>,
    held: Mutex<HashMap<String, Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    ids: Arc<Vec<String>>,
    at: Instant,
}

impl Listings {
    pub(in crate::store::redis) fn new(read_url: Option<&RedisUrl>, options: &RedisOptions) -> Self {
        Self { replica: read_url.map(|url| Replica::new(url, options)), held: Mutex::default() }
    }

    /// The replica, if there is one that is to be read from.
    async fn replica(&self) -> Option<(&Replica, &Link)> {
        let replica = self.replica.as_ref()?;
        replica.usable().await.map(|link| (replica, link))
    }

    fn held(&self, key: &str) -> Option<Arc<Vec<String>>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).filter(|held| held.at.elapsed() < HOLD).map(|held| Arc::clone(&held.ids))
    }

    fn hold(&self, key: &str, ids: &Arc<Vec<String>>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(key);
        held.retain(|_, held| held.at.elapsed() < HOLD);
        let too_many = |held: &HashMap<String, Held>| {
            let others: usize = held.values().map(|held| held.ids.len()).sum();
            held.len() >= MAX_HELD || others + ids.len() > MAX_HELD_IDS
        };
        while too_many(&held)
            && let Some(oldest) = held.iter().min_by_key(|(_, held)| held.at).map(|(key, _)| key.clone())
        {
            held.remove(&oldest);
        }
        held.insert(key.to_owned(), Held { ids: Arc::clone(ids), at: Instant::now() });
    }
}

/// What a first look at a record tells of its place in a listing.
enum Look {
    /// It is gone, or not the caller's to see.
    Hidden,
    /// It has another status than asked for.
    Passed,
    /// It is to be read: that many bytes.
    Wanted(usize),
}

/// A page in the making.
struct Filling<'a> {
    query: &'a Query,
    page: Page,
    bytes: usize,
    passed: usize,
    /// The last id that the caller may see. A cursor that names another one would tell of it.
    last_seen: Option<&'a str>,
}

impl<'a> Filling<'a> {
    fn room(&self) -> usize {
        self.query.limit - self.page.tasks.len()
    }

    /// Whether a record of that size goes on the page beside others.
    fn fits(&self, pending: usize, size: usize) -> bool {
        self.bytes + pending == 0 || self.bytes + pending + size <= MAX_PAGE_BYTES
    }

    /// Puts a record on the page, if it belongs there.
    fn show(&mut self, id: &'a str, decoded: std::result::Result<TaskRecord, crate::record::Unreadable>, size: usize) {
        match decoded {
            Err(why) => {
                // Whose it is cannot be told, so it ends a page for those only who may see everything.
                if self.query.owners == Owners::ANY {
                    self.last_seen = Some(id);
                    self.bytes += size;
                }
                if self.page.skipped.len() < MAX_PAGE_SKIPPED {
                    self.page.skipped.push(Skipped { id: id.to_owned(), why });
                } else {
                    self.page.more_skipped += 1;
                }
            }
            Ok(record) => {
                // An index may name a task that has another owner by now.
                if !covers(&self.query.scope, &self.query.owners, record.service(), record.user_id()) {
                    return;
                }
                self.last_seen = Some(id);
                if self.query.status.is_none_or(|status| status == record.status()) {
                    self.page.tasks.push(record);
                    self.bytes += size;
                } else {
                    self.passed += 1;
                }
            }
        }
    }

    /// Whether it has come upon as much as a page may.
    fn has_seen_enough(&self) -> bool {
        let skips = self.query.owners == Owners::ANY && self.page.skipped.len() >= MAX_PAGE_SKIPPED;
        self.room() == 0 || self.passed >= MAX_PASSED || skips
    }

    /// The page, which others follow.
    fn ended(mut self) -> Page {
        self.page.next = self.last_seen.map(str::to_owned);
        self.page
    }
}

impl RedisStore {
    pub(in crate::store::redis) async fn list_tasks(&self, query: &Query) -> Result<Page> {
        if !(1..=MAX_PAGE_TASKS).contains(&query.limit) {
            let why = format!("a page holds 1 to {MAX_PAGE_TASKS} tasks");
            return Err(InvalidValue::new("limit", &query.limit.to_string(), why).into());
        }
        let ids = self.ids(&query.scope, query.cursor.is_some()).await?;
        let start = match &query.cursor {
            None => 0,
            Some(cursor) => ids.partition_point(|id| compare_ids(id, cursor).is_le()),
        };
        let page = Page::default();
        let mut filling = Filling { query, page, bytes: 0, passed: 0, last_seen: None };
        let mut next = start;
        while next < ids.len() {
            let step = &ids[next..ids.len().min(next + MAX_READ)];
            let looks = self.look_at(query, step).await?;
            let mut at = 0;
            while at < step.len() {
                let (end, wanted) = choose(&mut filling, step, &looks, at);
                if end == at {
                    // The next record does not fit.
                    return Ok(filling.ended());
                }
                let texts = self.read_records(&wanted).await?;
                for (id, text) in wanted.into_iter().zip(texts) {
                    // One that is empty has expired, or was deleted, since it was looked at.
                    if !text.is_empty() {
                        filling.show(id, TaskRecord::decode(&text, self.clock.zone()), text.len());
                    }
                }
                at = end;
                if next + at < ids.len() && filling.has_seen_enough() {
                    return Ok(filling.ended());
                }
            }
            next += step.len();
        }
        Ok(filling.page)
    }

    /// What can be said of records before they are read whole: their size and, where that matters, owner and status.
    async fn look_at(&self, query: &Query, ids: &[String]) -> Result<Vec<Look>> {
        let filtered = query.status.is_some() || query.owners != Owners::ANY;
        let sizes = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("STRLEN").arg(key);
        });
        let sizes: Vec<Option<usize>> = right_typed(sizes.await?)?;
        let mut openings = if filtered { self.read_openings(ids).await? } else { vec![Vec::new(); ids.len()] };
        if query.status.is_some() {
            self.forget_unsettled(ids, &mut openings).await?;
        }
        let look = |((id, size), opening): ((&String, Option<usize>), Vec<u8>)| match (size, Opening::read(&opening)) {
            (None, _) => {
                tracing::warn!(task = id, "the key of a record holds another type and is left out of a listing");
                Look::Hidden
            }
            (Some(0), _) => Look::Hidden,
            (Some(size), None) => Look::Wanted(size),
            (Some(size), Some(Opening { service, user_id, status, .. })) => {
                if !covers(&query.scope, &query.owners, &service, &user_id) {
                    Look::Hidden
                } else if query.status.is_some_and(|wanted| wanted != status) {
                    Look::Passed
                } else {
                    Look::Wanted(size)
                }
            }
        };
        Ok(ids.iter().zip(sizes).zip(openings).map(look).collect())
    }

    /// The ids of a scope, in the order of a listing.
    async fn ids(&self, scope: &Scope, later_page: bool) -> Result<Arc<Vec<String>>> {
        let key = match scope {
            Scope::Ids(ids) => return Ok(Arc::new(in_order(ids.iter().cloned().collect()))),
            Scope::All => keys::ALL_TASKS.to_owned(),
            Scope::Service(service) => keys::service(service),
            Scope::User(user) => keys::user(user),
            Scope::ServiceUser(service, user) => keys::service_user(service, user),
        };
        // A first page shows what is there now; only a walk goes on with what it began with.
        if later_page && let Some(ids) = self.listings.held(&key) {
            return Ok(ids);
        }
        let ids = Arc::new(in_order(self.members(&key).await?));
        self.listings.hold(&key, &ids);
        Ok(ids)
    }

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
        let ends = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("GETRANGE").arg(key).arg(-(OPENING_END_BYTES as i64)).arg(-1);
        });
        let ends: Vec<Option<Vec<u8>>> = right_typed(ends.await?)?;
        for (opening, end) in openings.iter_mut().zip(ends) {
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

    /// The members of a set that are text, in any order and possibly twice.
    async fn members(&self, key: &str) -> Result<Vec<String>> {
        let scanned = match self.listings.replica().await {
            // A scan cannot go on at another server, so it is the whole scan that is tried there.
            Some((replica, link)) => match scan(link, key, || replica.deadline()).await {
                Err(failure @ Failure::WrongType(_)) => Err(failure),
                Err(failure) => {
                    replica.avoid(&failure.into()).await;
                    scan(&self.primary, key, || self.deadline()).await
                }
                members => members,
            },
            None => scan(&self.primary, key, || self.deadline()).await,
        };
        match scanned {
            Ok(members) => Ok(members),
            Err(failure) => {
                let touched = [(key.to_owned(), "set")];
                Err(self.primary.name_wrong_type(failure, &touched, self.deadline()).await)
            }
        }
    }

    /// The beginnings of records: empty for those that are not there, or are no strings.
    async fn read_openings(&self, ids: &[String]) -> Result<Vec<Vec<u8>>> {
        let openings = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("GETRANGE").arg(key).arg(0).arg(OPENING_BYTES);
        });
        let openings: Vec<Option<Vec<u8>>> = right_typed(openings.await?)?;
        Ok(openings.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The texts of records: empty for those that are not there, or are no strings.
    async fn read_records(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Vec<u8>>> {
        // One command each, so that none keeps the server for long.
        let texts = self.read_each(ids, |pipeline, key| {
            pipeline.cmd("GET").arg(key);
        });
        let texts: Vec<Option<Option<Vec<u8>>>> = right_typed(texts.await?)?;
        Ok(texts.into_iter().map(|text| text.flatten().unwrap_or_default()).collect())
    }

    /// Asks something of each of several records, where listings are read: the replica, or the primary while there is
    /// none that keeps up.
    async fn read_each(
        &self,
        ids: &[impl AsRef<str>],
        ask: impl Fn(&mut redis::Pipeline, String),
    ) -> Result<Vec<redis::RedisResult<Value>>> {
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
                Ok(answers) if all_usable(&answers) => return Ok(answers),
                Ok(_) => replica.avoid(&Error::Unavailable("it refuses to be read".to_owned())).await,
                Err(failure) => replica.avoid(&failure.into()).await,
            }
        }
        Ok(self.primary.query_all(&pipeline, self.deadline()).await?)
    }
}

/// Chooses records to read next, from position `at` of a step on: as many as the page has room for. Gives them with the
/// position that follows; the same one if the page has no room for another.
fn choose<'a>(filling: &mut Filling<'a>, step: &'a [String], looks: &[Look], at: usize) -> (usize, Vec<&'a str>) {
    let (mut wanted, mut pending) = (Vec::new(), 0);
    for (position, (id, look)) in step.iter().zip(looks).enumerate().skip(at) {
        match look {
            Look::Hidden => {}
            // What is read comes first, so that the ids are seen in their order.
            Look::Passed if !wanted.is_empty() => return (position, wanted),
            Look::Passed => {
                filling.passed += 1;
                filling.last_seen = Some(id);
                if filling.passed >= MAX_PASSED {
                    return (position + 1, wanted);
                }
            }
            Look::Wanted(size) => {
                if wanted.len() == filling.room() || !filling.fits(pending, *size) {
                    return (position, wanted);
                }
                wanted.push(id.as_str());
                pending += size;
            }
        }
    }
    (step.len(), wanted)
}

/// Ids of tasks, each once, in the order of a listing.
fn in_order(mut ids: Vec<String>) -> Vec<String> {
    // A record's key may be another one of ours, such as the sequence.
    ids.retain(|id| keys::id_of_record(&keys::record(id)).is_some());
    ids.sort_by_cached_key(|id| sort_key(id));
    ids.dedup();
    ids
}

fn covers(scope: &Scope, owners: &Owners, service: &str, user_id: &str) -> bool {
    scope.covers(service, user_id) && owners.check(service, user_id).is_ok()
}

/// Whether a server's answers are about the records rather than about itself.
fn all_usable(answers: &[redis::RedisResult<Value>]) -> bool {
    answers.iter().all(|answer| answer.as_ref().err().is_none_or(|error| error.code() == Some("WRONGTYPE")))
}

/// Scans a set on one server. Members that are no text are left out.
async fn scan(link: &Link, key: &str, deadline: impl Fn() -> Instant) -> std::result::Result<Vec<String>, Failure> {
    for _ in 0..MAX_SCANS {
        let server = link.connect(deadline()).await.map_err(Failure::Store)?;
        let (mut members, mut undecodable, mut cursor) = (Vec::new(), 0, 0_u64);
        loop {
            let mut command = redis::cmd("SSCAN");
            command.arg(key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
            let (next, batch): (u64, Vec<Vec<u8>>) = link.query(&command, deadline()).await?;
            let read = batch.len();
            let before = members.len();
            members.extend(batch.into_iter().filter_map(|member| String::from_utf8(member).ok()));
            undecodable += read - (members.len() - before);
            cursor = next;
            if cursor == 0 || link.connection_id() != Some(server) {
                break;
            }
        }
        if link.connection_id() == Some(server) {
            if undecodable > 0 {
                tracing::warn!(key, undecodable, "members of an index are no text and are left out of a listing");
            }
            return Ok(members);
        }
    }
    Err(Failure::Store(Error::Unavailable(format!("the connection to {} broke too often", link.location()))))
}
