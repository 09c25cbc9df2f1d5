//! Which tasks there are.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use task_state_host::store::{MAX_PAGE_TASKS, Order, Query, Scope};

use super::errors::store_problem;
use super::params::Params;
use crate::access::Caller;
use crate::events::{counts_json, head_json};
use crate::http::{Problem, Shared, document};

/// How many tasks a page has unless it is said.
const PAGE: usize = 100;

/// The longest text that ids are searched for: no id is longer that a save takes.
pub(super) const MAX_TEXT_BYTES: usize = 128;

pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let mut query = query(&caller, &mut params)?;
    let orders = [("newest", Order::Newest), ("oldest", Order::Oldest)];
    query.order = params.word("order", &orders)?.unwrap_or(Order::Newest);
    query.limit = params.number("limit", PAGE, 1..=MAX_PAGE_TASKS)?;
    query.cursor = params.text("cursor")?;
    params.finish()?;
    let page = shared.store().heads(&query).await.map_err(store_problem)?;
    let tasks: Vec<Value> = page.heads.iter().map(head_json).collect();
    let skipped = page.skipped.iter();
    let skipped: Vec<Value> =
        skipped.map(|skipped| json!({"task_id": skipped.id, "reason": skipped.why.to_string()})).collect();
    Ok(document(StatusCode::OK, &json!({"tasks": tasks, "next": page.next, "skipped": skipped})))
}

pub(super) async fn count(
    State(shared): State<Shared>,
    caller: Caller,
    mut params: Params,
) -> Result<Response, Problem> {
    let query = query(&caller, &mut params)?;
    params.finish()?;
    let counts = shared.store().matching(&query).await.map_err(store_problem)?;
    let all: u64 = counts.values().sum();
    Ok(document(StatusCode::OK, &json!({"count": all, "by_status": counts_json(&counts)})))
}

/// The tasks that are asked for, among those that the caller may see.
fn query(caller: &Caller, params: &mut Params) -> Result<Query, Problem> {
    let mut query = Query::new(scope(params.text("service")?, params.text("user")?));
    query.owners = caller.owners()?;
    query.statuses = params.statuses()?;
    query.text = params.text("text")?.map(checked_text).transpose()?;
    Ok(query)
}

/// A text that ids are searched for.
pub(super) fn checked_text(text: String) -> Result<String, Problem> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(text);
    }
    let why = format!("text has {} bytes, and at most {MAX_TEXT_BYTES} are allowed", text.len());
    Err(super::params::unprocessable(why).with("parameter", "text").with("allowed", MAX_TEXT_BYTES))
}

/// The tasks of a service, of a user, of both, or all.
pub(super) fn scope(service: Option<String>, user: Option<String>) -> Scope {
    match (service, user) {
        (None, None) => Scope::All,
        (Some(service), None) => Scope::Service(service),
        (None, Some(user)) => Scope::User(user),
        (Some(service), Some(user)) => Scope::ServiceUser(service, user),
    }
}
