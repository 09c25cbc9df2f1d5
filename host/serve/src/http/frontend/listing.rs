//! Listings: written page by page, with no more than one page in memory.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use task_state_host::record::Head;
use task_state_host::store::{Access, Page, Query, Result, Scope, SharedStore};

use super::Answer;
use crate::http::Shared;

/// How many tasks are read in one go, at the most.
const PAGE: usize = 500;

/// All tasks of a scope that may be shown, as one document. An error after its beginning breaks it off.
pub(super) async fn list(shared: &Shared, scope: Scope, access: &Access) -> Answer {
    let store = shared.dispatcher.host().store().clone();
    let mut query = query(scope, access);
    // What is wrong at once is an answer of its own.
    let page = store.list(&query).await?;
    let first = text(&page, true);
    if page.next.is_none() {
        return Ok(document([&first[..], b"]}"].concat()));
    }
    query.cursor = page.next;
    let rest = stream::try_unfold((store, Some(query)), async |(store, query): (SharedStore, Option<Query>)| {
        let Some(mut query) = query else { return Ok(None) };
        if query.cursor.is_none() {
            return Ok(Some((Bytes::from_static(b"]}"), (store, None))));
        }
        let page = store.list(&query).await.inspect_err(|error| tracing::warn!(%error, "a listing broke off"))?;
        query.cursor = page.next.clone();
        Ok::<_, task_state_host::store::Error>(Some((text(&page, false), (store, Some(query)))))
    });
    let first = stream::once(async move { Ok(first) });
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    Ok(with_type(Response::new(body)))
}

/// The tasks of a page, as a part of the document.
fn text(page: &Page, is_first: bool) -> Bytes {
    let mut text = String::from(if is_first { "{\"tasks\":[" } else { "" });
    for (index, task) in page.tasks.iter().enumerate() {
        if index > 0 || !is_first {
            text.push(',');
        }
        text.push_str(&task.encode());
    }
    for skipped in &page.skipped {
        tracing::warn!(task = skipped.id, error = %skipped.why, "a record that cannot be read is left out of a listing");
    }
    text.into()
}

fn query(scope: Scope, access: &Access) -> Query {
    let mut query = Query::new(scope);
    (query.owners, query.limit) = (access.owners.clone(), PAGE);
    query
}

/// The heads of a scope, page by page.
pub(super) fn heads(shared: &Shared, scope: Scope, access: &Access) -> Heads {
    Heads { store: shared.dispatcher.host().store().clone(), query: Some(query(scope, access)) }
}

/// Pages of heads that are still to come.
pub(super) struct Heads {
    store: SharedStore,
    query: Option<Query>,
}

impl Heads {
    /// The next page, if there is one.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Head>>> {
        let Some(query) = &mut self.query else { return Ok(None) };
        let page = self.store.heads(query).await?;
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => self.query = None,
        }
        Ok(Some(page.heads))
    }
}

/// An answer with a document that is there already.
pub(super) fn document(text: impl Into<Body>) -> Response {
    with_type(Response::new(text.into()))
}

fn with_type(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
