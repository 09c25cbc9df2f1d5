//! Telling those who watch which tasks were written to. An engine has one source for all that watch a store, which works
//! only while somebody does.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How many tasks one who watches may be behind. Of more he is told no more than that there were some.
pub(super) const MAX_BEHIND: usize = 10_000;

/// What was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Anything may have changed: what was known before is to be read anew.
    All,
    /// These tasks were written to, came, or went: at most 10,000, each once, in no order.
    Tasks(Vec<String>),
}

/// What one who watches has not taken yet. It is bounded, however slow he is.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    all: bool,
    ids: HashSet<String>,
}

impl Mailbox {
    /// Takes note of a task.
    pub(super) fn note(&self, id: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.add(id);
        drop(waiting);
        self.news.notify_one();
    }

    /// Takes note of what another was told.
    fn add(&self, changed: &Changed) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match changed {
            Changed::All => waiting.forget(),
            Changed::Tasks(ids) => ids.iter().for_each(|id| waiting.add(id)),
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// Waits until there is something, and takes it.
    pub(super) async fn take(&self) -> Changed {
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if waiting.all {
                return Changed::All;
            } else if !waiting.ids.is_empty() {
                return Changed::Tasks(waiting.ids.into_iter().collect());
            }
            self.news.notified().await;
        }
    }
}

impl Waiting {
    fn add(&mut self, id: &str) {
        if self.all || self.ids.contains(id) {
            return;
        }
        if self.ids.len() >= MAX_BEHIND {
            return self.forget();
        }
        self.ids.insert(id.to_owned());
    }

    /// What is to be read anew needs no names.
    fn forget(&mut self) {
        *self = Self { all: true, ids: HashSet::new() };
    }
}

/// Those who watch a store, as its source sees them.
#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<Watchers>);

#[derive(Debug, Default)]
struct Watchers {
    /// Whether the source has begun to hear of changes.
    begun: bool,
    mailboxes: Vec<Weak<Mailbox>>,
}

impl Feed {
    /// Tells everybody. The first thing that a source tells, once it hears of changes, is [`Changed::All`].
    pub(super) fn tell(&self, changed: &Changed) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.begun = true;
        watchers.mailboxes.retain(|mailbox| mailbox.upgrade().inspect(|mailbox| mailbox.add(changed)).is_some());
    }

    /// One more who watches. What was written before is for him to read once he is told [`Changed::All`]: from then on he
    /// hears of everything.
    fn join(&self) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox::default());
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.begun {
            mailbox.add(&Changed::All);
        }
        watchers.mailboxes.push(Arc::downgrade(&mailbox));
        mailbox
    }
}

/// The source of a store, while somebody watches.
#[derive(Debug, Default)]
pub(super) struct Source(Mutex<Weak<Working>>);

#[derive(Debug)]
struct Working {
    feed: Arc<Feed>,
    /// Aborted when the last one who watches goes.
    _work: JoinSet<()>,
}

impl Source {
    /// A stream for one more who watches. `work` tells the feed until it is dropped; it begins with the first stream, on the
    /// present runtime, and ends with the last.
    pub(super) fn watch<F>(&self, work: impl FnOnce(Arc<Feed>) -> F) -> BoxStream<'static, Changed>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let working = current.upgrade().unwrap_or_else(|| {
            let feed = Arc::new(Feed::default());
            let mut tasks = JoinSet::new();
            tasks.spawn(work(feed.clone()));
            let working = Arc::new(Working { feed, _work: tasks });
            *current = Arc::downgrade(&working);
            working
        });
        let mailbox = working.feed.join();
        let next = |(mailbox, working): (Arc<Mailbox>, Arc<Working>)| async move {
            Some((mailbox.take().await, (mailbox, working)))
        };
        stream::unfold((mailbox, working), next).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;

    fn tasks(ids: &[&str]) -> Changed {
        Changed::Tasks(ids.iter().map(|&id| id.to_owned()).collect())
    }

    fn assert_pending(changes: &mut BoxStream<'static, Changed>) {
        assert_eq!(changes.next().now_or_never(), None);
    }

    /// A source that tells what a test tells it, and counts how often it works.
    #[derive(Default)]
    struct Told {
        source: Source,
        feed: Arc<Mutex<Option<Arc<Feed>>>>,
        working: Arc<AtomicUsize>,
    }

    struct Leaves(Arc<AtomicUsize>);

    impl Drop for Leaves {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Told {
        fn watch(&self) -> BoxStream<'static, Changed> {
            let (kept, working) = (self.feed.clone(), self.working.clone());
            self.source.watch(|feed| {
                *kept.lock().unwrap() = Some(feed);
                working.fetch_add(1, Ordering::SeqCst);
                let leaves = Leaves(working);
                async move {
                    let _leaves = leaves;
                    std::future::pending().await
                }
            })
        }

        fn tell(&self, changed: &Changed) {
            self.feed.lock().unwrap().as_ref().unwrap().tell(changed);
        }
    }

    #[tokio::test]
    async fn a_watcher_hears_nothing_before_the_source_does_and_then_everything() {
        let told = Told::default();
        let mut early = told.watch();
        assert_pending(&mut early);
        told.tell(&Changed::All);
        told.tell(&tasks(&["1"]));
        assert_eq!(early.next().await, Some(Changed::All));
        let mut late = told.watch();
        assert_eq!(late.next().await, Some(Changed::All));
        told.tell(&tasks(&["2"]));
        told.tell(&tasks(&["2"]));
        assert_eq!(early.next().await, Some(tasks(&["2"])));
        assert_eq!(late.next().await, Some(tasks(&["2"])));
        assert_pending(&mut late);
    }

    #[tokio::test]
    async fn a_watcher_who_is_too_far_behind_is_told_to_read_anew() {
        let told = Told::default();
        let mut changes = told.watch();
        told.tell(&Changed::All);
        changes.next().await;
        let many: Vec<String> = (0..MAX_BEHIND).map(|number| number.to_string()).collect();
        told.tell(&Changed::Tasks(many.clone()));
        told.tell(&Changed::Tasks(many));
        let Some(Changed::Tasks(ids)) = changes.next().await else { panic!("he is not behind") };
        assert_eq!(ids.len(), MAX_BEHIND);
        told.tell(&Changed::Tasks(ids));
        told.tell(&tasks(&["one more"]));
        told.tell(&tasks(&["another"]));
        assert_eq!(changes.next().await, Some(Changed::All));
        assert_pending(&mut changes);
    }

    #[tokio::test]
    async fn the_source_works_only_while_somebody_watches() {
        let told = Told::default();
        let count = || told.working.load(Ordering::SeqCst);
        let (one, other) = (told.watch(), told.watch());
        assert_eq!(count(), 1);
        drop(one);
        assert_eq!(count(), 1);
        drop(other);
        while count() > 0 {
            tokio::task::yield_now().await;
        }
        let _again = told.watch();
        assert_eq!(count(), 1);
    }
}
