//! The task store, as far as the plugin's grants reach.
//!
//! Every call may give [`Error::Denied`] for an operation, a service or a user that the plugin was
//! not granted, and [`Error::Unavailable`] when the store did not answer in time.

use std::vec;

use crate::host;
use crate::{Error, Page, Precondition, Priority, Result, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// Takes the next number of the store's task sequence.
///
/// # Errors
/// As the module says.
pub fn next_task_id() -> Result<String> {
    host::repository(|repository| repository.next_task_id())
}

/// The number that [`next_task_id`] would give, without taking it.
///
/// # Errors
/// As the module says.
pub fn peek_next_task_id() -> Result<String> {
    host::repository(|repository| repository.peek_next_task_id())
}

/// Registers a task, or replaces the one with its id. Returns its id.
///
/// ```no_run
/// use task_state_guest::{Precondition, TaskDraft, repository};
/// # fn run() -> task_state_guest::Result<()> {
/// let id = repository::save(TaskDraft::new("analytics", "alice"), Precondition::None)?;
///
/// // Change it only if nobody else has meanwhile.
/// let task = repository::get(&id)?;
/// let seen = task.updated_at.clone();
/// repository::save(TaskDraft::from(task).parameters("{\"n\":1}"), Precondition::UnchangedSince(seen))?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Conflict`] if the precondition does not hold,
/// [`Error::InvalidArgument`] for names, times or parameters that the store cannot hold.
pub fn save(task: TaskDraft, only_if: Precondition) -> Result<String> {
    host::repository(|repository| repository.save(task, only_if))
}

/// A task as the store holds it now. [`find`] takes a missing one for no error.
///
/// # Errors
/// [`Error::NotFound`] if there is none.
pub fn get(task_id: &str) -> Result<TaskRecord> {
    host::repository(|repository| repository.get(task_id))
}

/// A task as the store holds it now, or `None` if there is none.
///
/// ```no_run
/// use task_state_guest::repository;
/// # fn run() -> task_state_guest::Result<()> {
/// if let Some(task) = repository::find("external-1")? {
///     println!("{}", task.status);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// As the module says.
pub fn find(task_id: &str) -> Result<Option<TaskRecord>> {
    match get(task_id) {
        Err(Error::NotFound) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Removes a task. False if there was none.
///
/// # Errors
/// As the module says.
pub fn delete(task_id: &str) -> Result<bool> {
    host::repository(|repository| repository.delete(task_id))
}

/// Moves a task to a status, with a log entry in the same step if one is given. Returns the status that it is in now.
///
/// # Errors
/// [`Error::NotFound`];
/// [`Error::InvalidTransition`] if the task may not move to this status.
pub fn set_status<'a>(task_id: &str, status: TaskStatus, log_entry: impl Into<Option<&'a str>>) -> Result<TaskStatus> {
    let log_entry = log_entry.into();
    host::repository(|repository| repository.set_status(task_id, status, log_entry))
}

/// Adds log entries, in order and in one step, each stamped by the host. They are in the store when this returns.
/// Returns the task's current status, so that a plugin sees a cancellation without asking for it.
///
/// # Errors
/// [`Error::NotFound`].
pub fn append_logs<M: Into<String>>(task_id: &str, messages: impl IntoIterator<Item = M>) -> Result<TaskStatus> {
    let messages = messages.into_iter().map(Into::into).collect();
    host::repository(|repository| repository.append_logs(task_id, messages))
}

/// Overwrites the result fields that are present and leaves the others alone. Returns the task's current status.
///
/// # Errors
/// [`Error::NotFound`].
pub fn update_result(task_id: &str, change: TaskResult) -> Result<TaskStatus> {
    host::repository(|repository| repository.update_result(task_id, change))
}

/// Replaces the identifiers of the task's jobs. Returns the task's current status.
///
/// # Errors
/// [`Error::NotFound`].
pub fn set_active_jobs<J: Into<String>>(task_id: &str, jobs: impl IntoIterator<Item = J>) -> Result<TaskStatus> {
    let jobs = jobs.into_iter().map(Into::into).collect();
    host::repository(|repository| repository.set_active_jobs(task_id, jobs))
}

/// Says how urgent a task is. One that waits in the platform's queue gets another place there; one that
/// runs goes on as it does, and one that has ended keeps the change in its record alone. Returns the task's current status.
///
/// # Errors
/// [`Error::NotFound`].
pub fn set_priority(task_id: &str, priority: Priority) -> Result<TaskStatus> {
    host::repository(|repository| repository.set_priority(task_id, priority))
}

/// One page of tasks, in the order of their ids: numbers first, by value, then the rest by code point. At most `limit`
/// of them (1 to 1,000), fewer if they are large, from `cursor` on, which is [`Page::next`] of an earlier page. Only an
/// absent `next` means the end. [`tasks`] walks over all pages.
///
/// # Errors
/// [`Error::InvalidArgument`] for a limit out of range.
pub fn list_tasks(scope: Scope, limit: u32, cursor: Option<&str>) -> Result<Page> {
    host::repository(|repository| repository.list_tasks(scope, limit, cursor))
}

/// Every task of a scope, fetched page by page as the iterator gets there.
///
/// ```no_run
/// use task_state_guest::{Scope, repository};
/// # fn run() -> task_state_guest::Result<()> {
/// for task in repository::tasks(Scope::service("analytics")) {
///     let task = task?;
///     println!("{} {}", task.task_id, task.status);
/// }
/// # Ok(()) }
/// ```
pub fn tasks(scope: Scope) -> Tasks {
    Tasks { list: list_tasks, scope, page: Vec::new().into_iter(), next: Next::First }
}

/// The users that have tasks with a service, by code point.
///
/// # Errors
/// As the module says.
pub fn list_users(service: &str) -> Result<Vec<String>> {
    host::repository(|repository| repository.list_users(service))
}

/// The tasks of a scope: see [`tasks`]. It ends after the last task or the first error.
#[derive(Debug)]
#[must_use = "an iterator fetches nothing until it is asked"]
pub struct Tasks {
    list: List,
    scope: Scope,
    page: vec::IntoIter<TaskRecord>,
    next: Next,
}

/// How a page is fetched.
type List = fn(Scope, u32, Option<&str>) -> Result<Page>;

#[derive(Debug)]
enum Next {
    First,
    At(String),
    End,
}

impl Tasks {
    /// Enough that the calls cost little, few enough that a page fits into a small memory.
    const PAGE: u32 = 100;

    fn fetch(&mut self) -> Result<()> {
        let cursor = match &self.next {
            Next::First => None,
            Next::At(cursor) => Some(cursor.as_str()),
            Next::End => return Ok(()),
        };
        let page = (self.list)(self.scope.clone(), Self::PAGE, cursor);
        self.next = Next::End;
        let page = page?;
        self.page = page.tasks.into_iter();
        self.next = page.next.map_or(Next::End, Next::At);
        Ok(())
    }
}

impl Iterator for Tasks {
    type Item = Result<TaskRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(task) = self.page.next() {
                return Some(Ok(task));
            }
            if matches!(self.next, Next::End) {
                return None;
            }
            if let Err(error) = self.fetch() {
                return Some(Err(error));
            }
        }
    }
}

impl std::iter::FusedIterator for Tasks {}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[&str], next: Option<&str>) -> Page {
        let task = |id: &&str| TaskRecord {
            task_id: (*id).to_owned(),
            service: "analytics".to_owned(),
            user_id: "alice".to_owned(),
            status: TaskStatus::Pending,
            parameters: "{}".to_owned(),
            active_jobs: Vec::new(),
            created_at: "2025-11-17T10:00:16+09:00".to_owned(),
            updated_at: "2025-11-17T10:00:16+09:00".to_owned(),
            logs: Vec::new(),
            result: TaskResult::new(),
            priority: Priority::Low,
        };
        Page { tasks: ids.iter().map(task).collect(), next: next.map(str::to_owned) }
    }

    fn walk(list: List) -> Vec<Result<String>> {
        let tasks = Tasks { list, ..tasks(Scope::All) };
        tasks.map(|task| task.map(|task| task.task_id)).collect()
    }

    #[test]
    fn a_walk_passes_empty_pages_and_ends_where_there_is_no_next() {
        let ids = walk(|_, _, cursor| match cursor {
            None => Ok(page(&["1", "2"], Some("2"))),
            Some("2") => Ok(page(&[], Some("7"))),
            Some("7") => Ok(page(&["8"], None)),
            Some(_) => Err(Error::NotFound),
        });
        assert_eq!(ids, ["1", "2", "8"].map(|id| Ok(id.to_owned())));
    }

    #[test]
    fn a_walk_ends_with_the_first_error() {
        let ids = walk(|_, _, cursor| match cursor {
            None => Ok(page(&["1"], Some("1"))),
            Some(_) => Err(Error::Unavailable("away".to_owned())),
        });
        assert_eq!(ids, [Ok("1".to_owned()), Err(Error::Unavailable("away".to_owned()))]);
    }
}
