//! What the frontend does to tasks: it registers, cancels and removes them.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use task_state_host::dispatch::{CancelError, Cancellation, Submission, SubmitError};
use task_state_host::record::{Change, Draft, Head, JsonObject, Service, Status, TaskId, TaskRecord, UserId};
use task_state_host::store::{Access, Error, Owners, Precondition, Result, Scope};

use super::{Answer, Refused, listing};
use crate::http::Shared;
use crate::http::answer::{json, line};
use crate::http::json::Json;

/// What the frontend writes into the log of a task that somebody wants to stop.
const REQUESTED: &str = "Cancellation requested at frontend";

/// How long a cancellation waits for the end of the run, so that its answer shows it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many tasks of a listing are cancelled at once.
const AT_ONCE: usize = 16;

/// Registers a task whose parameters a query holds, and puts it into the queue. A task that nobody runs, or that may not
/// wait, is `failed` with the reason, as the frontend does it; the answer is that it was registered.
pub(super) async fn create(shared: &Shared, service: &str, user_id: &str, query: &str) -> Answer {
    let parameters = parameters(query).map_err(Error::from)?;
    let mut draft = Draft::new(Service::new(service).map_err(Error::from)?, UserId::new(user_id).map_err(Error::from)?);
    draft.parameters = parameters.clone();
    let store = shared.dispatcher.host().store();
    let task_id = store.save(draft, Precondition::None, &Access::ANY).await?;
    let body = Json::object([("task_id", Json::text(task_id.as_str())), ("status", Json::text("pending"))]);
    let submission = Submission { task_id, service: service.to_owned(), user_id: user_id.to_owned(), parameters };
    // What has begun is not broken off, whatever becomes of the connection.
    let dispatcher = shared.dispatcher.clone();
    let submitted = tokio::spawn(async move {
        match dispatcher.submit(&submission).await {
            // It waits until somebody adopts it.
            Ok(()) | Err(SubmitError::Store(_)) => Ok(()),
            Err(error) => fail(&dispatcher, &submission, &error).await,
        }
    });
    match submitted.await {
        Ok(Ok(())) => Ok(json(StatusCode::ACCEPTED, &body)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Refused::Store(Error::Failed("the submission broke".to_owned()))),
    }
}

/// Ends a task that was not accepted, unless that was done.
async fn fail(dispatcher: &task_state_host::dispatch::Dispatcher, of: &Submission, why: &SubmitError) -> Result<()> {
    let why = match why {
        SubmitError::Paused => "Requests are blocked".to_owned(),
        why => line(why),
    };
    let access = Access::of(Owners::only(&of.service, &of.user_id));
    let store = dispatcher.host().store();
    match store.status(&of.task_id, &access).await? {
        Status::Pending => {}
        _ => return Ok(()),
    }
    match store.change(&of.task_id, Change::status(Status::Failed).log(why), &access).await {
        Ok(_) | Err(Error::NotFound | Error::Denied(_) | Error::InvalidTransition(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The parameters that a query holds: texts all of them, and of those that are given twice the last.
fn parameters(query: &str) -> std::result::Result<JsonObject, task_state_host::record::InvalidValue> {
    let mut fields: Vec<(String, Json)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = Json::text(value.into_owned());
        match fields.iter_mut().find(|(known, _)| *known == *name) {
            Some((_, known)) => *known = value,
            None => fields.push((name.into_owned(), value)),
        }
    }
    JsonObject::parse("parameters", &Json::Object(fields).encode())
}

/// Asks a task to stop, and gives it as it is then. One that has ended, or was asked before, is left alone.
pub(super) async fn cancel(shared: &Shared, task: TaskRecord) -> Result<TaskRecord> {
    let head = Head::of(&task, None);
    let id = TaskId::stored(task.task_id()).map_err(Error::from)?;
    if !stop(shared, &head, PATIENCE).await? {
        return Ok(task);
    }
    match shared.dispatcher.host().store().get(&id, &Access::ANY).await {
        // Somebody has removed it meanwhile.
        Err(Error::NotFound) => Ok(task),
        found => found,
    }
}

/// Stops a task, and removes it with all that is known of it.
pub(super) async fn cleanup(shared: &Shared, task: &TaskRecord) -> Result<()> {
    remove(shared, &Head::of(task, None)).await.map(drop)
}

/// Tells a task to stop, if it has not ended and was not told. True if it did.
async fn stop(shared: &Shared, task: &Head, patience: Duration) -> Result<bool> {
    if task.status.is_terminal() || task.status == Status::CancelRequested {
        return Ok(false);
    }
    let id = TaskId::stored(&*task.task_id).map_err(Error::from)?;
    let access = Access::of(Owners::only(&task.service, &task.user_id));
    match shared.dispatcher.host().store().change(&id, Change::logs([REQUESTED]), &access).await {
        Ok(_) => {}
        Err(Error::NotFound | Error::Denied(_)) => return Ok(false),
        Err(error) => return Err(error),
    }
    let (service, user_id) = (task.service.clone(), task.user_id.clone());
    let cancellation = Cancellation { task_id: id, service, user_id };
    match shared.dispatcher.cancel(&cancellation, patience).await {
        Ok(_) | Err(CancelError::Unknown | CancelError::Ended(_) | CancelError::NotTheOwner) => Ok(true),
        Err(CancelError::Store(error)) => Err(error),
        Err(error) => Err(Error::Failed(line(error))),
    }
}

async fn remove(shared: &Shared, task: &Head) -> Result<bool> {
    stop(shared, task, Duration::ZERO).await?;
    let id = TaskId::stored(&*task.task_id).map_err(Error::from)?;
    let access = Access::of(Owners::only(&task.service, &task.user_id));
    match shared.dispatcher.host().store().delete(&id, &access).await {
        Err(Error::NotFound | Error::Denied(_)) => Ok(false),
        removed => removed,
    }
}

/// What was done to the tasks of a scope.
#[derive(Default)]
pub(super) struct Bulk {
    /// How many there were.
    pub(super) matched: usize,
    /// Those to which it was done, in the order of the listing.
    pub(super) affected: Vec<String>,
}

/// What is done to each task of a scope.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// It is asked to stop. As the frontend counts, those that had ended are among the affected ones.
    Cancel,
    /// It is removed.
    Remove,
}

impl Act {
    async fn carry_out(self, shared: Shared, task: Head) -> Result<(bool, String)> {
        let is_affected = match self {
            Self::Cancel => stop(&shared, &task, Duration::ZERO).await.map(|_| true)?,
            Self::Remove => remove(&shared, &task).await?,
        };
        Ok((is_affected, task.task_id))
    }

    /// Does it to all tasks of a scope that may be touched.
    pub(super) async fn on(self, shared: &Shared, scope: Scope, access: &Access) -> Result<Bulk> {
        let mut bulk = Bulk::default();
        let mut pages = listing::heads(shared, scope, access);
        while let Some(heads) = pages.next().await? {
            bulk.matched += heads.len();
            let acting: Vec<_> = heads.into_iter().map(|head| self.carry_out(shared.clone(), head)).collect();
            let mut done = stream::iter(acting).buffered(AT_ONCE);
            while let Some((is_affected, id)) = done.try_next().await? {
                bulk.affected.extend(is_affected.then_some(id));
            }
        }
        Ok(bulk)
    }
}
