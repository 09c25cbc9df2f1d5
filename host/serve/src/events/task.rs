//! One task that is watched: followed once, for all who watch it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;
use task_state_host::record::{Head, Progress, TaskId, TaskResult};
use task_state_host::store::{Access, Error, News, Query, Result, Scope, SharedStore};
use tokio::task::JoinSet;

use super::entries::{Entry, MAX_EVENT, MAX_EVENT_BYTES, Sum, digest};
use super::seen::Seen;
use super::{lock, sse};

/// How many bytes of events are kept for those who are not quite with it.
const MAX_KEPT_BYTES: usize = 512 << 10;

/// How many bytes of the last entries are kept for those who come.
const MAX_TAIL_BYTES: usize = 256 << 10;

/// How long to wait after the store did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What is told of a task that has said nothing of how far it has come.
const NO_PROGRESS: &str = "{}";

/// How much of an output is told: its end.
const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// A task that is watched. It is followed until this is dropped.
pub(super) struct TaskFeed {
    shared: Arc<Shared>,
    _pump: JoinSet<()>,
}

struct Shared {
    store: SharedStore,
    id: TaskId,
    feed: Mutex<Feed>,
    /// Counts what was told.
    news: tokio::sync::watch::Sender<u64>,
}

/// What is known of the task, and what was told of late.
#[derive(Default)]
pub(super) struct Feed {
    /// The number of the first event that is kept.
    pub(super) first: u64,
    pub(super) kept: VecDeque<Told>,
    bytes: usize,
    pub(super) now: Option<Now>,
    pub(super) over: Option<Over>,
}

/// An event, and what one has seen who was told it.
pub(super) struct Told {
    pub(super) bytes: Bytes,
    pub(super) after: Seen,
}

/// Why there is nothing more to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The task has ended.
    Ended,
    /// There is no such task any more.
    Gone,
}

/// The task as it is.
pub(super) struct Now {
    pub(super) seen: Seen,
    owner: (String, String),
    /// The data of the events that tell of each.
    pub(super) status: String,
    pub(super) progress: String,
    pub(super) output: String,
    /// The last entries as they are told, each with the sum up to it.
    pub(super) tail: VecDeque<(Sum, String)>,
    tail_bytes: usize,
    /// The sum up to the first of them.
    before_tail: Sum,
}

impl TaskFeed {
    /// Begins to follow a task.
    pub(super) fn start(store: SharedStore, id: TaskId) -> Arc<Self> {
        let news = tokio::sync::watch::Sender::new(0);
        let shared = Arc::new(Shared { store, id, feed: Mutex::default(), news });
        let mut pump = JoinSet::new();
        pump.spawn(pump_of(shared.clone()));
        Arc::new(Self { shared, _pump: pump })
    }

    pub(super) fn id(&self) -> &TaskId {
        &self.shared.id
    }

    pub(super) fn feed(&self) -> std::sync::MutexGuard<'_, Feed> {
        lock(&self.shared.feed)
    }

    /// Tells when there is something new.
    pub(super) fn news(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.news.subscribe()
    }

    pub(super) fn is_over(&self) -> bool {
        self.feed().over.is_some()
    }
}

async fn pump_of(shared: Arc<Shared>) {
    let over = loop {
        match shared.follow().await {
            Ok(()) => break Over::Ended,
            Err(Error::NotFound) => break Over::Gone,
            Err(error) => {
                tracing::debug!(task = %shared.id, %error, "a task that is watched cannot be followed for now");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    };
    lock(&shared.feed).over = Some(over);
    shared.news.send_modify(|count| *count += 1);
}

impl Shared {
    /// Follows the task to its end.
    async fn follow(&self) -> Result<()> {
        let mut following = self.store.follow(&self.id, 0, &Access::ANY).await?;
        let mut is_first = true;
        while let Some(news) = following.next().await {
            let news = news?;
            let head = self.head_if_needed(&news, is_first).await?;
            let log = self.log_if_needed(&news, is_first).await?;
            self.take(news, head, log, is_first)?;
            is_first = false;
            self.news.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// What the record says of the task, where that may be another than is known.
    async fn head_if_needed(&self, news: &News, is_first: bool) -> Result<Option<Head>> {
        let known = lock(&self.feed).now.as_ref().and_then(|now| now.seen.status);
        if !is_first && known == Some(news.status) {
            return Ok(None);
        }
        let mut query = Query::new(Scope::Ids(BTreeSet::from([self.id.as_str().to_owned()])));
        query.limit = 1;
        let head = self.store.heads(&query).await?.heads.pop();
        head.ok_or(Error::NotFound).map(Some)
    }

    /// The whole log, where a writer without a guard has changed more of it than the end.
    async fn log_if_needed(&self, news: &News, is_first: bool) -> Result<Option<Vec<String>>> {
        let known = lock(&self.feed).now.as_ref().map_or(0, |now| now.seen.entries);
        let is_appended = news.from == known && news.total == known + news.entries.len();
        if is_first || is_appended {
            return Ok(None);
        }
        Ok(Some(self.store.get(&self.id, &Access::ANY).await?.logs()))
    }

    /// Takes note of what has happened, and tells it.
    fn take(&self, news: News, head: Option<Head>, log: Option<Vec<String>>, is_first: bool) -> Result<()> {
        let feed = &mut *lock(&self.feed);
        let mut is_known = true;
        if let Some(head) = &head {
            let owner = (head.service.clone(), head.user_id.clone());
            let born = Some(head.created_at.micros());
            match &feed.now {
                // Whoever may see the one may not see the other.
                Some(now) if now.owner != owner || now.seen.born != born => return Err(Error::NotFound),
                Some(_) => {}
                None => (feed.now, is_known) = (Some(Now::new(owner, born)), false),
            }
        }
        if !news.status.is_terminal() {
            feed.set_status(&news, head.as_ref());
        }
        match log {
            Some(log) => feed.rewrite(news.from, &log),
            None if is_first => feed.begin(&news.entries, is_known),
            None => feed.append(&news.entries),
        }
        feed.set_progress(news.progress.as_ref());
        feed.set_output(&news.result);
        if news.status.is_terminal() {
            feed.set_status(&news, head.as_ref());
        }
        Ok(())
    }
}

impl Now {
    fn new(owner: (String, String), born: Option<i64>) -> Self {
        Self {
            seen: Seen { born, ..Seen::entries(0) },
            owner,
            status: String::new(),
            progress: NO_PROGRESS.to_owned(),
            output: output_json(&TaskResult::default()),
            tail: VecDeque::new(),
            tail_bytes: 0,
            before_tail: Sum::EMPTY,
        }
    }

    /// The number of the first entry that is kept.
    pub(super) fn tail_start(&self) -> usize {
        self.seen.entries - self.tail.len()
    }

    /// What so many entries add up to, if that is known.
    pub(super) fn sum_at(&self, entries: usize) -> Option<Sum> {
        match entries.checked_sub(self.tail_start())? {
            0 => Some(self.before_tail),
            at => self.tail.get(at - 1).map(|(sum, _)| *sum),
        }
    }

    fn push(&mut self, entry: &str) -> String {
        let sum = self.seen.sum.unwrap_or(Sum::EMPTY).and(entry);
        let told = Entry::of(entry).encode();
        self.seen.sum = Some(sum);
        self.seen.entries += 1;
        self.tail_bytes += told.len();
        self.tail.push_back((sum, told.clone()));
        while self.tail_bytes > MAX_TAIL_BYTES
            && let Some((sum, told)) = self.tail.pop_front()
        {
            self.tail_bytes -= told.len();
            self.before_tail = sum;
        }
        told
    }

    /// Goes back to where nothing was seen of the log but entries that add up to this.
    fn back_to(&mut self, entries: usize, sum: Sum) {
        (self.seen.entries, self.seen.sum) = (entries, Some(sum));
        self.tail.clear();
        (self.tail_bytes, self.before_tail) = (0, sum);
    }
}

impl Feed {
    /// Tells something: its data, from what is known now.
    fn tell(&mut self, name: &str, data: &str) {
        let Some(now) = &self.now else { return };
        let bytes = sse::event(&now.seen, name, data);
        self.bytes += bytes.len();
        self.kept.push_back(Told { bytes, after: now.seen.clone() });
        while self.bytes > MAX_KEPT_BYTES
            && self.kept.len() > 1
            && let Some(told) = self.kept.pop_front()
        {
            self.bytes -= told.bytes.len();
            self.first += 1;
        }
    }

    /// The number of the event that will be told next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn set_status(&mut self, news: &News, head: Option<&Head>) {
        let Some(now) = &mut self.now else { return };
        if now.seen.status == Some(news.status) {
            return;
        }
        now.seen.status = Some(news.status);
        let updated_at = head.map(|head| head.updated_at.as_str());
        now.status = json!({"status": news.status.as_str(), "updated_at": updated_at}).to_string();
        let data = now.status.clone();
        self.tell("status", &data);
    }

    fn set_progress(&mut self, progress: Option<&Progress>) {
        let Some(now) = &mut self.now else { return };
        let data = progress.map_or_else(|| NO_PROGRESS.to_owned(), |progress| progress_json(progress).to_string());
        let known = progress.map_or(0, |_| digest(&data));
        if now.seen.progress == known {
            return;
        }
        now.seen.progress = known;
        now.progress.clone_from(&data);
        self.tell("progress", &data);
    }

    fn set_output(&mut self, result: &TaskResult) {
        let Some(now) = &mut self.now else { return };
        let is_none = result.pod_status.is_none() && result.launcher_output.is_none();
        let data = output_json(result);
        let known = if is_none { 0 } else { digest(&data) };
        if now.seen.output == known {
            return;
        }
        now.seen.output = known;
        now.output.clone_from(&data);
        self.tell("output", &data);
    }

    /// Takes the whole log, after a look that began anew: the first one, or another of a task that is known.
    fn begin(&mut self, entries: &[String], is_known: bool) {
        let Some(now) = &mut self.now else { return };
        let known = now.seen.entries;
        let before = entries.get(..known).map(|seen| seen.iter().fold(Sum::EMPTY, |sum, entry| sum.and(entry)));
        if !is_known {
            // Whoever watches has not been told anything yet, and catches up.
            entries.iter().for_each(|entry| drop(now.push(entry)));
        } else if before == now.seen.sum {
            self.append(&entries[known..]);
        } else {
            self.rewrite(0, entries);
        }
    }

    fn append(&mut self, entries: &[String]) {
        let mut rest = entries;
        while !rest.is_empty() {
            let Some(now) = &mut self.now else { return };
            let start = now.seen.entries;
            let mut told = Vec::new();
            let mut bytes = 0;
            while let Some((first, others)) = rest.split_first()
                && told.len() < MAX_EVENT
                && (bytes == 0 || bytes + first.len() <= MAX_EVENT_BYTES)
            {
                bytes += first.len();
                told.push(now.push(first));
                rest = others;
            }
            self.tell("entries", &entries_json(start, &told));
        }
    }

    /// Tells a log anew from an entry on: what stood behind it does no longer.
    fn rewrite(&mut self, from: usize, log: &[String]) {
        let Some(now) = &mut self.now else { return };
        let from = from.min(now.seen.entries).min(log.len());
        let sum = log[..from].iter().fold(Sum::EMPTY, |sum, entry| sum.and(entry));
        now.back_to(from, sum);
        if from == log.len() {
            self.tell("entries", &entries_json::<&str>(from, &[]));
        }
        self.append(&log[from..]);
    }
}

/// The data of an event with entries, each as it is told.
pub(super) fn entries_json<S: AsRef<str>>(start: usize, entries: &[S]) -> String {
    let entries: Vec<&str> = entries.iter().map(AsRef::as_ref).collect();
    format!("{{\"start\":{start},\"entries\":[{}]}}", entries.join(","))
}

/// How far a task has come.
pub(crate) fn progress_json(progress: &Progress) -> serde_json::Value {
    json!({"done": progress.done(), "total": progress.total(), "note": progress.note()})
}

/// What the workload left behind; the end of it, if it is long.
fn output_json(result: &TaskResult) -> String {
    let mut cut = false;
    let mut end_of = |text: &Option<String>| {
        text.as_ref().map(|text| {
            let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_OUTPUT_BYTES));
            cut |= start > 0;
            text[start..].to_owned()
        })
    };
    let (pod_status, launcher_output) = (end_of(&result.pod_status), end_of(&result.launcher_output));
    let mut data = json!({"pod_status": pod_status, "launcher_output": launcher_output});
    if cut {
        data["cut"] = true.into();
    }
    data.to_string()
}
