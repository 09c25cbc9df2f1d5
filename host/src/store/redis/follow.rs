//! Following a task: the server says when its record changes, by whoever it is done, and the new part is read.
//!
//! Each follower has a connection of its own with client-side caching in broadcast mode for the one key. Where the server
//! does not grant that, the task is looked at four times a second.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, ServerErrorKind, Value};
use tokio::sync::Notify;

use crate::record::{Clock, Status, TaskId, quote};
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::link::{Link, Request, resp3_client};
use crate::store::redis::task::layout::{Layout, Opening};
use crate::store::redis::task::read::{parse, read_task, readable};
use crate::store::{Access, Error, Progress, Result};

/// How often the task is looked at where the server does not say that it has changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often it is looked at although the server has said nothing: a message may be lost with a connection that broke
/// without a trace.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);

/// The shortest time between two looks, so that a task that changes all the time does not keep the server busy.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What stands between the time of the last change and the first entry.
const BEFORE_LOGS: &str = "\",\"logs\":[";

/// The length of a time as this host writes it.
const TIME_BYTES: usize = 32;

struct Follower {
    link: Arc<Link>,
    clock: Arc<dyn Clock>,
    options: RedisOptions,
    id: TaskId,
    access: Access,
    /// How many entries the first look is not to show.
    skip: usize,
    /// None until the first look.
    seen: Option<Seen>,
    shown: Option<Status>,
    place: Option<Place>,
    news: News,
    looked: Option<Instant>,
    ended: bool,
}

/// The log as it was when it was last looked at.
#[derive(Default)]
struct Seen {
    /// A hash of each entry: a log may be long.
    hashes: Vec<u64>,
    last: Option<String>,
}

/// Where the next entry will stand.
struct Place {
    layout: Layout,
    /// The offset just behind the last entry, or the opening bracket.
    resume: usize,
}

/// How the follower learns of changes.
enum News {
    /// Not yet.
    None,
    /// The server tells. The connection lives as long as this.
    Told { signal: Arc<Signal>, _connection: MultiplexedConnection },
    /// It does not; we look.
    Polled,
}

/// What the server has told.
#[derive(Default)]
struct Signal {
    told: Notify,
    /// Whether the connection is lost.
    lost: AtomicBool,
}

impl RedisStore {
    pub(super) async fn follow_task(
        &self,
        id: &TaskId,
        skip: usize,
        access: &Access,
    ) -> Result<BoxStream<'static, Result<Progress>>> {
        // A task that is not there, or not the caller's, is an answer and not news.
        self.status_of(id, access).await?;
        let follower = Follower {
            link: Arc::clone(&self.primary),
            clock: Arc::clone(&self.clock),
            options: self.options.clone(),
            id: id.clone(),
            access: access.clone(),
            skip,
            seen: None,
            shown: None,
            place: None,
            news: News::None,
            looked: None,
            ended: false,
        };
        Ok(stream::unfold(follower, Follower::next).boxed())
    }
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Progress>, Self)> {
        if self.ended {
            return None;
        }
        let item = loop {
            let told = self.wait().await;
            match self.look().await {
                Ok(progress) if self.shown == Some(progress.status) && progress.entries.is_empty() => {}
                Ok(progress) => {
                    if !told {
                        // The server should have said so: it no longer tells us.
                        self.news = News::None;
                    }
                    self.shown = Some(progress.status);
                    self.ended = progress.status.is_terminal();
                    break Ok(progress);
                }
                Err(error) => {
                    self.ended = true;
                    break Err(error);
                }
            }
        };
        Some((item, self))
    }

    /// Returns when the task may have changed; the first time at once. False if the server, which tells of changes, has
    /// told of none.
    async fn wait(&mut self) -> bool {
        let signal = match &self.news {
            News::None => {
                self.subscribe().await;
                return true;
            }
            News::Polled => {
                tokio::time::sleep(LOOK_EVERY).await;
                return true;
            }
            News::Told { signal, .. } => Arc::clone(signal),
        };
        let told = tokio::time::timeout(LOOK_ANYWAY, signal.told.notified()).await.is_ok();
        if signal.lost.load(Ordering::Relaxed) {
            self.subscribe().await;
        } else if let Some(looked) = self.looked {
            tokio::time::sleep_until((looked + BETWEEN_LOOKS).into()).await;
        }
        told
    }

    async fn subscribe(&mut self) {
        self.news = match subscription(self.link.client(), keys::record(self.id.as_str()), &self.options).await {
            Ok((signal, connection)) => News::Told { signal, _connection: connection },
            Err(error) if error.code() == Some("NOPERM") || error.kind() == ServerErrorKind::ResponseError.into() => {
                tracing::warn!(%error, "the server does not tell of changes; the task is looked at instead");
                News::Polled
            }
            Err(error) => {
                tracing::debug!(%error, "cannot hear of changes yet");
                // The look that follows waits for the server to come back.
                tokio::time::sleep(LOOK_EVERY).await;
                News::None
            }
        };
    }

    async fn look(&mut self) -> Result<Progress> {
        self.looked = Some(Instant::now());
        let deadline = Instant::now() + self.options.deadline;
        if let Some(place) = self.place.take()
            && let Some(progress) = self.look_on(place, deadline).await?
        {
            return Ok(progress);
        }
        let found = read_task(&self.link, &self.id, deadline).await?.ok_or(Error::NotFound)?;
        let (found, record) = readable(&self.id, found, &self.access, self.clock.zone())?;
        let logs = record.logs();
        let entries = match &mut self.seen {
            Some(seen) => seen.new_among(logs),
            None => {
                self.seen = Some(Seen::of(&logs));
                logs.into_iter().skip(self.skip).collect()
            }
        };
        if let Some(layout) = Layout::of(&record, &found.text, &self.clock.now()) {
            let resume = record.encode_head().len() + record.raw_logs().len();
            self.place = Some(Place { layout, resume });
        }
        Ok(Progress { status: record.status(), entries })
    }

    /// Reads the part after the last entry that was seen. None if the record is no longer as it was before that.
    async fn look_on(&mut self, mut place: Place, deadline: Instant) -> Result<Option<Progress>> {
        for _ in 0..2 {
            let Some(seen) = &mut self.seen else { return Ok(None) };
            let last = seen.last.as_deref().map_or_else(|| "[".to_owned(), quote);
            let Some(part) = read_part(&self.link, &self.id, &place, &last, deadline).await? else { return Ok(None) };
            self.access.check(&part.opening.owner.service, &part.opening.owner.user_id, part.run.as_deref())?;
            if part.opening.owner != place.layout.owner {
                return Ok(None);
            }
            if part.opening.status != place.layout.status {
                // What follows the status has moved by as much as its text is longer.
                let Some(prefix) = place.layout.prefix_with(part.opening.status) else { return Ok(None) };
                place.resume = place.resume + prefix.len() - place.layout.prefix.len();
                place.layout.moved(part.opening.status, prefix);
                continue;
            }
            let Some((entries, length)) = read_entries(&part.rest) else { return Ok(None) };
            place.resume += length;
            seen.add(&entries);
            let status = part.opening.status;
            self.place = Some(place);
            return Ok(Some(Progress { status, entries }));
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

    /// The entries of a log that were not in it before. A writer without a guard may have taken some out of it, or put
    /// some in their place; those that are still there are not new.
    fn new_among(&mut self, entries: Vec<String>) -> Vec<String> {
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
        entries.into_iter().skip(common).zip(new).filter_map(|(entry, new)| new.then_some(entry)).collect()
    }
}

fn hash(entry: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    entry.hash(&mut hasher);
    hasher.finish()
}

/// A connection over which the server tells of every change to a key, and the signal that it gives.
async fn subscription(
    client: &Client,
    key: String,
    options: &RedisOptions,
) -> redis::RedisResult<(Arc<Signal>, MultiplexedConnection)> {
    let signal = Arc::new(Signal::default());
    let mut tracking = redis::cmd("CLIENT");
    tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(&key);
    let told = Arc::clone(&signal);
    let receive = move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            told.lost.store(true, Ordering::Relaxed);
            told.told.notify_one();
        } else if push.kind == PushKind::Invalidate && concerns(&push, key.as_bytes()) {
            told.told.notify_one();
        }
        std::result::Result::<(), RedisError>::Ok(())
    };
    let client = resp3_client(client)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect_timeout))
        .set_response_timeout(Some(options.response_timeout))
        .set_push_sender(receive);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    tracking.query_async::<()>(&mut connection).await?;
    Ok((signal, connection))
}

/// Whether a message is about a key: the prefix fits other tasks, too. One without keys is about all of them.
fn concerns(push: &PushInfo, key: &[u8]) -> bool {
    match push.data.first() {
        Some(Value::Array(keys)) => keys.iter().any(|other| matches!(other, Value::BulkString(name) if name == key)),
        _ => true,
    }
}

/// What is read to go on: all of it as of one moment.
struct Part {
    opening: Opening,
    run: Option<String>,
    /// From just behind the last entry.
    rest: Vec<u8>,
}

/// Reads on from a place, behind which the text of the last entry must still stand.
async fn read_part(link: &Link, id: &TaskId, place: &Place, last: &str, deadline: Instant) -> Result<Option<Part>> {
    let layout = &place.layout;
    let region_end = layout.at + layout.before.len() + TIME_BYTES + BEFORE_LOGS.len();
    let Some(from) = place.resume.checked_sub(last.len()) else { return Ok(None) };
    let request = |_: &_| {
        let key = keys::record(id.as_str());
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("GETRANGE").arg(&key).arg(0).arg(layout.prefix.len() + 32);
        pipeline.cmd("GETRANGE").arg(&key).arg(layout.at).arg(region_end - 1);
        pipeline.cmd("GETRANGE").arg(&key).arg(from).arg(-1);
        pipeline.cmd("HGET").arg(keys::metadata(id.as_str())).arg("run");
        Request::Several(pipeline)
    };
    let value: Value = link.call(deadline, request).await?;
    let (head, region, rest, run): (Vec<u8>, Vec<u8>, Vec<u8>, Option<String>) = parse(value)?;
    let Some(opening) = Opening::read(&head) else { return Ok(None) };
    let moved = opening.status != layout.status;
    let same = region.starts_with(layout.before.as_bytes()) && region.ends_with(BEFORE_LOGS.as_bytes());
    let rest = rest.strip_prefix(last.as_bytes());
    match rest {
        Some(rest) if same || moved => Ok(Some(Part { opening, run, rest: rest.to_vec() })),
        None if moved => Ok(Some(Part { opening, run, rest: Vec::new() })),
        _ => Ok(None),
    }
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
        for (before, now, new) in [
            ("", "ab", "ab"),
            ("ab", "abc", "c"),
            ("abc", "abd", "d"),
            ("abc", "abdce", "de"),
            ("abc", "bcd", "d"),
            ("abc", "xy", "xy"),
            ("abc", "", ""),
            ("aa", "aaa", "a"),
            ("ab", "aba", "a"),
        ] {
            let mut seen = Seen::of(&log(before));
            assert_eq!(seen.new_among(log(now)), log(new), "{before} {now}");
            assert_eq!(seen.new_among(log(now)), log(""), "{now} again");
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
