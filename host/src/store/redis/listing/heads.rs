//! A page of heads: the beginnings of records, and what is beside them.

use super::covers;
use super::page::{MAX_PASSED, MAX_READ, ahead, shows_all};
use crate::record::{Head, OPENING_END_BYTES, Progress, TaskRecord, Unreadable};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::task::OPENING_BYTES;
use crate::store::{HeadPage, MAX_PAGE_SKIPPED, Owners, Query, Result, Skipped};

/// How many bytes of a record are read next, if its log begins behind those that were read first.
const LONG_OPENING_BYTES: usize = 64 << 10;

/// How many records are read whole in one go.
const WHOLE_READ: usize = 16;

impl RedisStore {
    pub(in crate::store::redis) async fn list_heads(&self, query: &Query) -> Result<HeadPage> {
        query.check()?;
        let ids = self.ids(&query.scope, query.cursor.is_some()).await?;
        let mut ahead = ahead(&ids, query);
        let (mut page, mut passed, mut last_seen) = (HeadPage::default(), 0, None);
        while ahead.peek().is_some() {
            // No more than there is room for, unless some are likely to be left out.
            let shows_all = shows_all(query);
            let room = if shows_all { query.limit - page.heads.len() } else { MAX_READ };
            let step: Vec<&str> = ahead.by_ref().take(room.min(MAX_READ)).collect();
            for (at, (id, head)) in step.iter().zip(self.heads_of(&step).await?).enumerate() {
                match head {
                    None => {}
                    // Whose it is cannot be told, so it is named to those only who may see everything.
                    Some(Err(_)) if query.owners != Owners::ANY => {}
                    Some(Err(why)) => {
                        last_seen = Some(*id);
                        page.skipped.push(Skipped { id: (*id).to_owned(), why });
                    }
                    Some(Ok(head)) if !covers(&query.scope, &query.owners, &head.service, &head.user_id) => {}
                    Some(Ok(head)) => {
                        last_seen = Some(*id);
                        if query.shows(head.status) {
                            page.heads.push(head);
                        } else {
                            passed += 1;
                        }
                    }
                }
                let is_full = page.heads.len() == query.limit || page.skipped.len() == MAX_PAGE_SKIPPED;
                let has_more = at + 1 < step.len() || ahead.peek().is_some();
                if has_more && (is_full || passed == MAX_PASSED) {
                    page.next = last_seen.map(str::to_owned);
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// The heads of tasks, or why their records cannot be read. None for those that are not there, or whose keys hold
    /// another type.
    async fn heads_of(&self, ids: &[&str]) -> Result<Vec<Option<std::result::Result<Head, Unreadable>>>> {
        let mut told: Vec<Told> = ids.iter().map(|_| Told::TooLittle).collect();
        for bytes in [OPENING_BYTES, LONG_OPENING_BYTES] {
            let places = untold(&told);
            let named: Vec<&str> = places.iter().map(|place| ids[*place]).collect();
            for (place, head) in places.into_iter().zip(self.look(&named, bytes).await?) {
                told[place] = head;
            }
        }
        // Those in another shape, and those with more parameters than that. They may be large: a few at a time.
        for places in untold(&told).chunks(WHOLE_READ) {
            let named: Vec<&str> = places.iter().map(|place| ids[*place]).collect();
            let (texts, progress) = tokio::try_join!(self.read_records(&named), self.each_progress(&named))?;
            for ((place, text), progress) in places.iter().zip(texts).zip(progress) {
                told[*place] = match TaskRecord::decode(&text, self.clock.zone()) {
                    _ if text.is_empty() => Told::Gone,
                    Ok(record) => Told::Head(Head::of(&record, progress)),
                    Err(why) => Told::Unreadable(why),
                };
            }
        }
        let answer = |told| match told {
            Told::Head(head) => Some(Ok(head)),
            Told::Unreadable(why) => Some(Err(why)),
            Told::Gone | Told::TooLittle => None,
        };
        Ok(told.into_iter().map(answer).collect())
    }

    /// What so many bytes at the beginnings of records tell.
    async fn look(&self, ids: &[&str], bytes: usize) -> Result<Vec<Told>> {
        let beginnings = self.read_each::<Vec<u8>>(ids, |pipeline, id| {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(0).arg(bytes - 1);
        });
        let ends = self.read_each::<Vec<u8>>(ids, |pipeline, id| {
            pipeline.cmd("GETRANGE").arg(keys::record(id)).arg(-(OPENING_END_BYTES as i64)).arg(-1);
        });
        let (beginnings, ends, progress) = tokio::try_join!(beginnings, ends, self.each_progress(ids))?;
        let mut told = Vec::with_capacity(ids.len());
        for ((beginning, end), progress) in beginnings.into_iter().zip(ends).zip(progress) {
            let (beginning, end) = (beginning.unwrap_or_default(), end.unwrap_or_default());
            told.push(match Head::record(&beginning, &end, self.clock.zone()) {
                _ if beginning.is_empty() => Told::Gone,
                Some(record) => Told::Head(Head::of(&record, progress)),
                None => Told::TooLittle,
            });
        }
        Ok(told)
    }

    /// How far tasks have come, of those that have said so.
    async fn each_progress(&self, ids: &[&str]) -> Result<Vec<Option<Progress>>> {
        let texts = self.read_each::<Option<String>>(ids, |pipeline, id| {
            pipeline.cmd("HGET").arg(keys::metadata(id)).arg("progress");
        });
        let texts = texts.await?.into_iter();
        Ok(texts.map(|text| text.flatten().and_then(|text| Progress::decode(&text))).collect())
    }
}

/// What is known of a record.
enum Told {
    Head(Head),
    Unreadable(Unreadable),
    /// It is not there, or its key holds another type.
    Gone,
    /// Too little was read of it.
    TooLittle,
}

fn untold(told: &[Told]) -> Vec<usize> {
    told.iter().enumerate().filter(|(_, told)| matches!(told, Told::TooLittle)).map(|(place, _)| place).collect()
}
