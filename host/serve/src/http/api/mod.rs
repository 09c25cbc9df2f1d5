//! `/api/v2`: the interface for everyone but the frontend's own clients.
//!
//! Each answer that is no success is a [`Problem`], which names the value that is wrong and what is allowed. Who asks sees and
//! does what his token opens; a task of others is to him one that is not there. `openapi.json` says what there is; a test
//! holds it and [`ROUTES`] to each other.

mod bulk;
mod change;
mod errors;
mod inputs;
mod listing;
mod live;
mod params;
mod pauses;
mod platform;
mod read;
mod submit;
mod task;

use axum::Router;
use axum::body::Body;
use axum::routing::{MethodRouter, any, delete, get, post, put};
use http::{HeaderValue, Request, StatusCode, header};

use super::{Problem, Shared};

/// What the interface is, in OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// A method of the interface at a path.
type Route = (&'static str, fn() -> MethodRouter<Shared>);

/// The routes, each with its path below `/api/v2`.
const ROUTES: [Route; 20] = [
    ("/tasks", || get(listing::list).post(submit::create)),
    ("/tasks/count", || get(listing::count)),
    ("/tasks/cancel", || post(bulk::cancel)),
    ("/tasks/delete", || post(bulk::delete)),
    ("/tasks/{id}", || get(task::get).delete(change::delete)),
    ("/tasks/{id}/logs", || get(task::logs)),
    ("/tasks/{id}/logs.txt", || get(task::whole_log)),
    ("/tasks/{id}/events", || get(live::of_task)),
    ("/tasks/{id}/cancel", || post(change::cancel)),
    ("/tasks/{id}/priority", || put(change::set_priority)),
    ("/tasks/{id}/again", || post(submit::again)),
    ("/inputs", || post(inputs::upload)),
    ("/events", || get(live::of_platform)),
    ("/overview", || get(platform::overview)),
    ("/hosts", || get(platform::hosts)),
    ("/services", || get(platform::services)),
    ("/pauses", || get(pauses::list)),
    ("/pauses/all", || put(pauses::pause_all).merge(delete(pauses::resume_all))),
    ("/pauses/services/{name}", || put(pauses::pause_service).merge(delete(pauses::resume_service))),
    ("/pauses/users/{name}", || put(pauses::pause_user).merge(delete(pauses::resume_user))),
];

/// The routes of the interface.
pub(super) fn routes() -> Router<Shared> {
    let all = ROUTES.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(&format!("/api/v2{path}"), methods().fallback(not_allowed))
    });
    all.route("/api/v2/openapi.json", get(openapi).fallback(not_allowed))
        .route("/api/v2", any(not_found))
        .route("/api/v2/{*rest}", any(not_found))
}

async fn openapi() -> ([(header::HeaderName, HeaderValue); 1], &'static str) {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI)
}

async fn not_found(request: Request<Body>) -> Problem {
    let path = request.uri().path();
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path; /api/v2/openapi.json says what there is")
        .with("value", params::short(path))
}

async fn not_allowed(request: Request<Body>) -> Problem {
    let why = "this path does not take this method; /api/v2/openapi.json says what it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, why).with("value", request.method().as_str())
}
