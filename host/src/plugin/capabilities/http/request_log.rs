//! One line of the host's log for each request: method, host and outcome. Never a path, a query, a header or a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Request, StatusCode};

use super::failure::Failure;
use crate::record::TaskId;
use crate::redaction::Redaction;

/// How many refusals of a run are warnings. More would let a guest flood the log; they are there as what they are not
/// refused for, requests.
const MAX_WARNINGS: u32 = 10;

/// What the lines of one run have in common.
#[derive(Debug)]
pub(super) struct Logger {
    pub(super) task: TaskId,
    pub(super) redaction: Redaction,
    warned: AtomicU32,
}

impl Logger {
    pub(super) fn new(task: TaskId, redaction: Redaction) -> Self {
        Self { task, redaction, warned: AtomicU32::new(0) }
    }
}

/// One request, which is logged when it is over.
#[derive(Debug)]
pub(super) struct RequestLog {
    logger: Arc<Logger>,
    method: String,
    host: String,
    status: Option<StatusCode>,
    bytes: usize,
    outcome: Option<String>,
}

impl RequestLog {
    pub(super) fn new<B>(logger: Arc<Logger>, request: &Request<B>) -> Self {
        let clean = |text: &str| logger.redaction.text(text.to_owned());
        // Neither is there a user before the host: those are no part of what is logged.
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (method, host) = (clean(request.method().as_str()), clean(host));
        Self { method, host, status: None, bytes: 0, outcome: None, logger }
    }

    /// The head of the response is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(super) fn complete(&mut self) {
        self.outcome = Some("complete".to_owned());
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        let why = self.logger.redaction.text(failure.to_string());
        let warns = failure.is_refusal() && self.logger.warned.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS;
        if warns {
            tracing::warn!(task = %self.logger.task, method = self.method, "a plugin's request was refused: {why}");
        }
        self.outcome = Some(why);
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        tracing::info!(
            task = %self.logger.task,
            method = self.method,
            host = self.host,
            status = self.status.map(|status| status.as_u16()),
            received = self.bytes,
            outcome = self.outcome.as_deref().unwrap_or("left off by the plugin"),
            "http request",
        );
    }
}
