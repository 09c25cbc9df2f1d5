//! Tasks as the frontend shows them: all fields that it knows, in its order, and no others.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use task_state_host::record::{TaskRecord, TaskResult};
use task_state_host::store::{Error, Page, Query, Result, SharedStore};
use tokio::task::JoinSet;

/// A task.
#[derive(Serialize)]
pub(super) struct Told<'r> {
    task_id: &'r str,
    service: &'r str,
    user_id: &'r str,
    status: &'static str,
    parameters: &'r RawValue,
    active_jobs: Vec<String>,
    created_at: String,
    updated_at: String,
    logs: Vec<String>,
    result: TaskResult,
    priority: &'static str,
}

impl<'r> Told<'r> {
    /// None if the parameters are no JSON, which no record has that could be read.
    pub(super) fn of(record: &'r TaskRecord) -> Option<Self> {
        Some(Self {
            task_id: record.task_id(),
            service: record.service(),
            user_id: record.user_id(),
            status: record.status().as_str(),
            parameters: serde_json::from_str(record.parameters()).ok()?,
            active_jobs: record.active_jobs(),
            created_at: record.created_at().to_isoformat().as_str().to_owned(),
            updated_at: record.updated_at().to_isoformat().as_str().to_owned(),
            logs: record.logs(),
            result: record.result(),
            priority: record.priority().as_str(),
        })
    }
}

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
            self.write(&record, &mut text);
        }
        if is_last {
            text.extend_from_slice(b"]}");
        }
        Ok(Some((text.into(), self)))
    }

    fn write(&mut self, record: &TaskRecord, text: &mut Vec<u8>) {
        let Some(told) = Told::of(record) else { return };
        let before = text.len();
        if !self.is_first {
            text.push(b',');
        }
        match serde_json::to_writer(&mut *text, &told) {
            Ok(()) => self.is_first = false,
            Err(_) => text.truncate(before),
        }
    }
}
