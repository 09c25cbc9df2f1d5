//! What an operator asks of a scheduler: to hold tasks back, and to prefer some.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{Request, StatusCode};
use task_state_host::dispatch::Dispatcher;
use task_state_host::record::{Change, TaskId, UserId};
use task_state_host::store::{Access, Error, Pause};

use super::Shared;
use super::answer::{detail, json, line, short};
use super::body::read;
use super::json::Json;
use super::model::PriorityRequest;

pub(super) async fn set_priority(State(shared): State<Shared>, request: Request<Body>) -> Response {
    let body = match read(request).await {
        Ok(body) => body,
        Err(unread) => return unread.answer(),
    };
    let PriorityRequest { task_id, priority } = match PriorityRequest::read(&body) {
        Ok(request) => request,
        Err(invalid) => return invalid.answer(),
    };
    let not_found = || detail(StatusCode::NOT_FOUND, "Task not found");
    let Ok(id) = TaskId::stored(&*task_id) else { return not_found() };
    let change = Change::priority(priority).log(format!("Priority set to {priority}"));
    match shared.dispatcher.host().store().change(&id, change, &Access::ANY).await {
        Ok(_) => {
            let body = [("task_id", Json::text(task_id)), ("priority", Json::text(priority.to_string()))];
            json(StatusCode::ACCEPTED, &Json::object(body))
        }
        Err(Error::NotFound) => not_found(),
        Err(error) => unavailable(&error),
    }
}

pub(super) async fn block(State(shared): State<Shared>) -> Response {
    hold(&shared.dispatcher, &Pause::All, true).await
}

pub(super) async fn enable(State(shared): State<Shared>) -> Response {
    hold(&shared.dispatcher, &Pause::All, false).await
}

pub(super) async fn block_user(State(shared): State<Shared>, user: Name) -> Response {
    hold_user(&shared.dispatcher, user, true).await
}

pub(super) async fn enable_user(State(shared): State<Shared>, user: Name) -> Response {
    hold_user(&shared.dispatcher, user, false).await
}

/// The name in a path.
type Name = Result<Path<String>, PathRejection>;

async fn hold_user(dispatcher: &Dispatcher, user: Name, blocked: bool) -> Response {
    // A name that is no text is none that a task has.
    let Ok(Path(user)) = user else { return detail(StatusCode::NOT_FOUND, "Not Found") };
    match UserId::stored(user) {
        Ok(user) => hold(dispatcher, &Pause::User(user), blocked).await,
        Err(why) => detail(StatusCode::NOT_FOUND, line(why)),
    }
}

/// Pauses or resumes, and says so.
async fn hold(dispatcher: &Dispatcher, what: &Pause, blocked: bool) -> Response {
    let queue = dispatcher.host().store().queue();
    let done = if blocked { queue.pause(what).await } else { queue.resume(what).await };
    if let Err(error) = done {
        return unavailable(&error);
    }
    tracing::warn!(what = short(&what.to_string()), blocked, "tasks are held back, or no longer");
    let blocked = Json::Bool(blocked);
    let body = match what {
        Pause::User(user) => Json::object([("user_id", Json::text(user.as_str())), ("blocked", blocked)]),
        _ => Json::object([("blocked", blocked)]),
    };
    json(StatusCode::OK, &body)
}

fn unavailable(error: &Error) -> Response {
    tracing::warn!(%error, "the store did not do what an operator has asked for");
    detail(StatusCode::SERVICE_UNAVAILABLE, "The store is unavailable")
}
