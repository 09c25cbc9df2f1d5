//! The listing of tasks as the frontend shows them: all fields that it knows, in its order, and no others.

use bytes::Bytes;
use task_state_host::store::{Error, Page, Query, Result, SharedStore};
use tokio::task::JoinSet;

/// A listing that is written page by page: while one is written the next is read, and there are never more in memory.
pub(super) struct Listing {
    store: SharedStore,
    query: Query,
    /// Reads the page that is written next; nothing after the last one.
    ahead: JoinSet<Result<Page>>,
    has_begun: bool,
    is_first: bool,
}

impl Listing {
    /// Reads the first page: what fails then can still be answered.
    pub(super) async fn begin(store: SharedStore, query: Query) -> Result<Self> {
        let first = store.list(&query).await?;
        let mut ahead = JoinSet::new();
        ahead.spawn(async { Ok(first) });
        Ok(Self { store, query, ahead, has_begun: false, is_first: true })
    }

    /// The next part of the text, and what follows it. None after the last one.
    pub(super) async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let Some(read) = self.ahead.join_next().await else { return Ok(None) };
        let page = read.map_err(|_| Error::Failed("the reading of a page broke".to_owned()))??;
        let is_last = page.next.is_none();
        if let Some(next) = page.next {
            self.query.cursor = Some(next);
            let (store, query) = (self.store.clone(), self.query.clone());
            self.ahead.spawn(async move { store.list(&query).await });
        }
        let mut text = if self.has_begun { Vec::new() } else { b"{\"tasks\":[".to_vec() };
        self.has_begun = true;
        if let Some(skipped) = page.skipped.first() {
            let more = page.skipped.len() - 1 + page.more_skipped;
            tracing::warn!(task = skipped.id, why = %skipped.why, more, "a listing leaves out records that cannot be read");
        }
        for record in page.tasks {
            if !self.is_first {
                text.push(b',');
            }
            self.is_first = false;
            text.extend_from_slice(record.respelled().as_bytes());
        }
        if is_last {
            text.extend_from_slice(b"]}");
        }
        Ok(Some((text.into(), self)))
    }
}
