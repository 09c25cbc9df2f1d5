//! What is done to one task: it is cancelled, deleted, or made more urgent.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;
use task_state_host::dispatch::CancelError;
use task_state_host::record::{Change, TaskId};
use task_state_host::store::{Query, Scope};

use super::errors::{cancel_problem, invalid, no_task, store_problem};
use super::params::Id;
use super::read;
use super::submit::read_priority;
use crate::access::Caller;
use crate::http::ending::Task;
use crate::http::{Problem, Shared, document};

/// How long a cancellation waits for the end of the run.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn cancel(State(shared): State<Shared>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let task = found(&shared, &caller, &id).await?;
    let dispatcher = shared.dispatcher.clone();
    let status = begun(async move { task.stop(&dispatcher, PATIENCE).await }).await?;
    tracing::info!(task = %id, %status, "asked to stop");
    Ok(document(StatusCode::ACCEPTED, &json!({"status": status.as_str()})))
}

pub(super) async fn delete(State(shared): State<Shared>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let task = found(&shared, &caller, &id).await?;
    let dispatcher = shared.dispatcher.clone();
    begun(async move { task.remove(&dispatcher, PATIENCE).await }).await?;
    tracing::info!(task = %id, "deleted");
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn set_priority(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id,
    request: Request<Body>,
) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        priority: String,
    }
    let access = caller.access()?;
    let Wanted { priority } = read::document(request).await?;
    let priority = read_priority(&priority)?;
    let change = Change::priority(priority).log(format!("Priority set to {priority}"));
    let status = shared.store().change(&id, change, &access).await.map_err(store_problem)?;
    Ok(document(StatusCode::OK, &json!({"status": status.as_str()})))
}

/// Whose a task is and how it stands, if the caller may see it.
async fn found(shared: &Shared, caller: &Caller, id: &TaskId) -> Result<Task, Problem> {
    let mut query = Query::new(Scope::Ids([id.as_str().to_owned()].into()));
    query.owners = caller.owners()?;
    let page = shared.store().heads(&query).await.map_err(store_problem)?;
    let head = page.heads.into_iter().next().ok_or_else(no_task)?;
    Task::try_from(head).map_err(|why| invalid(&why))
}

/// Does something that is not broken off, whatever becomes of the connection.
async fn begun<T: Send + 'static>(
    work: impl Future<Output = Result<T, CancelError>> + Send + 'static,
) -> Result<T, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request was not carried out");
    tokio::spawn(work).await.map_err(failed)?.map_err(cancel_problem)
}
