//! One run of one task: what its calls are answered, and what is left when it ends.

use std::collections::HashMap;

use super::grants::{Grants, Operation};
use super::names::{check_stored_id, invalid};
use super::quotas::{self, Usage};
use super::rights::Rights;
use super::store::{Change, Store, entry};
use super::{Progress, output};
use crate::host::{CurrentTask, Repository};
use crate::{Error, Page, Precondition, Priority, Result, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};

/// The bytes of a failure's text that are kept.
const FAILURE_BYTES: usize = 64 << 10;

/// What a call answers instead of what it would do.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) call: String,
    /// Which call of that function, from 1.
    pub(super) nth: u64,
    pub(super) error: Error,
}

/// A run that is under way, with the store around it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) store: Store,
    pub(super) statuses: Vec<TaskStatus>,
    pub(super) progress: Option<Progress>,
    rights: Rights,
    faults: Vec<Fault>,
    cancel_before: Option<u64>,
    calls: u64,
    calls_of: HashMap<&'static str, u64>,
    usage: Usage,
    /// Whether the run has seen that the task was asked to stop.
    is_cancelled: bool,
}

impl Session {
    /// A run of a task of the store, which is `running`.
    pub(super) fn new(store: Store, task: &TaskRecord, grants: Grants) -> Self {
        Self {
            store,
            statuses: vec![task.status],
            progress: None,
            rights: Rights::new(task, grants),
            faults: Vec::new(),
            cancel_before: None,
            calls: 0,
            calls_of: HashMap::new(),
            usage: Usage::default(),
            is_cancelled: false,
        }
    }

    /// The same run, whose calls fail as these say, and whose task is asked to stop before a call.
    pub(super) fn with_trouble(self, faults: Vec<Fault>, cancel_before: Option<u64>) -> Self {
        Self { faults, cancel_before, ..self }
    }

    /// Ends the run: writes what is left, and the final status.
    pub(super) fn finish(&mut self, failure: Option<&str>, printed: &[u8]) {
        if self.current().is_err() {
            return;
        }
        let (status, text) = match failure {
            Some(text) => (TaskStatus::Failed, Some(entry(&cut(text)))),
            None if self.is_cancelled => (TaskStatus::Cancelled, None),
            None => (TaskStatus::Completed, None),
        };
        let mut change = Change { status: Some(status), entries: text.into_iter().collect(), ..Change::default() };
        if self.current().is_ok_and(|task| task.result.launcher_output.is_none()) {
            change.result.launcher_output = output::kept(printed);
        }
        let ended = self.store.finish(&self.rights.task_id, change);
        ended.into_iter().for_each(|status| self.saw(status));
    }

    /// Opens a call: counts it, asks the task to stop if it is time, and says whether the call is to fail.
    fn begin(&mut self, call: &'static str) -> Result<()> {
        self.calls += 1;
        if self.cancel_before == Some(self.calls)
            && let Ok(status) = self.store.change(&self.rights.task_id, to(TaskStatus::CancelRequested))
        {
            self.passed(status);
        }
        let nth = self.calls_of.entry(call).or_default();
        *nth += 1;
        let fault = self.faults.iter().find(|fault| fault.call == call && fault.nth == *nth);
        fault.map_or(Ok(()), |fault| Err(fault.error.clone()))
    }

    /// The task, unless the plugin has deleted it.
    fn current(&self) -> Result<&TaskRecord> {
        self.store.find(&self.rights.task_id)
    }

    /// Takes note of a status of the task that a call was answered.
    fn saw(&mut self, status: TaskStatus) {
        self.is_cancelled |= matches!(status, TaskStatus::CancelRequested | TaskStatus::Cancelled);
        self.passed(status);
    }

    /// Takes note of a status that the task has come to.
    fn passed(&mut self, status: TaskStatus) {
        if self.statuses.last() != Some(&status) {
            self.statuses.push(status);
        }
    }

    fn change_current(&mut self, change: Change) -> Result<TaskStatus> {
        let answer = self.store.change(&self.rights.task_id, change);
        match answer {
            Ok(status) | Err(Error::InvalidTransition(status)) => self.saw(status),
            Err(_) => {}
        }
        answer
    }

    /// Makes a change to any task that is granted.
    fn change(&mut self, task_id: &str, change: Change) -> Result<TaskStatus> {
        self.rights.grants.permit(Operation::Write)?;
        check_stored_id(task_id)?;
        let task = self.store.find(task_id)?;
        self.rights.grants.permit_owner(&task.service, &task.user_id)?;
        let status = self.store.change(task_id, change)?;
        self.saw_of(task_id, status);
        Ok(status)
    }

    fn saw_of(&mut self, task_id: &str, status: TaskStatus) {
        if task_id == self.rights.task_id {
            self.saw(status);
        }
    }
}

fn to(status: TaskStatus) -> Change {
    Change { status: Some(status), ..Change::default() }
}

fn with_entry(status: TaskStatus, log_entry: Option<&str>) -> Change {
    Change { entries: log_entry.map(entry).into_iter().collect(), ..to(status) }
}

/// The beginning of a text that is longer than is kept, with a mark.
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(FAILURE_BYTES);
    if end == text.len() {
        text.to_owned()
    } else {
        format!("{}\n[{} more bytes were cut]", &text[..end], text.len() - end)
    }
}

impl CurrentTask for Session {
    fn get(&mut self) -> Result<TaskRecord> {
        self.begin("current-task.get")?;
        let task = self.current()?.clone();
        self.saw(task.status);
        Ok(task)
    }

    fn set_status(&mut self, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus> {
        self.begin("current-task.set-status")?;
        self.usage.admit_messages(log_entry.into_iter())?;
        self.change_current(with_entry(status, log_entry))
    }

    fn log(&mut self, message: &str) -> Result<TaskStatus> {
        self.begin("current-task.log")?;
        self.usage.admit_messages([message].into_iter())?;
        self.change_current(Change { entries: vec![entry(message)], ..Change::default() })
    }

    fn flush(&mut self) -> Result<TaskStatus> {
        self.begin("current-task.flush")?;
        let status = self.current()?.status;
        self.saw(status);
        Ok(status)
    }

    fn set_progress(&mut self, done: u64, total: Option<u64>, note: Option<&str>) -> Result<TaskStatus> {
        self.begin("current-task.set-progress")?;
        quotas::admit_note(note)?;
        if let Some(total) = total.filter(|total| done > *total) {
            return Err(invalid("progress", &done.to_string(), format!("it is more than the total of {total}")));
        }
        let status = self.current()?.status;
        self.progress = Some(Progress { done, total, note: note.map(str::to_owned) });
        self.saw(status);
        Ok(status)
    }

    fn update_result(&mut self, change: TaskResult) -> Result<TaskStatus> {
        self.begin("current-task.update-result")?;
        quotas::admit_result(&change)?;
        self.change_current(Change { result: change, ..Change::default() })
    }

    fn set_active_jobs(&mut self, jobs: Vec<String>) -> Result<TaskStatus> {
        self.begin("current-task.set-active-jobs")?;
        quotas::admit_jobs(&jobs)?;
        self.change_current(Change { active_jobs: Some(jobs), ..Change::default() })
    }

    fn cancel_requested(&mut self) -> Result<bool> {
        self.begin("current-task.cancel-requested")?;
        let status = self.current()?.status;
        self.saw(status);
        Ok(self.is_cancelled)
    }
}

impl Repository for Session {
    fn next_task_id(&mut self) -> Result<String> {
        self.begin("repository.next-task-id")?;
        self.rights.grants.permit(Operation::Sequence)?;
        Ok(self.store.take_number().to_string())
    }

    fn peek_next_task_id(&mut self) -> Result<String> {
        self.begin("repository.peek-next-task-id")?;
        self.rights.grants.permit(Operation::Sequence)?;
        Ok(self.store.next_number().to_string())
    }

    fn save(&mut self, task: TaskDraft, only_if: Precondition) -> Result<String> {
        self.begin("repository.save")?;
        self.usage.admit_draft(&task)?;
        self.rights.grants.permit(Operation::Write)?;
        self.rights.grants.permit_service(&task.service)?;
        self.rights.grants.permit_user(&task.user_id)?;
        let status = task.status;
        let id = self.store.save(task, &only_if, |new, old| self.rights.permit_save(new, old))?;
        self.saw_of(&id, status);
        Ok(id)
    }

    fn get(&mut self, task_id: &str) -> Result<TaskRecord> {
        self.begin("repository.get")?;
        self.rights.grants.permit(Operation::Read)?;
        check_stored_id(task_id)?;
        let task = self.store.find(task_id)?.clone();
        self.rights.grants.permit_owner(&task.service, &task.user_id)?;
        self.saw_of(task_id, task.status);
        Ok(task)
    }

    fn delete(&mut self, task_id: &str) -> Result<bool> {
        self.begin("repository.delete")?;
        self.rights.grants.permit(Operation::Delete)?;
        check_stored_id(task_id)?;
        let Ok(task) = self.store.find(task_id) else { return Ok(false) };
        self.rights.grants.permit_owner(&task.service, &task.user_id)?;
        self.store.remove(task_id);
        Ok(true)
    }

    fn set_status(&mut self, task_id: &str, status: TaskStatus, log_entry: Option<&str>) -> Result<TaskStatus> {
        self.begin("repository.set-status")?;
        self.usage.admit_messages(log_entry.into_iter())?;
        self.change(task_id, with_entry(status, log_entry))
    }

    fn append_logs(&mut self, task_id: &str, messages: Vec<String>) -> Result<TaskStatus> {
        self.begin("repository.append-logs")?;
        self.usage.admit_messages(messages.iter().map(String::as_str))?;
        let entries = messages.iter().map(|message| entry(message)).collect();
        self.change(task_id, Change { entries, ..Change::default() })
    }

    fn update_result(&mut self, task_id: &str, change: TaskResult) -> Result<TaskStatus> {
        self.begin("repository.update-result")?;
        quotas::admit_result(&change)?;
        self.change(task_id, Change { result: change, ..Change::default() })
    }

    fn set_active_jobs(&mut self, task_id: &str, jobs: Vec<String>) -> Result<TaskStatus> {
        self.begin("repository.set-active-jobs")?;
        quotas::admit_jobs(&jobs)?;
        self.change(task_id, Change { active_jobs: Some(jobs), ..Change::default() })
    }

    fn set_priority(&mut self, task_id: &str, priority: Priority) -> Result<TaskStatus> {
        self.begin("repository.set-priority")?;
        self.change(task_id, Change { priority: Some(priority), ..Change::default() })
    }

    fn list_tasks(&mut self, scope: Scope, limit: u32, cursor: Option<&str>) -> Result<Page> {
        self.begin("repository.list-tasks")?;
        self.rights.grants.permit(Operation::List)?;
        match &scope {
            Scope::Service(service) => self.rights.grants.permit_service(service)?,
            Scope::ServiceUser { service, user_id } => {
                self.rights.grants.permit_service(service)?;
                self.rights.grants.permit_user(user_id)?;
            }
            Scope::All | Scope::User(_) | Scope::Ids(_) => {}
        }
        self.store.list(&scope, limit, cursor, &self.rights.grants)
    }

    fn list_users(&mut self, service: &str) -> Result<Vec<String>> {
        self.begin("repository.list-users")?;
        self.rights.grants.permit(Operation::List)?;
        self.rights.grants.permit_service(service)?;
        let users = self.store.users(service).into_iter().filter(|user| self.rights.grants.has_user(user));
        Ok(users.map(str::to_owned).collect())
    }
}
