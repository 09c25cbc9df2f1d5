//! `dms:task-state/repository`: the store, as far as the grants reach.

use std::borrow::Cow;

use super::bindings::dms::task_state::repository::{Host, Page, Precondition, Scope, TaskDraft};
use super::bindings::dms::task_state::types::{self, Error, Priority, TaskRecord, TaskResult, TaskStatus};
use super::current_task::with_entry;
use super::{Operation, TaskStateCtx};
use crate::record::{Change, Draft, InvalidValue, JsonObject, TaskId};
use crate::store::{Access, Query, Scope as StoreScope, Skipped};

impl types::Host for TaskStateCtx {}

impl TaskStateCtx {
    /// The task that the guest names, which may be one that was saved with a secret in its id, and what a call of an
    /// operation may touch of it.
    fn named(&self, operation: Operation, task_id: String) -> Result<(TaskId, Cow<'_, Access>), Error> {
        let granted = self.permit(operation)?;
        let id = TaskId::stored(self.redaction.text(task_id))?;
        let access = self.reach(&id, granted);
        Ok((id, access))
    }

    /// What a call may touch of a task. The guest's own is reached as its run reaches it.
    fn reach<'a>(&'a self, id: &TaskId, granted: &'a Access) -> Cow<'a, Access> {
        let own = self.task.access_to(id).map(|own| own.within(&granted.owners));
        own.unwrap_or(Cow::Borrowed(granted))
    }

    /// A draft with no secret in any of its texts.
    fn clean(&self, task: TaskDraft) -> Result<TaskDraft, Error> {
        if self.redaction.is_empty() {
            return Ok(task);
        }
        let Ok(parameters) = JsonObject::parse("parameters", &task.parameters) else { return Ok(task) };
        let clean = self.redaction.json(&parameters);
        let refused = || InvalidValue::new("parameters", "..", "they hold a secret that no name can take the place of");
        Ok(TaskDraft {
            task_id: self.redaction.option(task.task_id),
            service: self.redaction.text(task.service),
            user_id: self.redaction.text(task.user_id),
            parameters: clean.ok_or_else(refused)?.as_str().to_owned(),
            active_jobs: self.redaction.texts(task.active_jobs),
            logs: self.redaction.texts(task.logs),
            result: TaskResult {
                pod_status: self.redaction.option(task.result.pod_status),
                launcher_output: self.redaction.option(task.result.launcher_output),
            },
            ..task
        })
    }

    async fn change(&mut self, call: &'static str, task_id: String, change: Change) -> Result<TaskStatus, Error> {
        let _call = self.begin(call).await?;
        self.usage.admit_change(&change)?;
        let (id, access) = self.named(Operation::Write, task_id)?;
        let mut change = self.redaction.change(change);
        let entries = self.task.announce(&id, &mut change);
        let status = self.call(self.store.change(&id, change, &access)).await?;
        self.task.saw(&id, status, entries);
        Ok(status.into())
    }

    /// Refuses a listing by a service that is not granted. Every other listing leaves out what is not granted.
    fn permit_scope(&self, scope: &StoreScope) -> Result<(), Error> {
        match scope {
            StoreScope::Service(service) => Ok(self.grants.permit_service(service)?),
            StoreScope::ServiceUser(service, user) => {
                self.grants.permit_service(service)?;
                Ok(self.grants.permit_user(user)?)
            }
            StoreScope::All | StoreScope::User(_) | StoreScope::Ids(_) => Ok(()),
        }
    }
}

impl Host for TaskStateCtx {
    async fn next_task_id(&mut self) -> Result<String, Error> {
        let _call = self.begin("repository.next-task-id").await?;
        self.permit(Operation::Sequence)?;
        self.call(self.store.next_task_id()).await
    }

    async fn peek_next_task_id(&mut self) -> Result<String, Error> {
        let _call = self.begin("repository.peek-next-task-id").await?;
        self.permit(Operation::Sequence)?;
        self.call(self.store.peek_next_task_id()).await
    }

    async fn save(&mut self, task: TaskDraft, only_if: Precondition) -> Result<String, Error> {
        let _call = self.begin("repository.save").await?;
        self.usage.admit_draft(&task)?;
        let granted = self.permit(Operation::Write)?;
        let task = self.clean(task)?;
        self.grants.permit_service(&task.service)?;
        self.grants.permit_user(&task.user_id)?;
        let draft = Draft::try_from(task)?;
        let status = draft.status;
        let access = draft.task_id.as_ref().map_or(Cow::Borrowed(granted), |id| self.reach(id, granted));
        let id = self.call(self.store.save(draft, only_if.try_into()?, &access)).await?;
        self.task.saved(&id, status);
        Ok(id.into())
    }

    async fn get(&mut self, task_id: String) -> Result<TaskRecord, Error> {
        let _call = self.begin("repository.get").await?;
        let (id, access) = self.named(Operation::Read, task_id)?;
        let task = self.call(self.store.get(&id, &access)).await?;
        self.task.saw(&id, task.status(), Vec::new());
        Ok((&task).into())
    }

    async fn delete(&mut self, task_id: String) -> Result<bool, Error> {
        let _call = self.begin("repository.delete").await?;
        let (id, access) = self.named(Operation::Delete, task_id)?;
        self.call(self.store.delete(&id, &access)).await
    }

    async fn set_status(
        &mut self,
        task_id: String,
        status: TaskStatus,
        log_entry: Option<String>,
    ) -> Result<TaskStatus, Error> {
        let change = with_entry(Change::status(status.into()), log_entry);
        self.change("repository.set-status", task_id, change).await
    }

    async fn append_logs(&mut self, task_id: String, messages: Vec<String>) -> Result<TaskStatus, Error> {
        self.change("repository.append-logs", task_id, Change::logs(messages)).await
    }

    async fn update_result(&mut self, task_id: String, change: TaskResult) -> Result<TaskStatus, Error> {
        self.change("repository.update-result", task_id, Change::result(change.into())).await
    }

    async fn set_active_jobs(&mut self, task_id: String, jobs: Vec<String>) -> Result<TaskStatus, Error> {
        self.change("repository.set-active-jobs", task_id, Change::active_jobs(jobs)).await
    }

    async fn set_priority(&mut self, task_id: String, priority: Priority) -> Result<TaskStatus, Error> {
        self.change("repository.set-priority", task_id, Change::priority(priority.into())).await
    }

    async fn list_tasks(&mut self, scope: Scope, limit: u32, cursor: Option<String>) -> Result<Page, Error> {
        let _call = self.begin("repository.list-tasks").await?;
        let access = self.permit(Operation::List)?;
        let scope = StoreScope::from(scope);
        self.permit_scope(&scope)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let query = Query { owners: access.owners.clone(), limit, cursor, ..Query::new(scope) };
        let page = self.call(self.store.list(&query)).await?;
        if let Some(Skipped { id, why }) = page.skipped.first() {
            let left_out = page.skipped.len() + page.more_skipped;
            tracing::warn!(task = id, %why, left_out, "records that cannot be read are left out of a listing");
        }
        Ok(page.into())
    }

    async fn list_users(&mut self, service: String) -> Result<Vec<String>, Error> {
        let _call = self.begin("repository.list-users").await?;
        self.permit(Operation::List)?;
        self.grants.permit_service(&service)?;
        let users = self.call(self.store.users(&service)).await?;
        Ok(users.into_iter().filter(|user| self.grants.users.contains(user)).collect())
    }
}
