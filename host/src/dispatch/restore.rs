//! The right end, whatever writers do that know no guard: what a run was told is in the record of its task is put back if
//! such a writer has replaced the record by an older one.
//!
//! While a run is under way its record is looked at now and then, and a few times after its end. Nothing but a mark is read
//! of a record that nobody else has written to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::pause::Complaint;
use crate::plugin::{Budget, Journal, lock};
use crate::record::{Change, Status, TaskId};
use crate::store::{Access, Error, Mark, Owners, Result, SharedStore, Ticket};

/// When a task is looked at after its end, besides the last time.
const LOOKS: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// How often the task of a run is looked at, and how many bytes of its record are read in a second at the most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const BYTES_A_SECOND: u64 = 256 << 10;

/// How long after something was put back, or the store did not answer, the task is looked at again.
const AGAIN: Duration = Duration::from_millis(200);

/// How long after the last look a store that does not answer is asked again.
const OVERTIME: Duration = Duration::from_secs(60);

/// Between two looks for what is due: many tasks may begin and end in a second.
const TICK: Duration = Duration::from_millis(20);

/// How many records are read at once.
const AT_ONCE: usize = 16;

/// Looks after the tasks of runs.
#[derive(Debug)]
pub(super) struct Restorer {
    /// None if all who write to it know its guards: then there is nothing to look after.
    store: Option<SharedStore>,
    keep_for: Duration,
    budget: Arc<Budget>,
    watched: Mutex<Watches>,
    count: watch::Sender<usize>,
    changed: Notify,
    complaint: Complaint,
}

#[derive(Debug, Default)]
struct Watches {
    next: u64,
    watches: BTreeMap<u64, Watch>,
}

/// A task that is looked after.
#[derive(Debug, Clone)]
struct Watch {
    id: TaskId,
    access: Access,
    journal: Arc<Journal>,
    end: Option<End>,
    due: Instant,
    /// The record as it was when it was found to lack nothing, and how much the run had written before.
    whole: Option<(Mark, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    at: Instant,
    /// The status, if it is known and an end.
    status: Option<Status>,
    /// How many of the looks are over.
    looks: usize,
}

/// The run whose task is looked after, until it has ended.
#[derive(Debug)]
pub(super) struct Watching {
    restorer: Arc<Restorer>,
    number: u64,
    journal: Arc<Journal>,
}

impl Restorer {
    pub(super) fn new(store: SharedStore, keep_for: Duration) -> Arc<Self> {
        Arc::new(Self {
            store: store.has_unguarded_writers().then_some(store),
            keep_for,
            budget: Arc::default(),
            watched: Mutex::default(),
            count: watch::Sender::new(0),
            changed: Notify::new(),
            complaint: Complaint::default(),
        })
    }

    /// Looks after the task of a run that is about to begin.
    pub(super) fn watch(self: &Arc<Self>, ticket: &Ticket) -> Option<Watching> {
        self.store.as_ref()?;
        let journal = Arc::new(Journal::new(self.budget.clone()));
        let watch = Watch {
            id: ticket.task_id.clone(),
            access: Access::of(Owners::only(ticket.service.as_str(), ticket.user_id.as_str())),
            journal: journal.clone(),
            end: None,
            due: Instant::now() + LOOK_EVERY,
            whole: None,
        };
        let number = {
            let mut watched = lock(&self.watched);
            watched.next += 1;
            let number = watched.next;
            watched.watches.insert(number, watch);
            number
        };
        self.count.send_modify(|count| *count += 1);
        self.changed.notify_one();
        Some(Watching { restorer: self.clone(), number, journal })
    }

    /// Waits until there is nothing to look after.
    pub(super) async fn idle(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// What is due now, or when the next is.
    fn due(&self) -> std::result::Result<Vec<(u64, Watch)>, Option<Instant>> {
        let (now, watched) = (Instant::now(), lock(&self.watched));
        let due = watched.watches.iter().filter(|(_, watch)| watch.due <= now);
        let due: Vec<_> = due.map(|(number, watch)| (*number, watch.clone())).collect();
        if due.is_empty() { Err(watched.watches.values().map(|watch| watch.due).min()) } else { Ok(due) }
    }

    /// Looks at tasks, and puts back what they lack.
    async fn look(&self, store: &SharedStore, due: Vec<(u64, Watch)>) {
        let ids: Vec<TaskId> = due.iter().map(|(_, watch)| watch.id.clone()).collect();
        let marks = match store.marks(&ids).await {
            Ok(marks) => marks,
            Err(error) => {
                self.complain(&error);
                return due.iter().for_each(|(number, _)| self.again(*number));
            }
        };
        stream::iter(due.into_iter().zip(marks))
            .for_each_concurrent(AT_ONCE, |((number, watch), mark)| async move {
                match self.look_at(store, &watch, mark.as_ref()).await {
                    Ok(whole) => self.looked(number, mark, whole),
                    Err(error) => {
                        self.complain(&error);
                        self.again(number);
                    }
                }
            })
            .await;
    }

    /// Puts back what a record lacks. Gives how much the run had written to it if it lacked nothing.
    async fn look_at(&self, store: &SharedStore, watch: &Watch, mark: Option<&Mark>) -> Result<Option<u64>> {
        let written = watch.journal.count();
        let Some(mark) = mark else { return Ok(None) };
        if watch.whole.as_ref().is_some_and(|(whole, before)| whole == mark && *before == written) {
            return Ok(Some(written));
        }
        let restoration = match store.get(&watch.id, &watch.access).await {
            Ok(record) => watch.journal.lacking(&record, watch.end.and_then(|end| end.status)),
            Err(error) => return gone(error).map(|()| None),
        };
        let Some(restoration) = restoration else { return Ok(Some(written)) };
        match store.change(&watch.id, Change::restoration(restoration), &watch.access).await {
            Ok(_) => tracing::info!(task = %watch.id, "what another writer has erased of a task was put back"),
            Err(error) => gone(error)?,
        }
        Ok(None)
    }

    /// Takes note of a look, after which the record was whole or was not.
    fn looked(&self, number: u64, mark: Option<Mark>, whole: Option<u64>) {
        let mut watched = lock(&self.watched);
        let Some(watch) = watched.watches.get_mut(&number) else { return };
        let now = Instant::now();
        let bytes = mark.as_ref().map_or(0, |mark| mark.bytes);
        let is_gone = mark.is_none();
        watch.whole = mark.zip(whole);
        let is_over = match &mut watch.end {
            None => {
                watch.due = now + LOOK_EVERY.max(Duration::from_secs(bytes / BYTES_A_SECOND));
                false
            }
            // What was deleted stays deleted.
            Some(_) if is_gone => true,
            Some(end) => {
                let next = next_look(end, self.keep_for, now);
                // What was put back is looked at once more.
                let again = (watch.whole.is_none()).then(|| now + AGAIN).filter(|at| *at < end.at + self.keep_for);
                watch.due = next.into_iter().chain(again).min().unwrap_or(now);
                next.is_none() && again.is_none()
            }
        };
        if is_over {
            self.forget(&mut watched, number);
        }
    }

    /// Has a task looked at again, whose store did not answer.
    fn again(&self, number: u64) {
        let mut watched = lock(&self.watched);
        let Some(watch) = watched.watches.get_mut(&number) else { return };
        let now = Instant::now();
        watch.due = now + AGAIN;
        if watch.end.is_some_and(|end| end.at + self.keep_for + OVERTIME < now) {
            self.forget(&mut watched, number);
        }
    }

    fn forget(&self, watched: &mut Watches, number: u64) {
        if watched.watches.remove(&number).is_some() {
            self.count.send_modify(|count| *count -= 1);
        }
    }

    fn complain(&self, error: &Error) {
        if self.complaint.is_due() {
            tracing::warn!(%error, "it is not known whether tasks are as their runs have left them");
        }
    }
}

/// When a task is looked at next after its end, if it still is.
fn next_look(end: &mut End, keep_for: Duration, now: Instant) -> Option<Instant> {
    let looks = LOOKS.iter().copied().filter(|look| *look < keep_for).chain([keep_for]);
    let mut looks = looks.map(|look| end.at + look).enumerate().skip(end.looks);
    let (passed, next) = looks.find(|(_, at)| *at > now)?;
    end.looks = passed;
    Some(next)
}

/// A task that is gone, or another's by now, is left alone.
fn gone(error: Error) -> Result<()> {
    match error {
        Error::NotFound | Error::Denied(_) | Error::Unreadable { .. } | Error::WrongType { .. } => Ok(()),
        error => Err(error),
    }
}

impl Watching {
    /// What the run is to keep its entries in.
    pub(super) fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    /// The run has ended, with this status if that is an end. Its task is looked after for a while.
    pub(super) fn ended(self, status: Option<Status>) {
        let now = Instant::now();
        if let Some(watch) = lock(&self.restorer.watched).watches.get_mut(&self.number) {
            let mut end = End { at: now, status, looks: 0 };
            watch.due = next_look(&mut end, self.restorer.keep_for, now).unwrap_or(now);
            watch.end = Some(end);
        }
        self.restorer.changed.notify_one();
    }
}

impl Drop for Watching {
    /// Of a run that did not begin there is nothing to look after.
    fn drop(&mut self) {
        let mut watched = lock(&self.restorer.watched);
        if watched.watches.get(&self.number).is_some_and(|watch| watch.end.is_none()) {
            self.restorer.forget(&mut watched, self.number);
        }
    }
}

/// Looks after tasks for as long as the dispatcher lives.
pub(super) async fn keep_restoring(restorer: Arc<Restorer>) {
    let Some(store) = &restorer.store else { return };
    loop {
        match restorer.due() {
            Ok(due) => restorer.look(store, due).await,
            Err(next) => {
                let next = async {
                    match next {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = next => {}
                    () = restorer.changed.notified() => {}
                }
            }
        }
        sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_looked_at_at_the_stated_times_after_its_end_and_not_for_longer() {
        let start = Instant::now();
        let looks = |keep_for: Duration, late: Duration| {
            let mut end = End { at: start, status: None, looks: 0 };
            let mut now = start;
            let mut looks = Vec::new();
            while let Some(next) = next_look(&mut end, keep_for, now) {
                looks.push((next - start).as_millis());
                now = next + late;
            }
            looks
        };
        assert_eq!(looks(Duration::from_secs(10), Duration::ZERO), [100, 500, 2_000, 5_000, 10_000]);
        assert_eq!(looks(Duration::from_secs(1), Duration::ZERO), [100, 500, 1_000]);
        // What was missed is not made up for.
        assert_eq!(looks(Duration::from_secs(10), Duration::from_secs(3)), [100, 5_000, 10_000]);
        assert!(looks(Duration::ZERO, Duration::ZERO).is_empty());
    }
}
