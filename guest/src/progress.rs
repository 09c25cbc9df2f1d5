//! Progress of a loop: an iterator that tells how far it has come.

use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use crate::current_task;

/// The least time between two reports. The host shows a few a second, and counts every call.
const INTERVAL: Duration = Duration::from_millis(100);

/// Iterators that tell the progress of the task.
pub trait ProgressIterator: Iterator + Sized {
    /// The same iterator, which tells the progress of the task as it goes: how many items it has given, of how many if the
    /// iterator knows that exactly.
    ///
    /// ```
    /// use task_state_guest::ProgressIterator;
    ///
    /// # fn import(_: &str) {}
    /// # let files = ["a.csv", "b.csv"];
    /// for file in files.into_iter().with_progress().note("importing") {
    ///     import(file);
    /// }
    /// ```
    ///
    /// An item counts as done when the next one is asked for. Progress is told at most ten times a second, and the last of
    /// it when the iterator ends or is dropped. That it could not be told is no error here: the next call that matters
    /// answers the same.
    fn with_progress(self) -> WithProgress<Self> {
        let total = match self.size_hint() {
            (least, Some(most)) if least == most => u64::try_from(most).ok(),
            _ => None,
        };
        WithProgress { items: self, total, note: None, done: 0, is_underway: false, told: None }
    }
}

impl<I: Iterator> ProgressIterator for I {}

/// An iterator that tells the progress of the task: see [`ProgressIterator::with_progress`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct WithProgress<I> {
    items: I,
    total: Option<u64>,
    note: Option<String>,
    /// Items that are done.
    done: u64,
    /// Whether an item was given that is not done.
    is_underway: bool,
    /// What was told last, and when.
    told: Option<(u64, Instant)>,
}

impl<I> WithProgress<I> {
    /// The same iterator, of so many items. One that gives more has no total from then on.
    pub fn total(mut self, items: u64) -> Self {
        self.total = Some(items);
        self
    }

    /// The same iterator with a few words on what is done, at most 1 KiB.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Counts the item that was given last.
    fn step(&mut self) {
        self.done += u64::from(std::mem::take(&mut self.is_underway));
    }

    fn tell_in_time(&mut self) {
        if self.told.is_none_or(|(_, at)| at.elapsed() >= INTERVAL) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if self.told.is_some_and(|(done, _)| done == self.done) {
            return;
        }
        let total = self.total.filter(|total| *total >= self.done);
        // Progress is not worth the end of a loop.
        let _ = current_task::set_progress(self.done, total, self.note.as_deref());
        self.told = Some((self.done, Instant::now()));
    }
}

impl<I: Iterator> Iterator for WithProgress<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.step();
        self.tell_in_time();
        let item = self.items.next();
        self.is_underway = item.is_some();
        if item.is_none() {
            self.tell();
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for WithProgress<I> {}
impl<I: FusedIterator> FusedIterator for WithProgress<I> {}

impl<I> Drop for WithProgress<I> {
    fn drop(&mut self) {
        // A second panic would end the process.
        if self.told.is_some() && !std::thread::panicking() {
            self.tell();
        }
    }
}
