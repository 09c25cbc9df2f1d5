//! What the frontend asks of a scheduler: to run a task, and to stop one.
//!
//! The frontend takes each answer in a way of its own. A submission that is answered with 403 it sets `failed`, with
//! any other error it leaves it `dispatching` for ever; so 403 is what a submission gets that may not wait, and
//! whatever else is refused has been set `failed` here before. A cancellation that is answered with 404 leaves the task
//! as it is; with any other error the frontend sets it `cancelled` or `failed`, while the plugin runs on.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{Request, StatusCode};
use task_state_host::dispatch::{CancelError, Cancellation, Dispatcher, Submission, SubmitError};
use task_state_host::record::{Change, JsonObject, Status, TaskId};
use task_state_host::store::Access;

use super::Shared;
use super::answer::{detail, json, line, short};
use super::body::{Unread, read};
use super::json::Json;
use super::model::{CancelRequest, TaskRequest};
use super::state::STORE_AWAY;

/// How long an answer to a submission may take. The frontend gives up after ten seconds.
const SUBMISSION_TIME: Duration = Duration::from_secs(8);

/// How long a cancellation waits for the end of the run.
const CANCELLATION_PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer to a cancellation may take, the store's share included.
const CANCELLATION_TIME: Duration = Duration::from_secs(8);

pub(super) async fn submit(State(shared): State<Shared>, request: Request<Body>) -> Response {
    let body = match read(request).await {
        Ok(body) => body,
        Err(Unread::Lost(why)) => return detail(StatusCode::FORBIDDEN, why.to_string()),
        Err(unread) => return unread.answer(),
    };
    let request = match TaskRequest::read(&body) {
        Ok(request) => request,
        Err(invalid) => {
            fail(&shared.dispatcher, &body, &format!("The request cannot be read: {}", invalid.summary())).await;
            return invalid.answer();
        }
    };
    let Ok(task_id) = TaskId::stored(&*request.task_id) else { return unknown(&request.task_id) };
    let parameters = match parameters(&request.parameters) {
        Ok(parameters) => parameters,
        Err(why) => {
            fail(&shared.dispatcher, &body, &why).await;
            return detail(StatusCode::BAD_REQUEST, why);
        }
    };
    let TaskRequest { service, user_id, .. } = request;
    let submission = Submission { task_id, service, user_id, parameters };
    accept(shared.dispatcher.clone(), submission).await
}

/// Puts a task into the queue, or says why not, in time for the frontend.
async fn accept(dispatcher: Dispatcher, submission: Submission) -> Response {
    let task_id = submission.task_id.clone();
    // What has begun is not broken off, whatever becomes of the connection.
    let accepted = tokio::spawn(async move { dispatcher.submit(&submission).await });
    match tokio::time::timeout(SUBMISSION_TIME, accepted).await {
        Ok(Ok(Ok(()))) => {
            tracing::info!(task = task_id.as_str(), "accepted");
            let body = [("task_id", Json::text(task_id.as_str())), ("status", Json::text("dispatching"))];
            json(StatusCode::ACCEPTED, &Json::object(body))
        }
        Ok(Ok(Err(error))) => refusal(&task_id, &error),
        Ok(Err(_)) | Err(_) => {
            tracing::warn!(task = short(task_id.as_str()), "not accepted in time");
            let text = format!("The task was not accepted within {} seconds", SUBMISSION_TIME.as_secs());
            detail(StatusCode::FORBIDDEN, text)
        }
    }
}

fn refusal(task_id: &TaskId, error: &SubmitError) -> Response {
    tracing::warn!(task = short(task_id.as_str()), %error, "refused");
    match error {
        SubmitError::Unknown => unknown(task_id.as_str()),
        SubmitError::Paused => detail(StatusCode::FORBIDDEN, "Requests are blocked"),
        SubmitError::Full { .. } => detail(StatusCode::FORBIDDEN, line(error)),
        SubmitError::Store(_) => detail(StatusCode::FORBIDDEN, STORE_AWAY),
        _ => detail(StatusCode::BAD_REQUEST, line(error)),
    }
}

pub(super) async fn cancel(State(shared): State<Shared>, request: Request<Body>) -> Response {
    let body = match read(request).await {
        Ok(body) => body,
        Err(unread) => return unread.answer(),
    };
    let CancelRequest { task_id, service, user_id } = match CancelRequest::read(&body) {
        Ok(request) => request,
        Err(invalid) => return invalid.answer(),
    };
    let Ok(id) = TaskId::stored(&*task_id) else { return unknown(&task_id) };
    let cancellation = Cancellation { task_id: id, service, user_id };
    let dispatcher = shared.dispatcher.clone();
    let cancelled = tokio::spawn(async move { dispatcher.cancel(&cancellation, CANCELLATION_PATIENCE).await });
    let why = match tokio::time::timeout(CANCELLATION_TIME, cancelled).await {
        Ok(Ok(Ok(status))) => {
            tracing::info!(task = task_id, %status, "asked to stop");
            let body = [("task_id", Json::text(&*task_id)), ("status", Json::text(status.to_string()))];
            return json(StatusCode::ACCEPTED, &Json::object(body));
        }
        Ok(Ok(Err(CancelError::Unknown))) => return unknown(&task_id),
        Ok(Ok(Err(CancelError::NotTheOwner))) => "Cancel request does not match stored task identity".to_owned(),
        Ok(Ok(Err(CancelError::Ended(status)))) => format!("Task {task_id} has ended: it is {status}"),
        Ok(Ok(Err(error))) => {
            tracing::warn!(task = short(&task_id), %error, "not cancelled");
            STORE_AWAY.to_owned()
        }
        Ok(Err(_)) | Err(_) => format!("The task was not stopped within {} seconds", CANCELLATION_TIME.as_secs()),
    };
    tracing::warn!(task = short(&task_id), why = short(&why), "not cancelled");
    detail(StatusCode::NOT_FOUND, why)
}

/// The parameters as a record holds them.
fn parameters(given: &Json) -> Result<JsonObject, String> {
    if given.has_infinity() {
        return Err("parameters hold a number that JSON has no word for".to_owned());
    }
    JsonObject::parse("parameters", &given.encode()).map_err(line)
}

/// Ends the task of a request that cannot be read as far as that: if it names one, and nothing was done for it yet.
async fn fail(dispatcher: &Dispatcher, body: &Json, why: &str) {
    let Some(Json::Text(id)) = body.get("task_id") else { return };
    let Ok(id) = TaskId::stored(&**id) else { return };
    let store = dispatcher.host().store();
    let failing = async {
        match store.status(&id, &Access::ANY).await? {
            Status::Pending | Status::Dispatching => {
                store.change(&id, Change::status(Status::Failed).log(why), &Access::ANY).await.map(drop)
            }
            _ => Ok(()),
        }
    };
    if let Err(error) = failing.await {
        tracing::warn!(task = short(id.as_str()), %error, "a task that was refused was not set failed");
    }
}

fn unknown(task_id: &str) -> Response {
    detail(StatusCode::NOT_FOUND, format!("Task {task_id} not found in shared store"))
}
