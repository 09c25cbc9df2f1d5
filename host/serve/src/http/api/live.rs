//! Streams of server-sent events.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::convert::Infallible;
use std::str::FromStr;

use super::bulk::within;
use super::errors::store_problem;
use super::params::{Id, Params, short, unprocessable};
use crate::access::Caller;
use crate::events::{MAX_STREAMS, Place, Seen, Sight};
use crate::http::{Problem, Shared};

/// By which a client says what it has seen.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Has a proxy pass events on as they come.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) async fn of_task(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let start = params.number("start", 0, 0..=usize::MAX)?;
    params.finish()?;
    shared.store().status(&id, &caller.access()?).await.map_err(store_problem)?;
    let seen = last(&headers)?.unwrap_or_else(|| Seen::entries(start));
    stream(shared.events.task(&id, seen))
}

pub(super) async fn of_platform(
    State(shared): State<Shared>,
    caller: Caller,
    mut params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let owners = within(caller.owners()?, params.text("service")?, params.text("user")?);
    params.finish()?;
    let sight = Sight { owners, is_operators: caller.is_operator() };
    stream(shared.events.platform(sight, last::<Place>(&headers)?))
}

/// What a client has seen, if it says so.
fn last<T: FromStr>(headers: &HeaderMap) -> Result<Option<T>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else { return Ok(None) };
    let text = id.to_str().unwrap_or_default();
    let read = text.parse().map(Some);
    read.map_err(|_| unprocessable("Last-Event-ID is no id of an event of this stream").with("value", short(text)))
}

fn stream<F>(events: Result<impl Stream<Item = Bytes> + Send + 'static, F>) -> Result<Response, Problem> {
    let Ok(events) = events else {
        let why = format!("{MAX_STREAMS} streams are open, and there may be no more");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).with("allowed", MAX_STREAMS));
    };
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}
