//! The HTTP contract of the DMS frontend, `/api/v1`: its clients find here what they are used to. Nothing is written
//! blindly: what is asked for is done by the store and the dispatcher, and a task that has ended stays as it is.
//!
//! How the answers differ from the frontend's is told in the guide, `host/serve/README.md`.

mod bulk;
mod listing;
mod operators;
mod route;
mod users;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::{Router, routing::any};
use futures_util::stream;
use http::header::{ALLOW, LOCATION};
use http::{HeaderValue, Request, StatusCode};
use task_state_host::store::{Error, Owners, Query, Scope};

use self::bulk::Bulk;
use self::listing::Listing;
use self::route::{Action, Found, PREFIX, find, unescaped, values};
use super::answer::{detail, json};
use super::json::Json;
use super::state::STORE_AWAY;
use super::{Contract, Shared};
use crate::access::Caller;

/// The routes of the contract. They are matched here rather than by the router: as the frontend does it.
pub(super) fn routes() -> Router<Shared> {
    let rest = format!("{PREFIX}/{{*rest}}");
    let root = format!("{PREFIX}/");
    Router::new().route(PREFIX, any(answer)).route(&root, any(answer)).route(&rest, any(answer))
}

/// A request that has found its route.
struct Asked {
    shared: Shared,
    /// Whose tasks the caller may touch.
    owners: Owners,
    /// The names in its path.
    names: Vec<String>,
    /// The values of its query.
    values: Vec<(String, String)>,
}

impl Asked {
    /// A name in the path.
    fn name(&self, index: usize) -> String {
        self.names.get(index).cloned().unwrap_or_default()
    }

    /// Whether the names in the path are such that the caller has something to do with them.
    fn is_the_callers(&self, action: Action) -> bool {
        match action {
            Action::ListOfServiceAndUser
            | Action::Create
            | Action::CancelOfServiceAndUser
            | Action::CleanOfServiceAndUser => self.owners.check(&self.name(0), &self.name(1)).is_ok(),
            Action::ListOfUser | Action::CancelOfUser | Action::CleanOfUser => {
                self.owners.users.contains(&self.name(0))
            }
            _ => true,
        }
    }

    /// The tasks of a scope, as far as they are the caller's.
    fn query(&self, scope: Scope) -> Query {
        let mut query = Query::new(scope);
        query.owners = self.owners.clone();
        query
    }

    fn of_service_and_user(&self) -> Query {
        self.query(Scope::ServiceUser(self.name(0), self.name(1)))
    }

    fn of_user(&self) -> Query {
        self.query(Scope::User(self.name(0)))
    }

    fn of_service(&self) -> Query {
        self.query(Scope::Service(self.name(0)))
    }

    async fn list(&self, query: Query) -> Response {
        let listing = match Listing::begin(self.shared.dispatcher.host().store().clone(), query).await {
            Ok(listing) => listing,
            Err(error) => return failed(&error),
        };
        let parts = stream::try_unfold(listing, async |listing| {
            // All that is left is to break off: the client sees that the end is missing.
            listing.next().await.inspect_err(|error| tracing::warn!(%error, "a listing broke off"))
        });
        let mut response = Response::new(Body::from_stream(parts));
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    async fn bulk(&self, query: Query, what: Bulk) -> Response {
        let dispatcher = self.shared.dispatcher.clone();
        match unbroken(async move { bulk::apply(&dispatcher, query, what).await }).await {
            Ok(done) => {
                let affected = done.task_ids.len().to_string();
                let body = Json::object([
                    ("matched_count", Json::Int(done.matched.to_string())),
                    ("affected_count", Json::Int(affected)),
                    ("task_ids", texts(done.task_ids)),
                ]);
                json(StatusCode::OK, &body)
            }
            Err(refused) => refused,
        }
    }
}

/// Does something that is not broken off, whatever becomes of the connection.
async fn unbroken<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Response> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
    }
}

async fn answer(State(shared): State<Shared>, caller: Caller, request: Request<Body>) -> Response {
    let path = unescaped(request.uri().path());
    match find(request.method(), path.strip_prefix(PREFIX).unwrap_or_default()) {
        Found::Route(action, names) => {
            let owners = match may(&shared, &caller, action) {
                Ok(owners) => owners,
                Err(why) => return detail(StatusCode::UNAUTHORIZED, why),
            };
            let values = values(request.uri().query().unwrap_or_default());
            let asked = Asked { shared, owners, names, values };
            if asked.is_the_callers(action) {
                asked.answer(action).await
            } else {
                detail(StatusCode::FORBIDDEN, "The token opens other services or users")
            }
        }
        Found::OtherMethod(method) => {
            let mut response = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            if let Ok(method) = HeaderValue::from_str(method.as_str()) {
                response.headers_mut().insert(ALLOW, method);
            }
            response
        }
        Found::OtherSlash => redirect(request.uri()),
        Found::Nothing => detail(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// Whose tasks a request may touch. The text of the refusal, if it may not be made.
fn may(shared: &Contract, caller: &Caller, action: Action) -> Result<Owners, &'static str> {
    if action.is_for_operators() {
        return if caller.is_operator() { Ok(Owners::ANY) } else { Err("Invalid operator token") };
    }
    if action == Action::Help || shared.tokens.get().open_user_routes() {
        return Ok(Owners::ANY);
    }
    caller.owners().map_err(|_| "A token is needed")
}

impl Asked {
    async fn answer(self, action: Action) -> Response {
        match action {
            Action::Help => operators::help(),
            Action::ListOfServiceAndUser => self.list(self.of_service_and_user()).await,
            Action::Create => self.create().await,
            Action::CancelOfServiceAndUser => self.bulk(self.of_service_and_user(), Bulk::Cancel).await,
            Action::CleanOfServiceAndUser => self.bulk(self.of_service_and_user(), Bulk::Clean).await,
            Action::ListOfUser => self.list(self.of_user()).await,
            Action::CancelOfUser => self.bulk(self.of_user(), Bulk::Cancel).await,
            Action::CleanOfUser => self.bulk(self.of_user(), Bulk::Clean).await,
            Action::Get => self.show().await,
            Action::Cancel => self.cancel().await,
            Action::Clean => self.clean().await,
            Action::Verify => operators::verify(),
            Action::ListAll => self.list(self.query(Scope::All)).await,
            Action::Metrics => self.metrics().await,
            Action::NextId => self.next_id().await,
            Action::ListOfService => self.list(self.of_service()).await,
            Action::UsersOfService => self.users().await,
            Action::CancelOfService => self.bulk(self.of_service(), Bulk::Cancel).await,
            Action::CleanOfService => self.bulk(self.of_service(), Bulk::Clean).await,
            Action::Summary => self.summary().await,
            Action::CancelAny => self.cancel_any().await,
            Action::CleanAny => self.clean_any().await,
        }
    }
}

/// Sends a client to the same path with a slash more or less at its end.
fn redirect(uri: &http::Uri) -> Response {
    let path = uri.path();
    let mut to =
        path.strip_suffix('/').map_or_else(|| format!("{path}/"), |path| path.trim_end_matches('/').to_owned());
    if let Some(query) = uri.query() {
        to = format!("{to}?{query}");
    }
    let mut response = Response::new(Body::empty());
    match HeaderValue::from_str(&to) {
        Ok(to) => {
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(LOCATION, to);
            response
        }
        Err(_) => detail(StatusCode::NOT_FOUND, "Not Found"),
    }
}

fn not_found() -> Response {
    detail(StatusCode::NOT_FOUND, "Task not found")
}

fn failed(error: &Error) -> Response {
    match error {
        // A key of the store's own is no task either.
        Error::NotFound | Error::Denied(_) | Error::WrongType { .. } => not_found(),
        Error::Unreadable { .. } => {
            tracing::warn!(%error, "a task cannot be shown");
            detail(StatusCode::INTERNAL_SERVER_ERROR, "The record of the task cannot be read")
        }
        error => {
            tracing::warn!(%error, "the store did not do what was asked for");
            detail(StatusCode::SERVICE_UNAVAILABLE, STORE_AWAY)
        }
    }
}

/// A value of a request that cannot be used: what is wrong with it, as the frontend's own checks say it.
fn invalid(kind: &str, place: [&str; 2], message: String, input: Json) -> Response {
    let error = Json::object([
        ("type", Json::text(kind)),
        ("loc", Json::List(place.map(Json::text).into())),
        ("msg", Json::Text(message)),
        ("input", input),
    ]);
    json(StatusCode::UNPROCESSABLE_ENTITY, &Json::object([("detail", Json::List(vec![error]))]))
}

fn texts(texts: Vec<String>) -> Json {
    Json::List(texts.into_iter().map(Json::Text).collect())
}
