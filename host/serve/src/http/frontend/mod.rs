//! The HTTP contract of the DMS frontend, for its clients: `/api/v1`.
//!
//! Codes, bodies and order are the frontend's. What it does by a blind write is done by the store's own steps here, so a
//! cancellation never takes back an end. How the answers differ is told in the guide, `host/serve/README.md`.

mod actions;
mod listing;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::{StatusCode, Uri};
use task_state_host::record::{Status, TaskId, TaskRecord};
use task_state_host::store::{Access, Error, Scope};

use self::actions::{Act, Bulk};
use self::listing::list;
use super::Shared;
use super::answer::{detail, json, line};
use super::json::Json;
use super::model::missing_in_query;
use super::state::STORE_AWAY;
use crate::access::{Caller, Operator};

/// Its routes for users.
const USER_ROUTES: [&str; 10] = [
    "GET /api/v1/services/{service}/users/{user_id}/tasks",
    "POST /api/v1/services/{service}/users/{user_id}/tasks",
    "POST /api/v1/services/{service}/users/{user_id}/tasks/cancel",
    "DELETE /api/v1/services/{service}/users/{user_id}/tasks",
    "GET /api/v1/services/users/{user_id}/tasks",
    "POST /api/v1/services/users/{user_id}/tasks/cancel",
    "DELETE /api/v1/services/users/{user_id}/tasks",
    "GET /api/v1/services/{service}/tasks/{task_id}?user_id=",
    "POST /api/v1/services/{service}/tasks/{task_id}/cancel?user_id=",
    "DELETE /api/v1/services/{service}/tasks/{task_id}?user_id=",
];

/// Its routes for operators.
const OPERATOR_ROUTES: [&str; 11] = [
    "GET /api/v1/admin/auth/verify",
    "GET /api/v1/admin/tasks",
    "GET /api/v1/admin/tasks/next-id",
    "POST /api/v1/admin/tasks/{task_id}/cancel",
    "DELETE /api/v1/admin/tasks/{task_id}",
    "GET /api/v1/admin/services/{service}/users",
    "GET /api/v1/admin/services/{service}/tasks",
    "POST /api/v1/admin/services/{service}/tasks/cancel",
    "DELETE /api/v1/admin/services/{service}/tasks",
    "GET /api/v1/admin/services/{service}/tasks/summary",
    "GET /api/v1/admin/metrics",
];

pub(super) fn routes() -> Router<Shared> {
    let users = Router::new()
        .route("/{service}/users/{user_id}/tasks", get(list_mine).post(create).delete(cleanup_mine))
        .route("/{service}/users/{user_id}/tasks/cancel", post(cancel_mine))
        .route("/users/{user_id}/tasks", get(list_of_user).delete(cleanup_of_user))
        .route("/users/{user_id}/tasks/cancel", post(cancel_of_user))
        .route("/{service}/tasks/{task_id}", get(show).delete(cleanup))
        .route("/{service}/tasks/{task_id}/cancel", post(cancel));
    let operators = Router::new()
        .route("/auth/verify", get(verify))
        .route("/tasks", get(list_everything))
        .route("/tasks/next-id", get(next_id))
        .route("/tasks/{task_id}/cancel", post(cancel_any))
        .route("/tasks/{task_id}", delete(cleanup_any))
        .route("/services/{service}/users", get(users_of_service))
        .route("/services/{service}/tasks", get(list_of_service).delete(cleanup_of_service))
        .route("/services/{service}/tasks/cancel", post(cancel_of_service))
        .route("/services/{service}/tasks/summary", get(summary))
        .route("/metrics", get(metrics));
    Router::new().route("/api/v1/help", get(help)).nest("/api/v1/services", users).nest("/api/v1/admin", operators)
}

/// Why a request has no other answer.
enum Refused {
    /// The caller shows no operator's token.
    NoOperator,
    /// The caller shows no token, where one is needed.
    NoToken,
    /// The caller's token opens other tasks.
    NotHis,
    NotFound,
    /// A parameter of the query is missing.
    Missing(&'static str),
    Store(Error),
}

impl Refused {
    fn answer(self) -> Response {
        match self {
            Self::NoOperator => detail(StatusCode::UNAUTHORIZED, "Invalid operator token"),
            Self::NoToken => detail(StatusCode::UNAUTHORIZED, "A token is needed"),
            Self::NotHis => detail(StatusCode::FORBIDDEN, "The token opens other services or users"),
            Self::NotFound => detail(StatusCode::NOT_FOUND, "Task not found"),
            Self::Missing(name) => missing_in_query(name),
            Self::Store(Error::InvalidValue(why)) => detail(StatusCode::UNPROCESSABLE_ENTITY, line(why)),
            Self::Store(error) => {
                tracing::warn!(%error, "the store did not answer a client of the frontend");
                detail(StatusCode::INTERNAL_SERVER_ERROR, STORE_AWAY)
            }
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound | Error::Denied(_) => Self::NotFound,
            error => Self::Store(error),
        }
    }
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.answer()
    }
}

type Answer = Result<Response, Refused>;

/// An operator, as the frontend checks it.
fn operator(operator: Option<Operator>) -> Result<(), Refused> {
    operator.map(drop).ok_or(Refused::NoOperator)
}

/// Lets a caller do what is a user's with a service, or with all.
fn user(shared: &Shared, caller: &Caller, service: Option<&str>, user_id: &str) -> Result<(), Refused> {
    if shared.open_user_routes.get() {
        return Ok(());
    }
    let owners = caller.owners().map_err(|_| Refused::NoToken)?;
    let is_his = match service {
        Some(service) => owners.check(service, user_id).is_ok(),
        None => owners.users.contains(user_id),
    };
    if is_his { Ok(()) } else { Err(Refused::NotHis) }
}

/// Whose tasks a listing may show.
fn access(shared: &Shared, caller: &Caller) -> Access {
    if shared.open_user_routes.get() { Access::ANY } else { caller.access().unwrap_or(Access::ANY) }
}

async fn help() -> Response {
    let routes = ["GET /healthz"].into_iter().chain(USER_ROUTES).chain(OPERATOR_ROUTES);
    let body = Json::object([
        ("endpoints", Json::List(routes.map(Json::text).collect())),
        (
            "description",
            Json::text("The interface of the DMS frontend, answered by task-state: X-Operator-Token opens /admin"),
        ),
    ]);
    json(StatusCode::OK, &body)
}

async fn verify(caller: Option<Operator>) -> Answer {
    operator(caller)?;
    let body = Json::object([("authenticated", Json::Bool(true)), ("role", Json::text("operator"))]);
    Ok(json(StatusCode::OK, &body))
}

async fn list_mine(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, user_id)): Path<(String, String)>,
) -> Answer {
    user(&shared, &caller, Some(&service), &user_id)?;
    list(&shared, Scope::ServiceUser(service, user_id), &access(&shared, &caller)).await
}

async fn list_of_user(State(shared): State<Shared>, caller: Caller, Path(user_id): Path<String>) -> Answer {
    user(&shared, &caller, None, &user_id)?;
    list(&shared, Scope::User(user_id), &access(&shared, &caller)).await
}

async fn list_of_service(
    State(shared): State<Shared>,
    caller: Option<Operator>,
    Path(service): Path<String>,
) -> Answer {
    operator(caller)?;
    list(&shared, Scope::Service(service), &Access::ANY).await
}

async fn list_everything(State(shared): State<Shared>, caller: Option<Operator>) -> Answer {
    operator(caller)?;
    list(&shared, Scope::All, &Access::ANY).await
}

async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, user_id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    user(&shared, &caller, Some(&service), &user_id)?;
    actions::create(&shared, &service, &user_id, uri.query().unwrap_or_default()).await
}

async fn cancel_mine(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, user_id)): Path<(String, String)>,
) -> Answer {
    user(&shared, &caller, Some(&service), &user_id)?;
    bulk(Act::Cancel.on(&shared, Scope::ServiceUser(service, user_id), &access(&shared, &caller)).await)
}

async fn cleanup_mine(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, user_id)): Path<(String, String)>,
) -> Answer {
    user(&shared, &caller, Some(&service), &user_id)?;
    bulk(Act::Remove.on(&shared, Scope::ServiceUser(service, user_id), &access(&shared, &caller)).await)
}

async fn cancel_of_user(State(shared): State<Shared>, caller: Caller, Path(user_id): Path<String>) -> Answer {
    user(&shared, &caller, None, &user_id)?;
    bulk(Act::Cancel.on(&shared, Scope::User(user_id), &access(&shared, &caller)).await)
}

async fn cleanup_of_user(State(shared): State<Shared>, caller: Caller, Path(user_id): Path<String>) -> Answer {
    user(&shared, &caller, None, &user_id)?;
    bulk(Act::Remove.on(&shared, Scope::User(user_id), &access(&shared, &caller)).await)
}

async fn cancel_of_service(
    State(shared): State<Shared>,
    caller: Option<Operator>,
    Path(service): Path<String>,
) -> Answer {
    operator(caller)?;
    bulk(Act::Cancel.on(&shared, Scope::Service(service), &Access::ANY).await)
}

async fn cleanup_of_service(
    State(shared): State<Shared>,
    caller: Option<Operator>,
    Path(service): Path<String>,
) -> Answer {
    operator(caller)?;
    bulk(Act::Remove.on(&shared, Scope::Service(service), &Access::ANY).await)
}

fn bulk(done: Result<Bulk, Error>) -> Answer {
    let Bulk { matched, affected } = done?;
    let body = Json::object([
        ("matched_count", Json::Int(matched.to_string())),
        ("affected_count", Json::Int(affected.len().to_string())),
        ("task_ids", Json::List(affected.into_iter().map(Json::text).collect())),
    ]);
    Ok(json(StatusCode::OK, &body))
}

/// The user that a query names: the last one, if it names several.
fn named_user(uri: &Uri) -> Result<String, Refused> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let last = pairs.filter(|(name, _)| name == "user_id").last();
    last.map(|(_, user)| user.into_owned()).ok_or(Refused::Missing("user_id"))
}

/// The task of a request, if it is the caller's and the one that he believes.
async fn task(shared: &Shared, caller: &Caller, service: &str, id: &str, uri: &Uri) -> Result<TaskRecord, Refused> {
    if !shared.open_user_routes.get() {
        caller.known().map_err(|_| Refused::NoToken)?;
    }
    let user_id = named_user(uri)?;
    let id = TaskId::stored(id).map_err(|_| Refused::NotFound)?;
    let task = shared.dispatcher.host().store().get(&id, &access(shared, caller)).await?;
    if task.service() == service && task.user_id() == user_id { Ok(task) } else { Err(Refused::NotFound) }
}

async fn show(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    Ok(one(&task(&shared, &caller, &service, &id, &uri).await?))
}

async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let task = task(&shared, &caller, &service, &id, &uri).await?;
    Ok(one(&actions::cancel(&shared, task).await?))
}

async fn cleanup(
    State(shared): State<Shared>,
    caller: Caller,
    Path((service, id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let task = task(&shared, &caller, &service, &id, &uri).await?;
    actions::cleanup(&shared, &task).await?;
    Ok(one(&task))
}

async fn any_task(shared: &Shared, caller: Option<Operator>, id: &str) -> Result<TaskRecord, Refused> {
    operator(caller)?;
    let id = TaskId::stored(id).map_err(|_| Refused::NotFound)?;
    Ok(shared.dispatcher.host().store().get(&id, &Access::ANY).await?)
}

async fn cancel_any(State(shared): State<Shared>, caller: Option<Operator>, Path(id): Path<String>) -> Answer {
    let task = any_task(&shared, caller, &id).await?;
    Ok(one(&actions::cancel(&shared, task).await?))
}

async fn cleanup_any(State(shared): State<Shared>, caller: Option<Operator>, Path(id): Path<String>) -> Answer {
    let task = any_task(&shared, caller, &id).await?;
    actions::cleanup(&shared, &task).await?;
    Ok(one(&task))
}

/// An answer with one task, as it is stored.
fn one(task: &TaskRecord) -> Response {
    listing::document(format!("{{\"task\":{}}}", task.encode()))
}

async fn next_id(State(shared): State<Shared>, caller: Option<Operator>) -> Answer {
    operator(caller)?;
    let id = shared.dispatcher.host().store().peek_next_task_id().await?;
    Ok(json(StatusCode::OK, &Json::object([("next_task_id", Json::text(id))])))
}

async fn users_of_service(
    State(shared): State<Shared>,
    caller: Option<Operator>,
    Path(service): Path<String>,
) -> Answer {
    operator(caller)?;
    let users = shared.dispatcher.host().store().users(&service).await?;
    Ok(json(StatusCode::OK, &Json::object([("users", Json::List(users.into_iter().map(Json::text).collect()))])))
}

async fn summary(State(shared): State<Shared>, caller: Option<Operator>, Path(service): Path<String>) -> Answer {
    operator(caller)?;
    let mut by_kind: [Vec<Json>; 3] = Default::default();
    let mut pages = listing::heads(&shared, Scope::Service(service.clone()), &Access::ANY);
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let kind = match head.status {
                Status::Pending | Status::Dispatching | Status::Running | Status::CancelRequested => 0,
                Status::Completed => 1,
                Status::Failed | Status::Cancelled => 2,
            };
            by_kind[kind].push(Json::text(head.task_id));
        }
    }
    let [pending, success, failed] = by_kind.map(Json::List);
    let summary = Json::object([
        ("service", Json::text(service)),
        ("pending_task_ids", pending),
        ("success_task_ids", success),
        ("failed_task_ids", failed),
    ]);
    Ok(json(StatusCode::OK, &Json::object([("summary", summary)])))
}

/// What the frontend tells of its connection; how its listener fares is no business of a platform.
async fn metrics(State(shared): State<Shared>, caller: Option<Operator>) -> Answer {
    operator(caller)?;
    let redis = match shared.store_answers().await {
        true => Json::object([("connected", Json::Bool(true))]),
        false => Json::object([("connected", Json::Bool(false)), ("message", Json::text(STORE_AWAY))]),
    };
    Ok(json(StatusCode::OK, &Json::object([("redis", redis)])))
}
