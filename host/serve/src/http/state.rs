//! What the platform tells of itself: that it lives, that it is ready, what it counts, and how its logs are written.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::answer::{detail, json};
use super::json::Json;
use super::{Contract, Shared};

/// What is said of a store that does not answer. Its own words may name an address, and what is said here is shown to
/// users.
pub(super) const STORE_AWAY: &str = "The store is unavailable";

/// The name by which the platform goes where the scheduler tells its own.
const SERVICE_NAME: &str = "task-state";

pub(super) async fn healthz(State(shared): State<Shared>) -> Response {
    if !shared.on_redis() {
        return json(StatusCode::OK, &health("not_configured"));
    }
    if shared.store_answers().await {
        json(StatusCode::OK, &health("ok"))
    } else {
        detail(StatusCode::SERVICE_UNAVAILABLE, "Redis unavailable")
    }
}

fn health(redis: &str) -> Json {
    Json::object([("status", Json::text("ok")), ("redis", Json::text(redis))])
}

/// Whether tasks may be sent here: the store answers, and the process is not about to end. Its plugins were loaded
/// before it listened.
pub(super) async fn readyz(State(shared): State<Shared>) -> Response {
    let state = shared.readiness.get();
    let answers = shared.store_answers().await;
    // What did not load after a start has left in its place what was there before, as far as there was something.
    let is_ready = answers && !state.is_draining;
    let missing = state.missing.iter().map(|component| Json::text(component.to_string())).collect();
    let body = Json::object([
        ("ready", Json::Bool(is_ready)),
        ("store", Json::text(if answers { "ok" } else { "unavailable" })),
        ("plugins", Json::Int(shared.dispatcher.routes().len().to_string())),
        ("not_loaded", Json::List(missing)),
        ("draining", Json::Bool(state.is_draining)),
    ]);
    json(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
}

pub(super) async fn help(State(shared): State<Shared>) -> Response {
    let example = format!("{},Dispatching to scheduler", shared.dispatcher.host().store().now());
    let body = Json::object([
        ("service", Json::text(SERVICE_NAME)),
        ("timezone", Json::text(&*shared.time_zone)),
        ("log_format", Json::text("<iso-timestamp>,<message>")),
        ("example_log", Json::text(example)),
    ]);
    json(StatusCode::OK, &body)
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let Some(metrics) = &shared.metrics else { return detail(StatusCode::NOT_FOUND, "Not Found") };
    let text = metrics.tell(&shared.dispatcher, shared.events.open_streams()).await;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

impl Contract {
    /// Whether the tasks are in Redis.
    fn on_redis(&self) -> bool {
        self.dispatcher.host().store().location().starts_with("redis")
    }

    /// Whether the store answers. Why not is for the log alone: it may name an address.
    pub(super) async fn store_answers(&self) -> bool {
        let asked = self.dispatcher.host().store().peek_next_task_id();
        match tokio::time::timeout(super::STORE_TIME, asked).await {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => tracing::warn!(%error, "the store does not answer"),
            Err(_) => tracing::warn!("the store does not answer in time"),
        }
        false
    }
}
