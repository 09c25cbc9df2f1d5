//! The platform as it is watched: which tasks change, are new or gone, and what it looks like as a whole.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use task_state_host::record::Head;
use task_state_host::store::{Changed, MAX_PAGE_TASKS, Query, Result, Scope, SharedStore};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::overview::{Overview, SHORTEST};
use super::watch::Pace;
use super::{Closing, Inner, Overviews, Sight, lock, sse};

/// How often a task is told of, at the most.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How long to wait after the store did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How many events are kept for those who come back, or are not quite with it, and how many bytes.
const MAX_KEPT: usize = 20_000;
const MAX_KEPT_BYTES: usize = 8 << 20;

/// Of how many changed tasks one is told; of more it is said that everything is to be read anew.
const MAX_PENDING: usize = 50_000;

/// How many tasks' owners are known, so that it can be told to whom a task that is gone belonged. Twice as many at the most.
const MAX_OWNERS: usize = 20_000;

/// How many bytes of events one is handed at once.
const MAX_AT_ONCE: usize = 64 << 10;

/// How often it is looked whether anybody watches, and for how long nobody may: what happens meanwhile is kept for who comes
/// back.
const LOOK_EVERY: Duration = Duration::from_secs(20);
const MAX_UNWATCHED: u32 = 3;

/// The platform as it is watched.
pub(super) struct PlatformFeed {
    shared: Arc<Shared>,
    _work: JoinSet<()>,
}

struct Shared {
    store: SharedStore,
    overviews: Overviews,
    /// By which the ids of this feed are told from those of others.
    epoch: u64,
    feed: Mutex<Feed>,
    /// Whether a task has changed since they were counted.
    stale: AtomicBool,
    watchers: AtomicUsize,
    news: tokio::sync::watch::Sender<u64>,
}

#[derive(Default)]
struct Feed {
    /// Whether it hears of changes by now.
    is_ready: bool,
    /// The number of the first event that is kept.
    first: u64,
    kept: VecDeque<Told>,
    bytes: usize,
    owners: KnownOwners,
    overview: Option<Overview>,
}

enum Told {
    Task {
        owner: Owner,
        bytes: Bytes,
    },
    /// Whose it was, if that is known.
    Gone {
        owner: Option<Owner>,
        bytes: Bytes,
    },
    /// There is another overview.
    Overview,
    Reset,
}

/// A service and a user.
type Owner = (Arc<str>, Arc<str>);

/// The owners of tasks that were told of lately. What was not is forgotten, half of it at a time.
#[derive(Default)]
struct KnownOwners {
    recent: HashMap<String, Owner>,
    before: HashMap<String, Owner>,
}

impl KnownOwners {
    fn note(&mut self, id: &str, owner: Owner) {
        if self.recent.len() >= MAX_OWNERS {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id.to_owned(), owner);
    }

    fn forget(&mut self, id: &str) -> Option<Owner> {
        let (recent, before) = (self.recent.remove(id), self.before.remove(id));
        recent.or(before)
    }
}

/// How far one has come: the id of each event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    epoch: u64,
    /// The number of the event that follows.
    next: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.epoch, self.next)
    }
}

impl FromStr for Place {
    type Err = super::seen::NoId;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (epoch, next) = text.split_once('-').ok_or(super::seen::NoId)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| super::seen::NoId)?;
        Ok(Self { epoch, next: next.parse().map_err(|_| super::seen::NoId)? })
    }
}

impl PlatformFeed {
    /// Begins to hear of changes. It goes on for a while after the last one who watches, or until `closing`.
    pub(super) fn start(
        store: SharedStore,
        overviews: Overviews,
        mut closing: tokio::sync::watch::Receiver<Closing>,
    ) -> Arc<Self> {
        let epoch = super::entries::digest(&format!("{} {:?}", std::process::id(), store.now()));
        let shared = Arc::new(Shared {
            store,
            overviews,
            epoch,
            feed: Mutex::default(),
            stale: AtomicBool::new(true),
            watchers: AtomicUsize::new(0),
            news: tokio::sync::watch::Sender::new(0),
        });
        let mut work = JoinSet::new();
        work.spawn(tell_changes(shared.clone()));
        work.spawn(tell_overviews(shared.clone()));
        let feed = Arc::new(Self { shared, _work: work });
        let kept = feed.clone();
        tokio::spawn(async move {
            let mut unwatched = 0;
            while unwatched < MAX_UNWATCHED {
                tokio::select! {
                    () = sleep(LOOK_EVERY) => {}
                    _ = closing.wait_for(|closing| closing.for_good) => break,
                }
                unwatched = if kept.shared.watchers.load(Ordering::Relaxed) == 0 { unwatched + 1 } else { 0 };
            }
        });
        feed
    }
}

async fn tell_changes(shared: Arc<Shared>) {
    let mut changes = shared.store.changes();
    let mut pending = HashSet::new();
    let mut due = Instant::now();
    loop {
        tokio::select! {
            changed = changes.next() => match changed {
                Some(Changed::All) => {
                    pending.clear();
                    shared.reset();
                }
                Some(Changed::Tasks(ids)) => {
                    shared.stale.store(true, Ordering::Relaxed);
                    pending.extend(ids);
                    if pending.len() > MAX_PENDING {
                        pending.clear();
                        shared.reset();
                    }
                }
                None => return,
            },
            () = sleep_until(due), if !pending.is_empty() => {
                let told = shared.tell_of(&pending).await;
                due = Instant::now() + if told.is_ok() { TELL_EVERY } else { AFTER_FAILURE };
                match told {
                    Ok(()) => pending.clear(),
                    Err(error) => tracing::debug!(%error, "changes cannot be told for now"),
                }
            }
        }
    }
}

async fn tell_overviews(shared: Arc<Shared>) {
    let mut last = None;
    loop {
        let stale = shared.overviews.due() <= Instant::now() && shared.stale.swap(false, Ordering::Relaxed);
        match shared.overviews.counted(stale).await {
            Ok(overview) => {
                let now = Some(overview.without_time(&Sight::OPERATORS));
                if now != last {
                    last = now;
                    lock(&shared.feed).overview = Some(overview);
                    shared.push([Told::Overview]);
                }
            }
            Err(error) => {
                shared.stale.store(true, Ordering::Relaxed);
                tracing::debug!(%error, "tasks cannot be counted for now");
            }
        }
        sleep(SHORTEST).await;
    }
}

impl Shared {
    /// Everything is to be read anew; but the first time, when nobody has been told anything yet.
    fn reset(&self) {
        self.stale.store(true, Ordering::Relaxed);
        let was_ready = std::mem::replace(&mut lock(&self.feed).is_ready, true);
        self.push(was_ready.then_some(Told::Reset));
    }

    /// Tells of tasks that have changed.
    async fn tell_of(&self, ids: &HashSet<String>) -> Result<()> {
        let ids: Vec<&String> = ids.iter().collect();
        for some in ids.chunks(MAX_PAGE_TASKS) {
            let mut missing: BTreeSet<String> = some.iter().map(|id| (*id).clone()).collect();
            let mut query = Query::new(Scope::Ids(missing.clone()));
            let mut heads = Vec::new();
            loop {
                let page = self.store.heads(&query).await?;
                missing.retain(|id| page.skipped.iter().all(|skipped| skipped.id != *id));
                heads.extend(page.heads);
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            for head in &heads {
                missing.remove(&head.task_id);
            }
            self.tell_heads(&heads, &missing);
        }
        Ok(())
    }

    fn tell_heads(&self, heads: &[Head], gone: &BTreeSet<String>) {
        let feed = &mut *lock(&self.feed);
        for head in heads {
            let owner: Owner = (head.service.as_str().into(), head.user_id.as_str().into());
            feed.owners.note(&head.task_id, owner.clone());
            let bytes = self.event(feed, "task", &head_json(head).to_string());
            feed.push(Told::Task { owner, bytes });
        }
        for id in gone {
            let owner = feed.owners.forget(id);
            let bytes = self.event(feed, "gone", &json!({"task_id": id}).to_string());
            feed.push(Told::Gone { owner, bytes });
        }
        self.news.send_modify(|count| *count += 1);
    }

    fn push(&self, all: impl IntoIterator<Item = Told>) {
        let feed = &mut *lock(&self.feed);
        all.into_iter().for_each(|told| feed.push(told));
        self.news.send_modify(|count| *count += 1);
    }

    /// The next event.
    fn event(&self, feed: &Feed, name: &str, data: &str) -> Bytes {
        sse::event(Place { epoch: self.epoch, next: feed.end() + 1 }, name, data)
    }
}

impl Told {
    fn bytes(&self) -> usize {
        match self {
            Self::Task { bytes, .. } | Self::Gone { bytes, .. } => bytes.len(),
            Self::Overview | Self::Reset => 0,
        }
    }
}

impl Feed {
    fn end(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    fn push(&mut self, told: Told) {
        self.bytes += told.bytes();
        self.kept.push_back(told);
        while (self.bytes > MAX_KEPT_BYTES || self.kept.len() > MAX_KEPT)
            && let Some(told) = self.kept.pop_front()
        {
            self.bytes -= told.bytes();
            self.first += 1;
        }
    }
}

/// What is told of a task, where it is one of many.
pub(crate) fn head_json(head: &Head) -> serde_json::Value {
    json!({
        "task_id": head.task_id,
        "service": head.service,
        "user_id": head.user_id,
        "status": head.status.as_str(),
        "priority": head.priority.as_str(),
        "created_at": head.created_at.as_str(),
        "updated_at": head.updated_at.as_str(),
        "progress": head.progress.as_ref().map(super::task::progress_json),
    })
}

/// One who watches the platform.
pub(super) struct PlatformWatcher {
    feed: Arc<PlatformFeed>,
    news: tokio::sync::watch::Receiver<u64>,
    pace: Pace,
    sight: Sight,
    /// Where he comes from, until he was told that he is here.
    last: Option<Place>,
    /// The number of the event that he is told next, once he was.
    next: Option<u64>,
    /// Whether he was told how it looks as a whole.
    has_overview: bool,
    /// Up to which number he has an id.
    told_id: u64,
    _room: OwnedSemaphorePermit,
}

impl Drop for PlatformWatcher {
    fn drop(&mut self) {
        self.feed.shared.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PlatformWatcher {
    pub(super) fn new(
        hub: Arc<Inner>,
        feed: Arc<PlatformFeed>,
        sight: Sight,
        last: Option<Place>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        feed.shared.watchers.fetch_add(1, Ordering::Relaxed);
        let news = feed.shared.news.subscribe();
        let pace = Pace::new(hub.closing.subscribe());
        Self { feed, news, pace, sight, last, next: None, has_overview: false, told_id: 0, _room: room }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Bytes> + Send + use<> {
        stream::unfold(self, |mut watcher| async move { watcher.told().await.map(|told| (told, watcher)) })
    }

    /// What he is told next. None after the end.
    async fn told(&mut self) -> Option<Bytes> {
        if let Some(begin) = self.pace.begin() {
            return Some(begin);
        }
        loop {
            if let ControlFlow::Break(bye) = self.pace.over() {
                return bye;
            }
            self.news.borrow_and_update();
            if let Some(bytes) = self.step() {
                return Some(bytes);
            }
            tokio::select! {
                // The feed is held, and so is its sender.
                _ = self.news.changed() => {}
                beat = self.pace.beat() => if beat.is_some() {
                    return Some(self.beat());
                },
            }
        }
    }

    fn place(&self, next: u64) -> Place {
        Place { epoch: self.feed.shared.epoch, next }
    }

    /// Says that the stream lives, and how far he has come although nothing was for him.
    fn beat(&mut self) -> Bytes {
        match self.next {
            Some(next) if next > self.told_id => {
                self.told_id = next;
                sse::only_id(self.place(next))
            }
            _ => sse::BEAT,
        }
    }

    fn step(&mut self) -> Option<Bytes> {
        let shared = self.feed.shared.clone();
        let feed = &*lock(&shared.feed);
        if !feed.is_ready {
            return None;
        }
        let Some(next) = self.next else { return Some(self.arrive(feed)) };
        if next < feed.first {
            return Some(self.jump(feed, "reset"));
        }
        self.go_on(feed, next)
    }

    /// Tells one who comes that he hears of everything from here on; or goes on where he was, if that is known.
    fn arrive(&mut self, feed: &Feed) -> Bytes {
        match self.last.take() {
            Some(place) if place.epoch == self.feed.shared.epoch && (feed.first..=feed.end()).contains(&place.next) => {
                (self.next, self.told_id, self.has_overview) = (Some(place.next), place.next, true);
                sse::BEAT
            }
            Some(_) => self.jump(feed, "reset"),
            None => self.jump(feed, "hello"),
        }
    }

    /// Goes on with what follows from now on.
    fn jump(&mut self, feed: &Feed, name: &str) -> Bytes {
        let end = feed.end();
        (self.next, self.told_id, self.has_overview) = (Some(end), end, false);
        sse::event(self.place(end), name, "{}")
    }

    fn go_on(&mut self, feed: &Feed, mut next: u64) -> Option<Bytes> {
        let from = usize::try_from(next - feed.first).unwrap_or(usize::MAX);
        let mut all = BytesMut::new();
        let (mut overview, mut reset) = (!self.has_overview && feed.overview.is_some(), false);
        for told in feed.kept.iter().skip(from) {
            if all.len() >= MAX_AT_ONCE {
                break;
            }
            next += 1;
            match told {
                Told::Task { owner, bytes } if self.may_see(owner) => all.extend_from_slice(bytes),
                Told::Gone { owner: Some(owner), bytes } if self.may_see(owner) => all.extend_from_slice(bytes),
                Told::Gone { owner: None, bytes } if self.sight.is_operators => all.extend_from_slice(bytes),
                // It may have been his, and is not named as it may not have been.
                Told::Gone { owner: None, .. } | Told::Reset => reset = true,
                Told::Overview => overview = true,
                Told::Task { .. } | Told::Gone { .. } => continue,
            }
            self.told_id = next;
        }
        self.next = Some(next);
        let place = self.place(next);
        if reset {
            all.clear();
            all.extend_from_slice(&sse::event(place, "reset", "{}"));
        }
        if overview && let Some(seen) = &feed.overview {
            self.has_overview = true;
            all.extend_from_slice(&sse::event(place, "overview", &seen.seen_by(&self.sight).to_string()));
        }
        (!all.is_empty()).then(|| all.freeze())
    }

    fn may_see(&self, (service, user): &Owner) -> bool {
        self.sight.owners.check(service, user).is_ok()
    }
}
