//! All that a platform answers by HTTP: the contract of the DMS scheduler (`tasks`, `admin`), that of the DMS frontend
//! (`frontend`), the platform's own (`api`), the page (`page`), and what probes and scrapers ask (`state`).
//!
//! What an answer of the scheduler's contract means to the frontend is told in `tasks.rs`; how the answers differ from
//! those of the scheduler and of the frontend in the guide, `host/serve/README.md`.

mod admin;
mod answer;
mod api;
mod body;
mod ending;
mod frontend;
mod json;
mod model;
mod page;
mod problem;
mod state;
mod tasks;
mod token;

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use task_state_host::dispatch::Dispatcher;
use task_state_host::store::SharedStore;
use task_state_registry::Component;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::access::seats::{Client, MAX_REQUESTS, Seats};
use crate::access::{self, Caller, Tokens};
use crate::events::Hub;
use crate::metrics::Metrics;

pub use problem::Problem;
pub use token::Token;

pub(crate) use answer::document;
pub(crate) use body::bytes;

/// How long a store may take to say that it is there.
const STORE_TIME: Duration = Duration::from_secs(2);

/// What all routes are served from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contract {
    /// What takes the tasks.
    pub dispatcher: Dispatcher,
    /// The tokens, and what each opens.
    pub tokens: Held<Tokens>,
    /// Whether callers come by TLS alone, so that sessions do too.
    pub is_secure: bool,
    /// The name of the zone in which times are written.
    pub time_zone: String,
    /// What `/metrics` tells; without it there is no such page.
    pub metrics: Option<Metrics>,
    /// What `/readyz` tells besides that the store answers.
    pub readiness: Held<Readiness>,
    /// The most bytes that an uploaded input of a task may have: 16 MiB unless set.
    pub max_input_bytes: u64,
    /// Tells what happens to whoever watches.
    pub(crate) events: Hub,
    /// How many requests of each client are under way.
    pub(crate) seats: Seats<Client>,
}

/// The most bytes that an uploaded input may have, unless it is set.
pub(crate) const MAX_INPUT_BYTES: u64 = 16 << 20;

impl Contract {
    /// Where the tasks are.
    fn store(&self) -> &SharedStore {
        self.dispatcher.host().store()
    }

    /// A contract without a token, whose process counts nothing.
    pub fn new(dispatcher: Dispatcher, time_zone: impl Into<String>) -> Self {
        Self {
            events: Hub::new(dispatcher.host().store().clone()),
            max_input_bytes: MAX_INPUT_BYTES,
            dispatcher,
            tokens: Held::default(),
            is_secure: false,
            time_zone: time_zone.into(),
            metrics: None,
            readiness: Held::default(),
            seats: Seats::new(MAX_REQUESTS),
        }
    }
}

/// Whether a process is ready for tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// Components of the configuration that were not loaded.
    pub missing: Vec<Component>,
    /// Whether the process is about to end.
    pub is_draining: bool,
}

/// A value that may be replaced while requests read it. All clones are the same.
#[derive(Default)]
pub struct Held<T>(Arc<RwLock<T>>);

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Held<T> {
    /// A value to begin with.
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(value)))
    }

    /// The value as it is now.
    pub fn get(&self) -> T {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Changes the value.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

pub(crate) type Shared = Arc<Contract>;

/// All routes, for a platform that serves them itself. Bounds on heads, connections and their times are
/// the server's; those of bodies are here.
pub fn router(contract: Contract) -> Router {
    let shared: Shared = Arc::new(contract);
    let tasks = Router::new()
        .route("/tasks/task", post(tasks::submit))
        .route("/tasks/cancel", post(tasks::cancel))
        .route("/tasks/priority", post(admin::set_priority))
        .route("/tasks/block", post(admin::block))
        .route("/tasks/enable", post(admin::enable))
        .route("/tasks/users/{user}/block", post(admin::block_user))
        .route("/tasks/users/{user}/enable", post(admin::enable_user))
        .route_layer(from_fn_with_state(shared.clone(), with_token));
    let router = tasks
        .merge(access::session_routes())
        .merge(frontend::routes())
        .merge(api::routes())
        .merge(page::routes())
        .route("/healthz", get(state::healthz))
        .route("/readyz", get(state::readyz))
        .route("/metrics", get(state::metrics))
        .route("/help", get(state::help))
        .fallback(async || answer::detail(StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(async || answer::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
    access::guarded(router, &shared).layer(axum::middleware::from_fn(traced)).with_state(shared)
}

/// Lets a request pass that shows the token. What one that does not is answered is what does the least harm: the
/// frontend sets a task `failed` whose submission gets 403, and leaves one alone whose cancellation gets 404.
async fn with_token(State(shared): State<Shared>, caller: Caller, request: Request<Body>, next: Next) -> Response {
    if caller.is_operator() || shared.tokens.get().is_schedulers(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!(path = request.uri().path(), "refused: the request does not show the token");
    let is_cancellation = request.uri().path() == "/tasks/cancel";
    let status = if is_cancellation { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
    answer::detail(status, "The request does not show the platform's token")
}

/// What probes and scrapers ask for, again and again.
pub(crate) const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Says of each request what it was answered. Its span has the names that OpenTelemetry gives to what a server sees.
async fn traced(request: Request<Body>, next: Next) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = if PROBES.contains(&path.as_str()) {
        Span::none()
    } else {
        tracing::info_span!(
            "request",
            otel.kind = "server",
            http.request.method = %method,
            url.path = path,
            http.response.status_code = Empty,
        )
    };
    let answered = async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        Span::current().record("http.response.status_code", status);
        tracing::debug!(%method, path, status, seconds = begun.elapsed().as_secs_f64(), "answered");
        response
    };
    answered.instrument(span).await
}
