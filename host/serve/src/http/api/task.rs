//! One task: what its record says, and its log.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use task_state_host::record::{TaskId, TaskRecord};
use task_state_host::store::{self, Access, Error};

use super::errors::store_problem;
use super::params::{Id, Params};
use crate::access::Caller;
use crate::events::{Entry, Hub, Page, progress_json};
use crate::http::{Problem, Shared, document};

/// How many entries one request is answered with, unless it is said, and at the most.
const ENTRIES: usize = 1_000;
const MAX_ENTRIES: usize = 10_000;

/// How many bytes of entries one request is answered with, at the most.
const MAX_BYTES: usize = 4 << 20;

pub(super) async fn get(State(shared): State<Shared>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let access = caller.access()?;
    let _turn = shared.events.turn().await;
    let record = shared.store().get(&id, &access).await.map_err(|error| readable(&caller, error))?;
    Ok(document(StatusCode::OK, &shown(&shared, &record).await?))
}

/// A record that cannot be read may be anybody's.
fn readable(caller: &Caller, error: Error) -> Problem {
    match error {
        Error::Unreadable { why, .. } if caller.is_operator() => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the task's record cannot be read: {why}"))
        }
        Error::Unreadable { .. } => super::errors::no_task(),
        error => store_problem(error),
    }
}

/// A task as it is shown by itself.
#[derive(Serialize)]
pub(super) struct Shown {
    task_id: String,
    service: String,
    user_id: String,
    status: &'static str,
    priority: &'static str,
    created_at: String,
    updated_at: String,
    progress: Option<serde_json::Value>,
    /// As its digits stand in the record.
    parameters: Box<RawValue>,
    entries: usize,
    result: serde_json::Value,
    attempt: Option<u32>,
    host: Option<String>,
    host_seen: Option<String>,
    waiting: bool,
}

pub(super) async fn shown(shared: &Shared, record: &TaskRecord) -> Result<Shown, Problem> {
    let id = TaskId::stored(record.task_id()).map_err(|why| super::errors::invalid(&why))?;
    let queue = shared.store().queue();
    let (progress, standing) = tokio::join!(shared.store().progress(&id, &Access::ANY), queue.standing(&id));
    let progress = match progress {
        Err(Error::NotFound) => None,
        progress => progress.map_err(store_problem)?,
    };
    let standing = standing.map_err(store_problem)?;
    let result = record.result();
    let parameters = RawValue::from_string(record.parameters().to_owned());
    let held = standing.held.as_ref();
    Ok(Shown {
        task_id: record.task_id().to_owned(),
        service: record.service().to_owned(),
        user_id: record.user_id().to_owned(),
        status: record.status().as_str(),
        priority: record.priority().as_str(),
        created_at: record.created_at().as_str().to_owned(),
        updated_at: record.updated_at().as_str().to_owned(),
        progress: progress.as_ref().map(progress_json),
        parameters: parameters.map_err(|_| store_problem(Error::Failed("parameters that are no JSON".to_owned())))?,
        entries: record.logs().len(),
        result: json!({"pod_status": result.pod_status, "launcher_output": result.launcher_output}),
        attempt: held.and_then(|held| held.attempt),
        host: held.map(|held| held.host.clone()),
        host_seen: held.and_then(|held| held.seen.as_ref()).map(|seen| seen.as_str().to_owned()),
        waiting: standing.waits,
    })
}

pub(super) async fn logs(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<Response, Problem> {
    let start: i64 = params.number("start", 0, i64::MIN..=i64::MAX)?;
    let limit = params.number("limit", ENTRIES, 1..=MAX_ENTRIES)?;
    params.finish()?;
    let access = caller.access()?;
    let _turn = shared.events.turn().await;
    let record = shared.store().get(&id, &access).await.map_err(|error| readable(&caller, error))?;
    let logs = record.logs();
    let total = logs.len();
    let distance = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let start = if start < 0 { total.saturating_sub(distance) } else { distance.min(total) };
    let mut bytes = 0;
    let fits = |entry: &&String| {
        let is_first = bytes == 0;
        bytes += entry.len();
        is_first || bytes <= MAX_BYTES
    };
    let entries: Vec<Entry<'_>> =
        logs[start..].iter().take(limit).take_while(fits).map(|entry| Entry::of(entry)).collect();
    #[derive(Serialize)]
    struct Page<'a> {
        start: usize,
        total: usize,
        entries: Vec<Entry<'a>>,
    }
    Ok(document(StatusCode::OK, &Page { start, total, entries }))
}

pub(super) async fn whole_log(State(shared): State<Shared>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    let access = caller.access()?;
    let first = shared.events.page(&id, &access, 0).await.map_err(|error| readable(&caller, error))?;
    let disposition = disposition(id.as_str());
    let body = Body::from_stream(lines(shared.events.clone(), id, access, first));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// The log, read as it is taken: no more than a page of it waits for whoever takes it.
fn lines(
    hub: Hub,
    id: TaskId,
    access: Access,
    first: Page,
) -> impl futures_util::Stream<Item = store::Result<Bytes>> + Send {
    let born = first.born;
    stream::try_unfold((0, Some(first)), move |(from, read)| {
        let (hub, id, access) = (hub.clone(), id.clone(), access.clone());
        async move {
            let page = match read {
                Some(page) => page,
                None => hub.page(&id, &access, from).await?,
            };
            if page.born != born {
                // The connection breaks off, so that nobody takes this for the end.
                return Err(Error::NotFound);
            }
            let text: String = page.entries.iter().flat_map(|entry| [entry.as_str(), "\n"]).collect();
            Ok((!text.is_empty()).then(|| (Bytes::from(text), (from + page.entries.len(), None))))
        }
    })
}

/// Has a browser keep the log under a name with the id in it.
fn disposition(id: &str) -> HeaderValue {
    let plain: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    HeaderValue::from_str(&format!("attachment; filename=\"task-{plain}.log\""))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_writes_a_header_of_its_own() {
        for (id, name) in
            [("a-1.b", "task-a-1.b.log"), ("a\r\nx: y", "task-a__x__y.log"), ("\"; x=\"앨", "task-___x___.log")]
        {
            assert_eq!(disposition(id), format!("attachment; filename=\"{name}\""));
        }
    }
}
