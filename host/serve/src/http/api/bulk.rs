//! What is done to all tasks that a filter shows: a page after the other, so that no more than one is held.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use task_state_host::dispatch::Dispatcher;
use task_state_host::record::{Head, Status};
use task_state_host::store::{Allowed, MAX_PAGE_TASKS, Owners, Query, Scope};

use super::errors::{cancel_problem, invalid, store_problem};
use super::listing::{checked_text, scope};
use super::params::{status, unprocessable};
use super::read;
use crate::access::Caller;
use crate::http::ending::Task;
use crate::http::{Problem, Shared, document};

/// How many tasks are named, and how many that failed.
const MAX_NAMED: usize = 1_000;
const MAX_FAILED: usize = 100;

/// How many ids a filter may name.
const MAX_IDS: usize = 10_000;

/// How many tasks are worked on at once.
const AT_ONCE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    filter: Filter,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    service: Option<String>,
    user: Option<String>,
    #[serde(default)]
    status: Vec<String>,
    text: Option<String>,
    task_ids: Option<BTreeSet<String>>,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Cancel,
    Delete,
}

#[derive(Debug, Default, Serialize)]
struct Done {
    matched: u64,
    affected: u64,
    task_ids: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    task_id: String,
    reason: String,
}

pub(super) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    request: Request<Body>,
) -> Result<Response, Problem> {
    all(shared, caller, request, What::Cancel).await
}

pub(super) async fn delete(
    State(shared): State<Shared>,
    caller: Caller,
    request: Request<Body>,
) -> Result<Response, Problem> {
    all(shared, caller, request, What::Delete).await
}

async fn all(shared: Shared, caller: Caller, request: Request<Body>, what: What) -> Result<Response, Problem> {
    let owners = caller.owners()?;
    let Wanted { filter, dry_run, all } = read::document(request).await?;
    let mut query = filter.query(owners, all)?;
    if what == What::Cancel && query.statuses.is_empty() {
        query.statuses = Status::ALL.into_iter().filter(|status| !status.is_terminal()).collect();
    }
    let mut done = Done::default();
    loop {
        let page = shared.store().heads(&query).await.map_err(store_problem)?;
        done.page(&shared.dispatcher, page.heads, what, dry_run).await;
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    if !dry_run {
        tracing::info!(?what, matched = done.matched, affected = done.affected, "done to all tasks of a filter");
    }
    Ok(document(StatusCode::OK, &done))
}

impl Filter {
    fn query(self, owners: Owners, all: bool) -> Result<Query, Problem> {
        let Self { service, user, status: statuses, text, task_ids } = self;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (service, user, text) = (given(service), given(user), given(text));
        let is_empty =
            service.is_none() && user.is_none() && text.is_none() && statuses.is_empty() && task_ids.is_none();
        if is_empty && !all {
            return Err(unprocessable(
                "a filter without conditions shows every task: say \"all\": true if that is meant",
            ));
        }
        let mut query = match task_ids {
            Some(ids) if ids.len() > MAX_IDS => {
                let why = format!("task_ids names {} tasks, and at most {MAX_IDS} are allowed", ids.len());
                return Err(unprocessable(why).with("parameter", "task_ids").with("allowed", MAX_IDS));
            }
            Some(ids) => Query::new(Scope::Ids(ids)),
            None => Query::new(scope(service.clone(), user.clone())),
        };
        query.owners = within(owners, service, user);
        query.statuses = statuses.iter().map(|word| status(word)).collect::<Result<_, _>>()?;
        query.text = text.map(checked_text).transpose()?;
        query.limit = MAX_PAGE_TASKS;
        Ok(query)
    }
}

/// Those of some owners that are also of a service and of a user.
pub(super) fn within(owners: Owners, service: Option<String>, user: Option<String>) -> Owners {
    let named = |name: Option<String>| name.map_or(Allowed::Any, |name| Allowed::only([name]));
    Owners { services: owners.services.and(&named(service)), users: owners.users.and(&named(user)) }
}

impl Done {
    async fn page(&mut self, dispatcher: &Dispatcher, heads: Vec<Head>, what: What, dry_run: bool) {
        let each = heads.into_iter().map(|head| {
            let dispatcher = dispatcher.clone();
            async move {
                let id = head.task_id.clone();
                if dry_run {
                    return (id, Ok(()));
                }
                // What has begun is not broken off, whatever becomes of the connection.
                let worked = tokio::spawn(async move { work(&dispatcher, head, what).await });
                (id, worked.await.unwrap_or_else(|_| Err("it was broken off".to_owned())))
            }
        });
        let mut results = stream::iter(each).buffered(AT_ONCE);
        while let Some((task_id, result)) = results.next().await {
            self.matched += 1;
            match result {
                Ok(()) => self.affected += u64::from(!dry_run),
                Err(reason) if self.failed.len() < MAX_FAILED => {
                    self.failed.push(Failed { task_id: task_id.clone(), reason });
                }
                Err(_) => {}
            }
            if self.task_ids.len() < MAX_NAMED {
                self.task_ids.push(task_id);
            }
        }
    }
}

async fn work(dispatcher: &Dispatcher, head: Head, what: What) -> Result<(), String> {
    let said = |problem: Problem| problem.detail().to_owned();
    let task = Task::try_from(head).map_err(|why| said(invalid(&why)))?;
    // Nobody waits for the end of each run.
    let done = match what {
        What::Cancel => task.stop(dispatcher, Duration::ZERO).await.map(drop),
        What::Delete => task.remove(dispatcher, Duration::ZERO).await.map(drop),
    };
    done.map_err(|error| said(cancel_problem(error)))
}
