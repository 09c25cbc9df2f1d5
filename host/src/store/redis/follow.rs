//! Following a task: it is looked at a few times a second, and what is new is read, at a cost that does not depend on the
//! log.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, StreamExt};

use super::RedisStore;
use super::keys;
use super::server::Link;
use super::task::{OPENING_BYTES, read_progress, read_task, readable};
use crate::record::{Clock, Opening, Progress, Status, TaskId, TaskResult, quote};
use crate::store::{Access, Error, News, Result};

/// How often the task is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

struct Follower {
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    id: TaskId,
    access: Access,
    /// How many entries the first look is not to show.
    skip: usize,
    /// None until the first look.
    seen: Option<Seen>,
    /// What was told last, without the entries.
    shown: Option<News>,
    /// Where the next entry will stand, if the record is in the shape that this host writes.
    resume: Option<Resume>,
    ended: bool,
}

/// The offset just behind the last entry, or the opening bracket, in a record with that status.
#[derive(Clone, Copy)]
struct Resume {
    at: usize,
    status: Status,
}

/// The beginning of a record, what follows the last entry that was seen, and the run and the progress beside it.
type Parts = (Vec<u8>, Vec<u8>, (Option<String>, Option<String>));

/// The log as it was when it was last looked at.
#[derive(Default)]
struct Seen {
    /// A hash of each entry: a log may be long.
    hashes: Vec<u64>,
    last: Option<String>,
}

impl RedisStore {
    pub(super) async fn follow_task(
        &self,
        id: &TaskId,
        skip: usize,
        access: &Access,
    ) -> Result<BoxStream<'static, Result<News>>> {
        // A task that is not there, or not the caller's, is an answer and not news.
        self.status_of(id, access).await?;
        let follower = Follower {
            link: Arc::clone(&self.primary),
            clock: Arc::clone(&self.clock),
            deadline: self.options.deadline,
            id: id.clone(),
            access: access.clone(),
            skip,
            seen: None,
            shown: None,
            resume: None,
            ended: false,
        };
        Ok(stream::unfold(follower, Follower::next).boxed())
    }
}

impl Follower {
    async fn next(mut self) -> Option<(Result<News>, Self)> {
        if self.ended {
            return None;
        }
        loop {
            if self.shown.is_some() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            match self.look().await {
                Ok(news) => {
                    if news.entries.is_empty() && self.shown.as_ref().is_some_and(|shown| news.is_like(shown)) {
                        continue;
                    }
                    self.shown = Some(News { entries: Vec::new(), ..news.clone() });
                    self.ended = news.status.is_terminal();
                    return Some((Ok(news), self));
                }
                Err(error) => {
                    self.ended = true;
                    return Some((Err(error), self));
                }
            }
        }
    }

    async fn look(&mut self) -> Result<News> {
        let deadline = Instant::now() + self.deadline;
        if let Some(resume) = self.resume.take()
            && let Some(news) = self.look_on(resume, deadline).await?
        {
            return Ok(news);
        }
        let found = read_task(&self.link, &self.id, deadline).await?.ok_or(Error::NotFound)?;
        let record = readable(&self.id, &found, &self.access, self.clock.zone())?;
        let encoded = record.encoded();
        let resume = Resume { at: encoded.log.end, status: record.status() };
        self.resume = (encoded.text.as_bytes() == found.text).then_some(resume);
        let logs = record.logs();
        let total = logs.len();
        let (from, entries) = match &mut self.seen {
            Some(seen) => seen.new_among(logs),
            None => {
                self.seen = Some(Seen::of(&logs));
                (self.skip.min(total), logs.into_iter().skip(self.skip).collect())
            }
        };
        let progress = read_progress(&self.link, &self.id, deadline).await?;
        Ok(News { status: record.status(), entries, from, total, progress, result: record.result() })
    }

    /// Reads the part after the last entry that was seen. None if that is no longer where it was.
    async fn look_on(&mut self, mut resume: Resume, deadline: Instant) -> Result<Option<News>> {
        for _ in 0..2 {
            let Some(seen) = &mut self.seen else { return Ok(None) };
            let last = seen.last.as_deref().map_or_else(|| "[".to_owned(), quote);
            let Some(from) = resume.at.checked_sub(last.len()) else { return Ok(None) };
            let key = keys::record(self.id.as_str());
            let mut pipeline = redis::pipe();
            // The status comes first: what is read after a terminal one are all its entries.
            pipeline.cmd("GETRANGE").arg(&key).arg(0).arg(OPENING_BYTES);
            pipeline.cmd("GETRANGE").arg(&key).arg(from).arg(-1);
            pipeline.cmd("HMGET").arg(keys::metadata(self.id.as_str())).arg(&["run", "progress"]);
            let parts: std::result::Result<Parts, _> = self.link.query_all(&pipeline, deadline).await;
            // A key of another type is named by the whole look that follows.
            let Ok((head, rest, (run, progress))) = parts else { return Ok(None) };
            let Some(opening) = Opening::read(&head) else { return Ok(None) };
            self.access.check(&opening.service, &opening.user_id, run.as_deref())?;
            if opening.status != resume.status {
                // What follows the status has moved by as much as its text is longer.
                let at = resume.at + opening.status.as_str().len() - resume.status.as_str().len();
                resume = Resume { at, status: opening.status };
                continue;
            }
            let new = rest.strip_prefix(last.as_bytes()).and_then(read_entries);
            let Some((entries, length)) = new else { return Ok(None) };
            let result = TaskResult::of(&[b"{\"logs\":[", &rest[last.len() + length..]].concat());
            let from = seen.hashes.len();
            seen.add(&entries);
            let total = seen.hashes.len();
            self.resume = Some(Resume { at: resume.at + length, ..resume });
            let progress = progress.and_then(|text| Progress::decode(&text));
            return Ok(Some(News { status: opening.status, entries, from, total, progress, result }));
        }
        Ok(None)
    }
}

impl Seen {
    fn of(entries: &[String]) -> Self {
        let mut seen = Self::default();
        seen.add(entries);
        seen
    }

    fn add(&mut self, entries: &[String]) {
        self.hashes.extend(entries.iter().map(|entry| hash(entry)));
        if let Some(last) = entries.last() {
            self.last = Some(last.clone());
        }
    }

    /// The entries of a log that were not in it before, and how many stand before the first that has another place than before.
    /// A writer without a guard may have taken some out of it, or put some in their place; those that are still there are
    /// not new.
    fn new_among(&mut self, entries: Vec<String>) -> (usize, Vec<String>) {
        let before = std::mem::replace(self, Self::of(&entries));
        let common = before.hashes.iter().zip(&self.hashes).take_while(|(before, now)| before == now).count();
        let mut others = HashMap::<u64, usize>::new();
        for hash in &before.hashes[common..] {
            *others.entry(*hash).or_default() += 1;
        }
        let is_new = |hash: &u64| match others.get_mut(hash) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        };
        let new: Vec<bool> = self.hashes[common..].iter().map(is_new).collect();
        let new = entries.into_iter().skip(common).zip(new).filter_map(|(entry, new)| new.then_some(entry));
        (common, new.collect())
    }
}

fn hash(entry: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.hash(&mut hasher);
    hasher.finish()
}

/// The entries at the beginning of a text that goes on to the end of a record, and how many bytes they take.
fn read_entries(text: &[u8]) -> Option<(Vec<String>, usize)> {
    let mut entries = Vec::new();
    let mut at = 0;
    while text.get(at)? != &b']' {
        let comma = usize::from(text.get(at)? == &b',');
        let mut strings = serde_json::Deserializer::from_slice(&text[at + comma..]).into_iter::<String>();
        entries.push(strings.next()?.ok()?);
        at += comma + strings.byte_offset();
    }
    text[at..].starts_with(b"],\"result\":").then_some((entries, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_that_were_not_in_the_log_before_are_new() {
        let log = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        for (before, now, from, new) in [
            ("", "ab", 0, "ab"),
            ("ab", "abc", 2, "c"),
            ("abc", "abd", 2, "d"),
            ("abc", "abdce", 2, "de"),
            ("abc", "bcd", 0, "d"),
            ("abc", "xy", 0, "xy"),
            ("abc", "", 0, ""),
            ("aa", "aaa", 2, "a"),
            ("ab", "aba", 2, "a"),
        ] {
            let mut seen = Seen::of(&log(before));
            assert_eq!(seen.new_among(log(now)), (from, log(new)), "{before} {now}");
            assert_eq!(seen.new_among(log(now)), (now.len(), log("")), "{now} again");
            assert_eq!(seen.last, log(now).pop());
        }
    }

    #[test]
    fn entries_are_read_up_to_the_end_of_the_log() {
        let read = |text: &str| read_entries(text.as_bytes());
        assert_eq!(read("],\"result\":{}}"), Some((vec![], 0)));
        assert_eq!(read(",\"a\",\"]\\\"\"],\"result\":{}}"), Some((vec!["a".into(), "]\"".into()], 10)));
        assert_eq!(read("\"a\"],\"result\":{}}"), Some((vec!["a".into()], 3)));
        assert_eq!(read("x\"],\"result\":{}}"), None);
        assert_eq!(read(",\"a\""), None);
    }
}
