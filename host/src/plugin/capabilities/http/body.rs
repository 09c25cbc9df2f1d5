//! The bodies of requests and responses, counted as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

use super::failure::Failure;
use super::request_log::RequestLog;

/// Bytes that the bodies of a run may still have.
#[derive(Debug)]
pub(super) struct Budget {
    limit: &'static str,
    most: usize,
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limit: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self { limit, most, left: AtomicUsize::new(most) })
    }

    fn take(&self, frame: &Frame<Bytes>) -> Result<usize, Failure> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let rest = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        rest.map(|_| bytes).map_err(|_| Failure::Bytes { limit: self.limit, most: self.most })
    }
}

/// The body of a request.
pub(super) struct Sent {
    pub(super) body: WasiBody,
    pub(super) budget: Arc<Budget>,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else { return Poll::Ready(None) };
        let counted = frame.and_then(|frame| match self.budget.take(&frame) {
            Ok(_) => Ok(frame),
            Err(failure) => Err(failure.for_guest()),
        });
        Poll::Ready(Some(counted))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes a body that goes nowhere, to its end.
pub(super) async fn discard(mut body: WasiBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// The times of a response's body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// How long the whole request may take.
    pub(super) total: Duration,
    pub(super) deadline: Instant,
    /// How long the guest wants to wait for the next piece.
    pub(super) between: Option<Duration>,
}

impl Times {
    fn next(&self) -> Instant {
        self.between
            .and_then(|between| Instant::now().checked_add(between))
            .map_or(self.deadline, |next| next.min(self.deadline))
    }

    fn failure(&self) -> Failure {
        if Instant::now() < self.deadline {
            Failure::OwnTime(Error::ConnectionReadTimeout)
        } else {
            Failure::Time { limit: "total", most: self.total }
        }
    }
}

/// The body of a response. After a failure it is over.
pub(super) struct Received {
    /// None once it is over.
    body: Option<Incoming>,
    budget: Arc<Budget>,
    times: Times,
    late: Pin<Box<Sleep>>,
    log: RequestLog,
}

impl Received {
    pub(super) fn new(body: Incoming, budget: Arc<Budget>, times: Times, log: RequestLog) -> Self {
        Self { body: Some(body), budget, times, late: Box::pin(sleep_until(times.next())), log }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if self.late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(self.times.failure())));
        }
        let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)) else { return Poll::Ready(None) };
        let counted = frame.map_err(Failure::from).and_then(|frame| {
            self.log.received(self.budget.take(&frame)?);
            Ok(frame)
        });
        if body.is_end_stream() {
            self.log.complete();
        }
        self.late.as_mut().reset(self.times.next());
        Poll::Ready(Some(counted))
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Poll::Ready(match ready!(self.poll(context)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(failure)) => {
                self.body = None;
                self.log.failed(&failure);
                Some(Err(failure.for_guest()))
            }
            None => {
                self.body = None;
                self.log.complete();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
