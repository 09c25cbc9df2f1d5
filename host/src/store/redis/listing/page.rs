//! One page of a listing: what is looked at, what is read, and where the page ends.

use std::cmp::Ordering;
use std::iter::Peekable;

use futures_util::{StreamExt as _, stream};

use super::covers;
use super::names::Names;
use crate::record::{Opening, TaskRecord, Unreadable, compare_ids};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::{MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, Order, Owners, Page, Query, Result, Skipped};

/// How many records are looked at in one go, at the most.
pub(super) const MAX_READ: usize = 200;

/// How many bytes of a record are read at once where every record is to be shown: most have no more, and are read whole.
const SHORT_RECORD_BYTES: usize = 8 << 10;

/// How many records of another status a page passes over before it ends early.
pub(super) const MAX_PASSED: usize = 10_000;

/// What a first look at a record tells of its place in a listing.
enum Look {
    /// It is gone, or not the caller's to see.
    Hidden,
    /// It has another status than asked for.
    Passed,
    /// It is to be read: that many bytes.
    Wanted(usize),
    /// It is to be shown, and was read already.
    Read(Vec<u8>),
}

impl Look {
    /// The bytes of a record that is to be shown.
    fn size(&self) -> usize {
        match self {
            Self::Wanted(size) => *size,
            Self::Read(text) => text.len(),
            Self::Hidden | Self::Passed => 0,
        }
    }
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
    fn show(&mut self, id: &'a str, decoded: std::result::Result<TaskRecord, Unreadable>, size: usize) {
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
                if self.query.shows(record.status()) {
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

/// Ids that are still to be looked at.
pub(super) type Ahead<'a> = Peekable<Box<dyn Iterator<Item = &'a str> + Send + 'a>>;

/// The ids that a query has still to look at, in its order, of those of its scope in theirs.
pub(super) fn ahead<'a>(ids: &'a Names, query: &'a Query) -> Ahead<'a> {
    let place = |is_before: fn(Ordering) -> bool| {
        query.cursor.as_ref().map(|cursor| ids.partition_point(|id| is_before(compare_ids(id, cursor))))
    };
    let ids: Box<dyn Iterator<Item = &str> + Send> = match query.order {
        Order::Oldest => Box::new(ids.within(place(Ordering::is_le).unwrap_or(0)..ids.len())),
        Order::Newest => Box::new(ids.within(0..place(Ordering::is_lt).unwrap_or(ids.len())).rev()),
    };
    let matching: Box<dyn Iterator<Item = &str> + Send> = Box::new(ids.filter(|id| query.matches(id)));
    matching.peekable()
}

impl RedisStore {
    pub(in crate::store::redis) async fn list_tasks(&self, query: &Query) -> Result<Page> {
        query.check()?;
        let ids = self.ids(&query.scope, query.cursor.is_some()).await?;
        let mut ahead = ahead(&ids, query);
        let page = Page::default();
        let mut filling = Filling { query, page, bytes: 0, passed: 0, last_seen: None };
        let shows_all = shows_all(query);
        while ahead.peek().is_some() {
            // Of those that are all read, no more than there is room for.
            let most = if shows_all { filling.room() } else { MAX_READ };
            let ids: Vec<&str> = ahead.by_ref().take(most).collect();
            // While one step is decoded, the server reads the next.
            let looks: Vec<_> = ids.chunks(MAX_READ).map(|step| self.look_at(query, step)).collect();
            let mut looks = stream::iter(looks).buffered(2);
            for (number, step) in ids.chunks(MAX_READ).enumerate() {
                let Some(looks) = looks.next().await else { break };
                let is_last = ids.len() <= (number + 1) * MAX_READ && ahead.peek().is_none();
                if self.fill(&mut filling, step, looks?, is_last).await? {
                    return Ok(filling.ended());
                }
            }
        }
        Ok(filling.page)
    }

    /// Puts what a step shows on the page. True if the page ends there, and others follow.
    async fn fill<'a>(
        &self,
        filling: &mut Filling<'a>,
        step: &[&'a str],
        mut looks: Vec<Look>,
        is_last: bool,
    ) -> Result<bool> {
        let mut at = 0;
        while at < step.len() {
            let (end, wanted) = choose(filling, step, &looks, at);
            if end == at {
                // The next record does not fit.
                return Ok(true);
            }
            filling.page.tasks.reserve(wanted.len());
            for (id, text) in self.texts(step, &mut looks, wanted).await? {
                // One that is empty has expired, or was deleted, since it was looked at.
                if !text.is_empty() {
                    filling.show(id, TaskRecord::decode(&text, self.clock.zone()), text.len());
                }
            }
            at = end;
            if !(is_last && at == step.len()) && filling.has_seen_enough() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The records at these positions of a step, each with its id, in their order.
    async fn texts<'a>(
        &self,
        step: &[&'a str],
        looks: &mut [Look],
        wanted: Vec<usize>,
    ) -> Result<Vec<(&'a str, Vec<u8>)>> {
        let unread: Vec<&str> =
            wanted.iter().filter(|at| !matches!(looks[**at], Look::Read(_))).map(|at| step[*at]).collect();
        let mut texts = self.read_records(&unread).await?.into_iter();
        let text = |at: usize| match &mut looks[at] {
            Look::Read(text) => std::mem::take(text),
            _ => texts.next().unwrap_or_default(),
        };
        Ok(wanted.iter().map(|at| step[*at]).zip(wanted.iter().copied().map(text)).collect())
    }

    /// Reads records that are all to be shown: those that are short, whole, and of the others how long they are.
    async fn read_at_once(&self, ids: &[&str]) -> Result<Vec<Look>> {
        let beginnings = self.read_each::<Vec<u8>>(ids, |pipeline, id| {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(0).arg(SHORT_RECORD_BYTES - 1);
        });
        let beginnings = beginnings.await?;
        let is_long = |text: &Option<Vec<u8>>| text.as_ref().is_some_and(|text| text.len() == SHORT_RECORD_BYTES);
        let long: Vec<&str> =
            ids.iter().zip(&beginnings).filter(|(_, text)| is_long(text)).map(|(id, _)| *id).collect();
        let mut sizes = self.sizes(&long).await?.into_iter();
        let look = |(id, text): (&&str, Option<Vec<u8>>)| match text {
            None => of_another_type(id),
            Some(text) if text.is_empty() => Look::Hidden,
            Some(text) if text.len() < SHORT_RECORD_BYTES => Look::Read(text),
            Some(_) => match sizes.next().flatten() {
                Some(size) if size > 0 => Look::Wanted(size),
                // It has gone since.
                _ => Look::Hidden,
            },
        };
        Ok(ids.iter().zip(beginnings).map(look).collect())
    }

    async fn sizes(&self, ids: &[&str]) -> Result<Vec<Option<usize>>> {
        let sizes = self.read_each(ids, |pipeline, id| {
            pipeline.cmd("STRLEN").arg(keys::record(id));
        });
        sizes.await
    }

    /// What can be said of records before they are read whole: their size, owner and status. Where all are to be shown,
    /// those that are short are read.
    async fn look_at(&self, query: &Query, ids: &[&str]) -> Result<Vec<Look>> {
        if shows_all(query) {
            return self.read_at_once(ids).await;
        }
        let sizes = self.sizes(ids).await?;
        let mut openings = self.read_openings(ids).await?;
        if !query.statuses.is_empty() {
            self.forget_unsettled(ids, &mut openings).await?;
        }
        let look = |((id, size), opening): ((&&str, Option<usize>), Vec<u8>)| match (size, Opening::read(&opening)) {
            (None, _) => of_another_type(id),
            (Some(0), _) => Look::Hidden,
            (Some(size), None) => Look::Wanted(size),
            (Some(size), Some(Opening { service, user_id, status, .. })) => {
                if !covers(&query.scope, &query.owners, &service, &user_id) {
                    Look::Hidden
                } else if !query.shows(status) {
                    Look::Passed
                } else {
                    Look::Wanted(size)
                }
            }
        };
        Ok(ids.iter().zip(sizes).zip(openings).map(look).collect())
    }
}

/// Whether all of a scope is to be shown.
pub(super) fn shows_all(query: &Query) -> bool {
    query.statuses.is_empty() && query.owners == Owners::ANY
}

fn of_another_type(id: &str) -> Look {
    tracing::warn!(task = id, "the key of a record holds another type and is left out of a listing");
    Look::Hidden
}

/// Chooses records to read next, from position `at` of a step on: as many as the page has room for. Gives their positions
/// with the one that follows; the same one if the page has no room for another.
fn choose<'a>(filling: &mut Filling<'a>, step: &[&'a str], looks: &[Look], at: usize) -> (usize, Vec<usize>) {
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
            Look::Wanted(_) | Look::Read(_) => {
                let size = look.size();
                if wanted.len() == filling.room() || !filling.fits(pending, size) {
                    return (position, wanted);
                }
                wanted.push(position);
                pending += size;
            }
        }
    }
    (step.len(), wanted)
}
