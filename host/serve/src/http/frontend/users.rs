//! What users ask for: a task of theirs made, shown, stopped, removed.

use axum::response::Response;
use http::StatusCode;
use task_state_host::dispatch::{Dispatcher, Submission, SubmitError};
use task_state_host::record::{Change, Draft, InvalidValue, JsonObject, Service, Status, TaskId, TaskRecord, UserId};
use task_state_host::store::{Access, Error, Owners, Precondition, Result};

use super::bulk::{clean, is_ending, note, stop};
use super::{Asked, failed, invalid, not_found, unbroken};
use crate::http::answer::{detail, json, line, short, written};
use crate::http::ending::Task;
use crate::http::json::Json;

/// The entry with which a task begins: the frontend's words.
const BEGUN: &str = "Dispatching to scheduler";

/// What a frontend notes of a task whose submission is held back.
const BLOCKED: &str = "Requests are blocked";

impl Asked {
    pub(super) async fn create(self) -> Response {
        let wrong = |field: &str, name: String, why: InvalidValue| {
            invalid("value_error", ["path", field], format!("Value error, {}", why.why), Json::Text(name))
        };
        let (service, user) = match (Service::new(self.name(0)), UserId::new(self.name(1))) {
            (Ok(service), Ok(user)) => (service, user),
            (Err(why), _) => return wrong("service", self.name(0), why),
            (_, Err(why)) => return wrong("user_id", self.name(1), why),
        };
        let values = self.values.iter().map(|(name, value)| (name.clone(), Json::text(&**value))).collect();
        let parameters = match JsonObject::parse("parameters", &Json::Object(values).encode()) {
            Ok(parameters) => parameters,
            Err(why) => return detail(StatusCode::UNPROCESSABLE_ENTITY, line(why)),
        };
        let dispatcher = self.shared.dispatcher.clone();
        match unbroken(async move { create(&dispatcher, service, user, parameters).await }).await {
            Ok(id) => {
                let body = [("task_id", Json::text(id.as_str())), ("status", Json::text(Status::Pending.as_str()))];
                json(StatusCode::ACCEPTED, &Json::object(body))
            }
            Err(refused) => refused,
        }
    }

    /// The task that the path and the query name, if it is the caller's.
    async fn found(&self) -> std::result::Result<TaskRecord, Response> {
        let Some((_, user)) = self.values.iter().find(|(name, _)| name == "user_id") else {
            return Err(invalid("missing", ["query", "user_id"], "Field required".to_owned(), Json::Null));
        };
        let service = self.name(0);
        if self.owners.check(&service, user).is_err() {
            return Err(not_found());
        }
        self.read(self.name(1), &Access::of(Owners::only(&service, user))).await
    }

    async fn found_by_operator(&self) -> std::result::Result<TaskRecord, Response> {
        self.read(self.name(0), &Access::ANY).await
    }

    async fn read(&self, id: String, access: &Access) -> std::result::Result<TaskRecord, Response> {
        let id = TaskId::stored(id).map_err(|_| not_found())?;
        self.shared.dispatcher.host().store().get(&id, access).await.map_err(|error| failed(&error))
    }

    pub(super) async fn show(self) -> Response {
        self.found().await.map_or_else(|refused| refused, |record| shown(&record))
    }

    pub(super) async fn cancel(self) -> Response {
        match self.found().await {
            Ok(record) => self.cancel_found(record).await,
            Err(refused) => refused,
        }
    }

    pub(super) async fn cancel_any(self) -> Response {
        match self.found_by_operator().await {
            Ok(record) => self.cancel_found(record).await,
            Err(refused) => refused,
        }
    }

    /// Answers with the task as it was told to stop, as the frontend does: with its entry, and in its status from before.
    async fn cancel_found(self, record: TaskRecord) -> Response {
        let Ok(task) = Task::try_from(&record) else { return not_found() };
        if is_ending(&task) {
            return shown(&record);
        }
        let dispatcher = self.shared.dispatcher.clone();
        let cancelled = unbroken(async move {
            if !note(&dispatcher, &task).await? {
                return Err(Error::NotFound);
            }
            let noted = dispatcher.host().store().get(&task.id, &task.access()).await?;
            if stop(&dispatcher, &task).await? { Ok(noted) } else { Err(Error::NotFound) }
        });
        cancelled.await.map_or_else(|refused| refused, |record| shown(&record))
    }

    pub(super) async fn clean(self) -> Response {
        match self.found().await {
            Ok(record) => self.clean_found(record).await,
            Err(refused) => refused,
        }
    }

    pub(super) async fn clean_any(self) -> Response {
        match self.found_by_operator().await {
            Ok(record) => self.clean_found(record).await,
            Err(refused) => refused,
        }
    }

    /// Answers with the task as it was before.
    async fn clean_found(self, record: TaskRecord) -> Response {
        let Ok(task) = Task::try_from(&record) else { return not_found() };
        let dispatcher = self.shared.dispatcher.clone();
        let cleaned = unbroken(async move { clean(&dispatcher, &task).await });
        cleaned.await.map_or_else(|refused| refused, |_| shown(&record))
    }
}

/// Registers a task, and puts it into the queue. One that may not wait is failed, with the reason, as the frontend would
/// do it.
async fn create(dispatcher: &Dispatcher, service: Service, user: UserId, parameters: JsonObject) -> Result<TaskId> {
    let store = dispatcher.host().store();
    let mut draft = Draft::new(service.clone(), user.clone());
    draft.parameters = parameters.clone();
    draft.logs = vec![format!("{},{BEGUN}", store.now())];
    let task_id = store.save(draft, Precondition::Absent, &Access::ANY).await?;
    let access = Access::of(Owners::only(service.as_str(), user.as_str()));
    let submission = Submission { task_id: task_id.clone(), service: service.into(), user_id: user.into(), parameters };
    let why = match dispatcher.submit(&submission).await {
        Ok(()) => {
            tracing::info!(task = task_id.as_str(), "accepted");
            return Ok(task_id);
        }
        Err(error) => error,
    };
    tracing::warn!(task = short(task_id.as_str()), error = %why, "refused");
    let text = match &why {
        SubmitError::Paused => BLOCKED.to_owned(),
        SubmitError::Full { .. } => line(&why),
        // It was failed with the reason, or is another's business by now; or it waits to be adopted.
        _ => return Ok(task_id),
    };
    match store.change(&task_id, Change::status(Status::Failed).log(text), &access).await {
        Ok(_) | Err(Error::NotFound | Error::Denied(_) | Error::InvalidTransition(_)) => Ok(task_id),
        Err(error) => Err(error),
    }
}

fn shown(record: &TaskRecord) -> Response {
    written(StatusCode::OK, format!("{{\"task\":{}}}", record.respelled()))
}
