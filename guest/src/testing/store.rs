//! The tasks, in memory, with the rules of a store: names, moves between statuses, preconditions, order. Knows no run.

use std::collections::{BTreeMap, BTreeSet};

use super::grants::Grants;
use super::names::{check_new, invalid};
use super::time::Timestamp;
use super::{json, order};
use crate::{Error, Page, Precondition, Priority, Result, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// The most tasks that one page of a listing holds.
const MAX_PAGE_TASKS: usize = 1_000;

/// The bytes of records after which a page ends, unless it would be empty.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// A store in memory.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// In the order of a listing.
    tasks: BTreeMap<(u8, Vec<u8>, String), TaskRecord>,
    /// The last number of the sequence that was taken.
    last_number: u64,
}

/// A change to a task.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) status: Option<TaskStatus>,
    /// Entries to add, with their times.
    pub(super) entries: Vec<String>,
    pub(super) result: TaskResult,
    pub(super) active_jobs: Option<Vec<String>>,
    pub(super) priority: Option<Priority>,
}

/// A log entry that was made now.
pub(super) fn entry(message: &str) -> String {
    format!("{},{message}", Timestamp::now().spell())
}

impl Store {
    pub(super) fn tasks(&self) -> impl Iterator<Item = &TaskRecord> {
        self.tasks.values()
    }

    pub(super) fn find(&self, id: &str) -> Result<&TaskRecord> {
        self.tasks.get(&order::sort_key(id)).ok_or(Error::NotFound)
    }

    fn find_mut(&mut self, id: &str) -> Result<&mut TaskRecord> {
        self.tasks.get_mut(&order::sort_key(id)).ok_or(Error::NotFound)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    pub(super) fn take_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Registers a task, or replaces the one with its id. `permit` decides whether it may be, given that one.
    pub(super) fn save(
        &mut self,
        draft: TaskDraft,
        only_if: &Precondition,
        permit: impl FnOnce(&TaskRecord, Option<&TaskRecord>) -> Result<()>,
    ) -> Result<String> {
        let given_time = draft.created_at.clone();
        let mut record = checked(draft)?;
        let unchanged_since = match only_if {
            Precondition::UnchangedSince(time) => Some(Timestamp::parse(time)?),
            Precondition::None | Precondition::Absent => None,
        };
        given_time.map_or(Ok(()), |time| check_year(&time))?;
        if record.task_id.is_empty() {
            record.task_id = self.free_id();
        }
        let old = self.find(&record.task_id).ok();
        permit(&record, old)?;
        let updated = old.map(updated_at).transpose()?;
        match (only_if, &updated) {
            (Precondition::Absent, Some(_)) | (Precondition::UnchangedSince(_), None) => return Err(Error::Conflict),
            _ => {}
        }
        if let (Some(wanted), Some(updated)) = (unchanged_since, updated)
            && wanted.micros != updated.micros
        {
            return Err(Error::Conflict);
        }
        let now = updated.map_or_else(Timestamp::now, Timestamp::now_after).spell();
        if record.created_at.is_empty() {
            record.created_at.clone_from(&now);
        }
        record.updated_at = now;
        let id = record.task_id.clone();
        self.tasks.insert(order::sort_key(&id), record);
        Ok(id)
    }

    /// A number of the sequence that no task has.
    fn free_id(&mut self) -> String {
        loop {
            let id = self.take_number().to_string();
            if self.find(&id).is_err() {
                return id;
            }
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.tasks.remove(&order::sort_key(id));
    }

    /// Makes a change, whole or not at all. Returns the status that the task is in then.
    pub(super) fn change(&mut self, id: &str, change: Change) -> Result<TaskStatus> {
        let record = self.find_mut(id)?;
        let to = change.status.unwrap_or(record.status);
        if !may_move(record.status, to) {
            return Err(Error::InvalidTransition(record.status));
        }
        record.status = to;
        self.add(id, change)
    }

    /// Makes a change at the end of a run: its status stands unless there is a terminal one.
    pub(super) fn finish(&mut self, id: &str, change: Change) -> Result<TaskStatus> {
        let record = self.find_mut(id)?;
        match change.status {
            Some(_) if record.status.is_terminal() => {}
            Some(TaskStatus::Completed) if record.status == TaskStatus::CancelRequested => {
                record.status = TaskStatus::Cancelled;
            }
            status => record.status = status.unwrap_or(record.status),
        }
        self.add(id, change)
    }

    /// Makes all of a change but its status.
    fn add(&mut self, id: &str, change: Change) -> Result<TaskStatus> {
        let record = self.find_mut(id)?;
        record.logs.extend(change.entries);
        if change.result.pod_status.is_some() {
            record.result.pod_status = change.result.pod_status;
        }
        if change.result.launcher_output.is_some() {
            record.result.launcher_output = change.result.launcher_output;
        }
        if let Some(jobs) = change.active_jobs {
            record.active_jobs = jobs;
        }
        record.priority = change.priority.unwrap_or(record.priority);
        record.updated_at = Timestamp::now_after(updated_at(record)?).spell();
        Ok(record.status)
    }

    /// One page of the tasks that are granted.
    pub(super) fn list(&self, scope: &Scope, limit: u32, cursor: Option<&str>, grants: &Grants) -> Result<Page> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        if !(1..=MAX_PAGE_TASKS).contains(&most) {
            let why = format!("it is a number from 1 to {MAX_PAGE_TASKS}");
            return Err(invalid("limit", &limit.to_string(), why));
        }
        let start = cursor.map(order::sort_key);
        let ids: Option<BTreeSet<&str>> = match scope {
            Scope::Ids(ids) => Some(ids.iter().map(String::as_str).collect()),
            _ => None,
        };
        let mut page = Page { tasks: Vec::new(), next: None };
        let mut bytes = 0;
        for (place, task) in &self.tasks {
            let is_listed = ids.as_ref().is_none_or(|ids| ids.contains(task.task_id.as_str()))
                && start.as_ref().is_none_or(|start| place > start)
                && covers(scope, task)
                && grants.permit_owner(&task.service, &task.user_id).is_ok();
            if !is_listed {
                continue;
            }
            bytes += size(task);
            if page.tasks.len() == most || (bytes > MAX_PAGE_BYTES && !page.tasks.is_empty()) {
                page.next = page.tasks.last().map(|task| task.task_id.clone());
                break;
            }
            page.tasks.push(task.clone());
        }
        Ok(page)
    }

    /// The users that have tasks with a service, by code point.
    pub(super) fn users(&self, service: &str) -> BTreeSet<&str> {
        self.tasks().filter(|task| task.service == service).map(|task| task.user_id.as_str()).collect()
    }
}

/// The record of a draft. Its id and times are still empty if the draft has none.
fn checked(draft: TaskDraft) -> Result<TaskRecord> {
    draft.task_id.as_deref().map_or(Ok(()), |id| check_new("task id", id))?;
    let parameters = json::compact(&draft.parameters)?;
    let created_at = draft.created_at.as_deref().map(Timestamp::parse).transpose()?;
    check_new("service", &draft.service)?;
    check_new("user id", &draft.user_id)?;
    Ok(TaskRecord {
        task_id: draft.task_id.unwrap_or_default(),
        service: draft.service,
        user_id: draft.user_id,
        status: draft.status,
        parameters,
        active_jobs: draft.active_jobs,
        created_at: created_at.map(Timestamp::spell).unwrap_or_default(),
        updated_at: String::new(),
        logs: draft.logs,
        result: draft.result,
        priority: draft.priority,
    })
}

/// Every reader of a store can hold the years 1 to 9999, and no others.
fn check_year(created_at: &str) -> Result<()> {
    if Timestamp::parse(created_at)?.is_portable() {
        return Ok(());
    }
    Err(invalid("created_at", created_at, "its year in UTC is not between 1 and 9999"))
}

fn updated_at(record: &TaskRecord) -> Result<Timestamp> {
    Timestamp::parse(&record.updated_at)
}

fn covers(scope: &Scope, task: &TaskRecord) -> bool {
    match scope {
        Scope::All | Scope::Ids(_) => true,
        Scope::Service(name) => task.service == *name,
        Scope::User(name) => task.user_id == *name,
        Scope::ServiceUser { service, user_id } => task.service == *service && task.user_id == *user_id,
    }
}

/// About the bytes of a record in a store.
fn size(task: &TaskRecord) -> usize {
    let texts = [&task.parameters].into_iter().chain(&task.logs).chain(&task.active_jobs);
    let result = [&task.result.pod_status, &task.result.launcher_output].into_iter().flatten();
    texts.chain(result).map(String::len).sum()
}

/// Whether a task may move from one status to another: forward only, and nothing leaves a terminal one.
pub(super) fn may_move(from: TaskStatus, to: TaskStatus) -> bool {
    use TaskStatus::*;
    match from {
        Pending => true,
        Dispatching => to != Pending,
        Running => !matches!(to, Pending | Dispatching),
        CancelRequested => !matches!(to, Pending | Dispatching | Running),
        Completed | Failed | Cancelled => from == to,
    }
}
