//! What is held back.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;
use task_state_host::record::{Service, UserId};
use task_state_host::store::Pause;

use super::errors::{invalid, store_problem};
use super::params::{Name, short};
use crate::access::{Caller, Operator};
use crate::http::{Problem, Shared, document};

pub(super) async fn list(State(shared): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let owners = caller.owners()?;
    let pauses = shared.store().queue().pauses().await.map_err(store_problem)?;
    let (mut all, mut services, mut users) = (false, Vec::new(), Vec::new());
    for pause in &pauses {
        match pause {
            Pause::Service(service) if owners.services.contains(service.as_str()) => services.push(service.as_str()),
            Pause::User(user) if owners.users.contains(user.as_str()) => users.push(user.as_str()),
            Pause::Service(_) | Pause::User(_) => {}
            _ => all = true,
        }
    }
    Ok(document(StatusCode::OK, &json!({"all": all, "services": services, "users": users})))
}

pub(super) async fn pause_all(State(shared): State<Shared>, _: Operator) -> Result<Response, Problem> {
    set(&shared, &Pause::All, true).await
}

pub(super) async fn resume_all(State(shared): State<Shared>, _: Operator) -> Result<Response, Problem> {
    set(&shared, &Pause::All, false).await
}

pub(super) async fn pause_service(
    State(shared): State<Shared>,
    _: Operator,
    Name(name): Name,
) -> Result<Response, Problem> {
    set(&shared, &service(name)?, true).await
}

pub(super) async fn resume_service(
    State(shared): State<Shared>,
    _: Operator,
    Name(name): Name,
) -> Result<Response, Problem> {
    set(&shared, &service(name)?, false).await
}

pub(super) async fn pause_user(
    State(shared): State<Shared>,
    _: Operator,
    Name(name): Name,
) -> Result<Response, Problem> {
    set(&shared, &user(name)?, true).await
}

pub(super) async fn resume_user(
    State(shared): State<Shared>,
    _: Operator,
    Name(name): Name,
) -> Result<Response, Problem> {
    set(&shared, &user(name)?, false).await
}

fn service(name: String) -> Result<Pause, Problem> {
    Service::new(name).map(Pause::Service).map_err(|why| invalid(&why))
}

fn user(name: String) -> Result<Pause, Problem> {
    UserId::new(name).map(Pause::User).map_err(|why| invalid(&why))
}

async fn set(shared: &Shared, what: &Pause, paused: bool) -> Result<Response, Problem> {
    let queue = shared.store().queue();
    let done = if paused { queue.pause(what).await } else { queue.resume(what).await };
    done.map_err(store_problem)?;
    tracing::warn!(what = short(&what.to_string()), paused, "tasks are held back, or no longer");
    Ok(StatusCode::NO_CONTENT.into_response())
}
