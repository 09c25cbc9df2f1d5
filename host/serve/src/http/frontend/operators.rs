//! What operators ask for besides tasks, and what anybody may know.

use axum::response::Response;
use http::StatusCode;
use task_state_host::record::Status;
use task_state_host::store::Result;

use super::{Asked, failed, texts};
use crate::http::answer::json;
use crate::http::json::Json;
use crate::http::state::STORE_AWAY;

/// The routes as the help names them.
const ENDPOINTS: [&str; 22] = [
    "GET /healthz",
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

const DESCRIPTION: &str = "A platform of tasks: operators show a token in X-Operator-Token for what is under /admin";

pub(super) fn help() -> Response {
    let endpoints = ENDPOINTS.iter().map(|endpoint| Json::text(*endpoint)).collect();
    json(
        StatusCode::OK,
        &Json::object([("endpoints", Json::List(endpoints)), ("description", Json::text(DESCRIPTION))]),
    )
}

pub(super) fn verify() -> Response {
    json(StatusCode::OK, &Json::object([("authenticated", Json::Bool(true)), ("role", Json::text("operator"))]))
}

/// The tasks of a service, by how they stand.
#[derive(Default)]
struct Sorted {
    pending: Vec<String>,
    success: Vec<String>,
    failed: Vec<String>,
}

impl Asked {
    pub(super) async fn metrics(self) -> Response {
        let is_connected = self.shared.store_answers().await;
        let mut redis = vec![("connected".to_owned(), Json::Bool(is_connected))];
        if !is_connected {
            redis.push(("message".to_owned(), Json::text(STORE_AWAY)));
        }
        json(StatusCode::OK, &Json::object([("redis", Json::Object(redis))]))
    }

    pub(super) async fn next_id(self) -> Response {
        match self.shared.dispatcher.host().store().peek_next_task_id().await {
            Ok(id) => json(StatusCode::OK, &Json::object([("next_task_id", Json::Text(id))])),
            Err(error) => failed(&error),
        }
    }

    pub(super) async fn users(self) -> Response {
        match self.shared.dispatcher.host().store().users(&self.name(0)).await {
            Ok(users) => json(StatusCode::OK, &Json::object([("users", texts(users))])),
            Err(error) => failed(&error),
        }
    }

    pub(super) async fn summary(self) -> Response {
        match self.sorted().await {
            Ok(sorted) => {
                let summary = Json::object([
                    ("service", Json::Text(self.name(0))),
                    ("pending_task_ids", texts(sorted.pending)),
                    ("success_task_ids", texts(sorted.success)),
                    ("failed_task_ids", texts(sorted.failed)),
                ]);
                json(StatusCode::OK, &Json::object([("summary", summary)]))
            }
            Err(error) => failed(&error),
        }
    }

    async fn sorted(&self) -> Result<Sorted> {
        let mut sorted = Sorted::default();
        let mut query = self.of_service();
        loop {
            let page = self.shared.dispatcher.host().store().heads(&query).await?;
            for head in page.heads {
                let ids = match head.status {
                    Status::Completed => &mut sorted.success,
                    Status::Failed | Status::Cancelled => &mut sorted.failed,
                    _ => &mut sorted.pending,
                };
                ids.push(head.task_id);
            }
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(sorted),
            }
        }
    }
}
