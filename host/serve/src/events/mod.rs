//! What happens, told to whoever watches: one source for all who watch a task, and one for all who watch the platform.
//!
//! An event is put into words once, and its bytes are shared. Nobody has a queue of his own: a watcher knows how far he is,
//! takes what follows from what is kept of late, and reads the store where that does not reach. So one who is slow costs
//! what one page of a log has, and keeps nobody waiting. What a watcher has seen is in the id of each event, so that any
//! process can go on from there.
//!
//! Nothing here knows HTTP.

mod entries;
mod overview;
mod platform;
mod presence;
mod seen;
mod sse;
mod task;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use task_state_host::record::TaskId;
use task_state_host::store::{Access, Error, Owners, SharedStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::entries::{Entry, Page, page_of};
pub(crate) use self::overview::{Overviews, counts_json};
pub(crate) use self::platform::{Place, head_json};
pub(crate) use self::presence::{About, announce};
pub(crate) use self::seen::Seen;
pub(crate) use self::task::progress_json;

use self::platform::{PlatformFeed, PlatformWatcher};
use self::task::TaskFeed;
use self::watch::TaskWatcher;

/// How many streams a process has open at once. Fewer than there may be connections, so that there is room for requests.
pub(crate) const MAX_STREAMS: usize = 1_500;

/// How many records are read whole at once, for those who ask for one or are behind with its log: each may have a log of
/// many megabytes.
const READS: usize = 4;

/// How often a stream says that it lives.
const BEAT: Duration = Duration::from_secs(15);

/// How long a stream lasts. Others go on with the id of the last event.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What tells of a store. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    store: SharedStore,
    room: Arc<Semaphore>,
    reads: Semaphore,
    tasks: Mutex<HashMap<TaskId, Weak<TaskFeed>>>,
    platform: Mutex<Weak<PlatformFeed>>,
    overviews: Overviews,
    closing: tokio::sync::watch::Sender<Closing>,
}

/// Which streams are to end.
#[derive(Debug, Clone, Copy, Default)]
struct Closing {
    /// How often all that were open were to end.
    times: u64,
    /// Whether those that begin later end too.
    for_good: bool,
}

impl Closing {
    /// Whether a stream is to end that began after so many times.
    fn ends(&self, times: u64) -> bool {
        self.for_good || self.times != times
    }
}

/// What one may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sight {
    /// The tasks of these.
    pub(crate) owners: Owners,
    /// Whether he is an operator, who may see everything and wants to see this.
    pub(crate) is_operators: bool,
}

impl Sight {
    /// Everything.
    pub(crate) const OPERATORS: Self = Self { owners: Owners::ANY, is_operators: true };
}

/// There are as many streams as there may be.
#[derive(Debug)]
pub(crate) struct Full;

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub(..)")
    }
}

impl Hub {
    /// One that tells of this store, and does nothing while nobody watches.
    pub(crate) fn new(store: SharedStore) -> Self {
        Self(Arc::new(Inner {
            room: Arc::new(Semaphore::new(MAX_STREAMS)),
            reads: Semaphore::new(READS),
            tasks: Mutex::default(),
            platform: Mutex::default(),
            overviews: Overviews::new(store.clone()),
            closing: tokio::sync::watch::Sender::new(Closing::default()),
            store,
        }))
    }

    /// Ends all streams, and those that begin later.
    pub(crate) fn close(&self) {
        self.0.closing.send_modify(|closing| closing.for_good = true);
    }

    /// Ends the streams that are open: others may watch from now on. Whoever still may goes on with the id that he has.
    pub(crate) fn reopen(&self) {
        self.0.closing.send_modify(|closing| closing.times += 1);
    }

    /// How many streams are open.
    pub(crate) fn open_streams(&self) -> usize {
        MAX_STREAMS - self.0.room.available_permits()
    }

    /// What the platform looks like as a whole.
    pub(crate) fn overviews(&self) -> &Overviews {
        &self.0.overviews
    }

    /// Events of a task, for one who has seen this much of it.
    pub(crate) fn task(&self, id: &TaskId, seen: Seen) -> Result<impl Stream<Item = Bytes> + Send + use<>, Full> {
        let room = self.room()?;
        let feed = self.feed_of(id);
        Ok(TaskWatcher::new(self.0.clone(), feed, seen, room).into_stream())
    }

    /// Events of the platform, for one who sees this much of it and has come as far as this place, if he was here before.
    pub(crate) fn platform(
        &self,
        sight: Sight,
        last: Option<Place>,
    ) -> Result<impl Stream<Item = Bytes> + Send + use<>, Full> {
        let room = self.room()?;
        let feed = self.platform_feed();
        Ok(PlatformWatcher::new(self.0.clone(), feed, sight, last, room).into_stream())
    }

    /// Part of the log of a task, from an entry on, for one who may touch the task.
    ///
    /// # Errors
    /// Those of a store that reads a task.
    pub(crate) async fn page(&self, id: &TaskId, access: &Access, from: usize) -> Result<Page, Error> {
        self.0.page(id, access, from).await
    }

    /// A turn to read a record whole, however long its log is. Whoever has what he needs of it gives the turn back.
    pub(crate) async fn turn(&self) -> impl Sized + use<'_> {
        // It is never closed.
        self.0.reads.acquire().await
    }

    fn room(&self) -> Result<OwnedSemaphorePermit, Full> {
        self.0.room.clone().try_acquire_owned().map_err(|_| Full)
    }

    fn feed_of(&self, id: &TaskId) -> Arc<TaskFeed> {
        let mut tasks = lock(&self.0.tasks);
        if let Some(feed) = tasks.get(id).and_then(Weak::upgrade).filter(|feed| !feed.is_over()) {
            return feed;
        }
        tasks.retain(|_, feed| feed.strong_count() > 0);
        let feed = TaskFeed::start(self.0.store.clone(), id.clone());
        tasks.insert(id.clone(), Arc::downgrade(&feed));
        feed
    }

    fn platform_feed(&self) -> Arc<PlatformFeed> {
        let mut platform = lock(&self.0.platform);
        platform.upgrade().unwrap_or_else(|| {
            let feed = PlatformFeed::start(self.0.store.clone(), self.0.overviews.clone(), self.0.closing.subscribe());
            *platform = Arc::downgrade(&feed);
            feed
        })
    }
}

impl Inner {
    async fn page(&self, id: &TaskId, access: &Access, from: usize) -> Result<Page, Error> {
        // It is never closed.
        let _turn = self.reads.acquire().await;
        page_of(&self.store, id, access, from).await
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
