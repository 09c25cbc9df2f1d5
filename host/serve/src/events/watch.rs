//! One who watches a task: what he has seen, and what he is told next.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use task_state_host::store::{Access, Error};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::entries::{Entry, MAX_EVENT, MAX_EVENT_BYTES, Sum};
use super::seen::Seen;
use super::task::{Feed, Now, Over, TaskFeed, entries_json};
use super::{BEAT, Closing, Inner, LONGEST, sse};

/// How many bytes of events one is handed at once.
const MAX_AT_ONCE: usize = 64 << 10;

/// For how long somebody may have seen what the feed has not: he has it from the store, which the feed looks at a few times
/// a second. After that it is gone from there.
const AHEAD: Duration = Duration::from_secs(2);

/// How long to wait after the store did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// One who watches a task.
pub(super) struct TaskWatcher {
    hub: Arc<Inner>,
    feed: Arc<TaskFeed>,
    news: tokio::sync::watch::Receiver<u64>,
    pace: Pace,
    seen: Seen,
    /// The event that he is told next, once he has caught up.
    next: Option<u64>,
    /// Since when what he has seen is not what the feed knows.
    ahead: Option<Instant>,
    _room: OwnedSemaphorePermit,
}

/// What a stream has by itself: a beginning, a beat and an end.
pub(super) struct Pace {
    closing: tokio::sync::watch::Receiver<Closing>,
    /// How often streams had been ended when this one began.
    times: u64,
    beat: Interval,
    until: Instant,
    begun: bool,
    ended: bool,
}

impl Pace {
    pub(super) fn new(closing: tokio::sync::watch::Receiver<Closing>) -> Self {
        let now = Instant::now();
        let mut beat = interval_at(now + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let times = closing.borrow().times;
        Self { closing, times, beat, until: now + LONGEST, begun: false, ended: false }
    }

    /// What the stream says first. None once it has.
    pub(super) fn begin(&mut self) -> Option<Bytes> {
        (!std::mem::replace(&mut self.begun, true)).then_some(sse::RETRY)
    }

    /// Whether the stream is to end, because all are or because it has lasted long enough, and what it says then: nothing,
    /// if it has ended.
    pub(super) fn over(&mut self) -> ControlFlow<Option<Bytes>> {
        if self.ended {
            return ControlFlow::Break(None);
        } else if self.closing.borrow().ends(self.times) || Instant::now() >= self.until {
            self.end();
            return ControlFlow::Break(Some(sse::BYE));
        }
        ControlFlow::Continue(())
    }

    /// Nothing is said any more.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Waits for the next beat, or until the stream is to end: then it gives none.
    pub(super) async fn beat(&mut self) -> Option<()> {
        tokio::select! {
            _ = self.beat.tick() => Some(()),
            _ = self.closing.wait_for(|closing| closing.ends(self.times)) => None,
            () = sleep_until(self.until) => None,
        }
    }
}

/// What there is to do for a watcher.
enum Step {
    Say(Bytes),
    /// Nothing, until there is news.
    Wait,
    /// Nothing, until there is news or this moment has come.
    WaitUntil(Instant),
    /// To read the log from the store.
    Read,
    End(Over),
}

impl TaskWatcher {
    pub(super) fn new(hub: Arc<Inner>, feed: Arc<TaskFeed>, seen: Seen, room: OwnedSemaphorePermit) -> Self {
        let pace = Pace::new(hub.closing.subscribe());
        let news = feed.news();
        Self { hub, feed, news, pace, seen, next: None, ahead: None, _room: room }
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
            let until = match self.step() {
                Step::Say(bytes) => return Some(bytes),
                Step::End(over) => {
                    self.pace.end();
                    return Some(sse::plain(if over == Over::Ended { "end" } else { "gone" }));
                }
                Step::Read => match self.read().await {
                    Ok(bytes) => return Some(bytes),
                    // The feed comes to know it.
                    Err(_) => Some(Instant::now() + AFTER_FAILURE),
                },
                Step::Wait => None,
                Step::WaitUntil(until) => Some(until),
            };
            if let Some(beat) = self.wait(until).await {
                return Some(beat);
            }
        }
    }

    /// Waits for news, or until a moment has come; or for the next beat, which it gives.
    async fn wait(&mut self, until: Option<Instant>) -> Option<Bytes> {
        let until = until.unwrap_or_else(|| Instant::now() + LONGEST);
        tokio::select! {
            // The feed is held, and so is its sender.
            _ = self.news.changed() => None,
            () = sleep_until(until) => None,
            beat = self.pace.beat() => beat.map(|()| sse::BEAT),
        }
    }

    fn step(&mut self) -> Step {
        let feed = self.feed.clone();
        let feed = &*feed.feed();
        if feed.over == Some(Over::Gone) {
            return Step::End(Over::Gone);
        }
        let Some(now) = &feed.now else { return Step::Wait };
        if let Some(next) = self.next.filter(|next| *next >= feed.first) {
            return self.go_on(feed, next);
        }
        self.next = None;
        self.catch_up(feed, now)
    }

    /// Tells what the feed has told since.
    fn go_on(&mut self, feed: &Feed, next: u64) -> Step {
        let from = usize::try_from(next - feed.first).unwrap_or(usize::MAX);
        let (mut told, mut bytes) = (Vec::new(), 0);
        for event in feed.kept.iter().skip(from) {
            if bytes > 0 && bytes + event.bytes.len() > MAX_AT_ONCE {
                break;
            }
            bytes += event.bytes.len();
            told.push(event);
        }
        let Some(last) = told.last() else {
            return feed.over.map_or(Step::Wait, Step::End);
        };
        self.seen = last.after.clone();
        self.next = Some(next + told.len() as u64);
        // What is told one at a time, as it happens, is shared by all.
        if let [one] = told[..] {
            return Step::Say(one.bytes.clone());
        }
        let mut together = BytesMut::with_capacity(bytes);
        told.iter().for_each(|event| together.extend_from_slice(&event.bytes));
        Step::Say(together.freeze())
    }

    /// Tells what is known now, as far as he has not seen it.
    fn catch_up(&mut self, feed: &Feed, now: &Now) -> Step {
        if self.seen.born != now.seen.born {
            let is_another = self.seen.born.is_some();
            if is_another {
                self.seen = Seen::entries(0);
            }
            self.seen.born = now.seen.born;
            if is_another {
                return Step::Say(sse::event(&self.seen, "reset", "{}"));
            }
        }
        if self.seen.status != now.seen.status {
            self.seen.status = now.seen.status;
            return Step::Say(sse::event(&self.seen, "status", &now.status));
        }
        if self.seen.progress != now.seen.progress {
            self.seen.progress = now.seen.progress;
            return Step::Say(sse::event(&self.seen, "progress", &now.progress));
        }
        if self.seen.output != now.seen.output {
            self.seen.output = now.seen.output;
            return Step::Say(sse::event(&self.seen, "output", &now.output));
        }
        self.catch_up_entries(feed, now)
    }

    fn catch_up_entries(&mut self, feed: &Feed, now: &Now) -> Step {
        let known = now.sum_at(self.seen.entries);
        if self.seen.entries > now.seen.entries
            || known.is_some_and(|known| self.seen.sum.is_some_and(|sum| sum != known))
        {
            return self.wait_for_the_feed(now);
        }
        let Some(known) = known else { return Step::Read };
        self.ahead = None;
        self.seen.sum = Some(known);
        if self.seen.entries == now.seen.entries {
            self.next = Some(feed.end());
            return self.go_on(feed, feed.end());
        }
        let from = self.seen.entries - now.tail_start();
        let told: Vec<&str> = now.tail.iter().skip(from).take(MAX_EVENT).map(|(_, told)| told.as_str()).collect();
        let last = now.tail.get(from + told.len() - 1).map(|(sum, _)| *sum);
        let data = entries_json(self.seen.entries, &told);
        self.seen.entries += told.len();
        self.seen.sum = last;
        Step::Say(sse::event(&self.seen, "entries", &data))
    }

    /// He has seen what the feed does not know: it will come to know it, or a writer without a guard has taken it back.
    fn wait_for_the_feed(&mut self, now: &Now) -> Step {
        let until = *self.ahead.get_or_insert_with(|| Instant::now() + AHEAD);
        if Instant::now() < until {
            return Step::WaitUntil(until);
        }
        self.ahead = None;
        self.seen.entries = 0;
        self.seen.sum = Some(Sum::EMPTY);
        if now.seen.entries > 0 {
            // They are told from the first on, and so take the place of what he has.
            return Step::WaitUntil(Instant::now());
        }
        Step::Say(sse::event(&self.seen, "entries", &entries_json::<&str>(0, &[])))
    }

    /// Reads from the store what is not kept any more.
    async fn read(&mut self) -> Result<Bytes, Error> {
        let reading = self.hub.page(self.feed.id(), &Access::ANY, self.seen.entries);
        // Whoever waits too long asks again, and hears meanwhile that the stream lives.
        let read = timeout(BEAT, reading).await;
        let page = read.map_err(|_| Error::Unavailable("the log was not read in time".to_owned()))??;
        if self.seen.born != Some(page.born) {
            // It is another task, which the feed comes to know.
            return Err(Error::NotFound);
        }
        if self.seen.sum.is_some_and(|sum| sum != page.before) || page.total < self.seen.entries {
            (self.seen.entries, self.seen.sum) = (0, Some(Sum::EMPTY));
            return Ok(sse::BEAT);
        }
        self.seen.sum = Some(page.before);
        let mut all = BytesMut::new();
        let mut rest = &page.entries[..];
        while !rest.is_empty() {
            let (mut told, mut bytes, start) = (Vec::new(), 0, self.seen.entries);
            while let Some((entry, others)) = rest.split_first()
                && told.len() < MAX_EVENT
                && (bytes == 0 || bytes + entry.len() <= MAX_EVENT_BYTES)
            {
                bytes += entry.len();
                told.push(Entry::of(entry).encode());
                self.seen.entries += 1;
                self.seen.sum = self.seen.sum.map(|sum| sum.and(entry));
                rest = others;
            }
            all.extend_from_slice(&sse::event(&self.seen, "entries", &entries_json(start, &told)));
        }
        // Nothing follows what he has: a writer without a guard has taken back the rest.
        Ok(if all.is_empty() { sse::BEAT } else { all.freeze() })
    }
}
