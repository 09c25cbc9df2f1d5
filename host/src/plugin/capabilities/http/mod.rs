//! Outgoing HTTP requests of a plugin, each checked against its grants.
//!
//! The host resolves a name itself, checks the addresses that it finds, and connects to one of them: there is no second
//! look-up that could find another. A redirect is for the guest to follow, by a request that is checked as any.

mod address;
mod body;
mod connection;
mod failure;
mod grant;
mod limits;
mod request_log;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

pub use grant::HttpGrant;
pub use limits::HttpLimits;

use super::Capabilities;
use crate::record::TaskId;
use crate::redaction::Redaction;
use body::{Budget, Received, Sent, Times};
use connection::Permit;
use failure::Failure;
use grant::Destination;
use request_log::{Logger, RequestLog};

/// The most bytes of a response's head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The most bytes of the fields of one request, as the host holds them, and of a piece of its body. A guest may begin
/// thousands of requests that it does not send.
const MAX_FIELD_BYTES: usize = 32 << 10;
const BODY_PIECE: usize = 16 << 10;

/// The requests of one run.
pub(in crate::plugin) struct Http {
    granted: Arc<Capabilities>,
    limits: HttpLimits,
    task: TaskId,
    redaction: Redaction,
    /// Made by the first request: most runs send none.
    requests: Option<Arc<Requests>>,
}

struct Requests {
    granted: Arc<Capabilities>,
    limits: HttpLimits,
    connections: Arc<Semaphore>,
    sent: Arc<Budget>,
    received: Arc<Budget>,
    logger: Arc<Logger>,
}

/// What a request came to: the response, and the connection that its body comes over.
type Answer = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl Http {
    /// The requests that a task's run may make.
    pub(in crate::plugin) fn new(
        granted: Arc<Capabilities>,
        limits: HttpLimits,
        task: TaskId,
        redaction: Redaction,
    ) -> Self {
        Self { granted, limits, task, redaction, requests: None }
    }

    fn requests(&mut self) -> Arc<Requests> {
        let Self { granted, limits, task, redaction, requests } = self;
        let make = || Arc::new(Requests::new(granted.clone(), limits.clone(), task.clone(), redaction.clone()));
        requests.get_or_insert_with(make).clone()
    }

    /// What a run's requests and responses are made in.
    pub(in crate::plugin) fn context() -> WasiHttpCtx {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(MAX_FIELD_BYTES);
        context
    }
}

impl WasiHttpHooks for Http {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_PIECE
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let requests = self.requests();
        Box::new(async move { requests.send(request, options.unwrap_or_default()).await }.instrument(Span::current()))
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::DestinationUnavailable
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

impl Requests {
    fn new(granted: Arc<Capabilities>, limits: HttpLimits, task: TaskId, redaction: Redaction) -> Self {
        Self {
            granted,
            connections: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            sent: Budget::new("sent", limits.sent_bytes),
            received: Budget::new("received", limits.received_bytes),
            limits,
            logger: Arc::new(Logger::new(task, redaction)),
        }
    }

    async fn send(&self, request: Request<WasiBody>, asked: RequestOptions) -> Result<Answer, Error> {
        let mut log = RequestLog::new(self.logger.clone(), &request);
        let total = self.limits.total;
        let times = Times { total, deadline: after(total), between: asked.between_bytes_timeout };
        let (parts, mut body) = request.into_parts();
        let exchange = self.exchange(parts, &mut body, asked, times.deadline);
        let exchanged =
            timeout_at(times.deadline, exchange).await.unwrap_or(Err(Failure::Time { limit: "total", most: total }));
        match exchanged {
            Err(failure) => {
                log.failed(&failure);
                // A guest that is still sending would hear of a broken connection, and not why.
                tokio::spawn(timeout_at(times.deadline, body::discard(body)));
                Err(failure.for_guest())
            }
            Ok((response, connection)) => {
                log.answered(response.status());
                let body = |body| Received::new(body, self.received.clone(), times, log).boxed_unsync();
                let connected = async move {
                    connection.await;
                    Ok(())
                };
                Ok((response.map(body), Box::new(connected)))
            }
        }
    }

    /// Sends a request, and waits for the head of its response. The body is left where it is until there is a connection
    /// for it.
    async fn exchange(
        &self,
        parts: Parts,
        body: &mut WasiBody,
        asked: RequestOptions,
        deadline: Instant,
    ) -> Result<(Response<hyper::body::Incoming>, AbortOnDropJoinHandle<()>), Failure> {
        let to = Destination::of(&parts.uri).ok_or(Failure::Url)?;
        let may_be_private =
            grant::permitted(self.granted.http_grants(), &to).ok_or_else(|| Failure::NotGranted(to.clone()))?;
        if parts.method == Method::CONNECT {
            return Err(Failure::Method);
        }
        let parts = in_origin_form(parts)?;

        let connect = Wait::new("connect", self.limits.connect, asked.connect_timeout, || Error::ConnectionTimeout);
        let permit = connect.until(async { Ok(self.connections.clone().acquire_owned().await.ok()) }).await;
        let permit: Permit = match permit {
            Ok(Some(permit)) => Arc::new(permit),
            Ok(None) | Err(Failure::Time { .. }) => return Err(Failure::Connections(self.limits.connections)),
            Err(failure) => return Err(failure),
        };
        let connected = connect.until(connection::connect(&to, may_be_private, &permit, connect.deadline)).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES);
        let (mut sender, connection) = builder.handshake(TokioIo::new(connected)).await?;
        let connection = wasmtime_wasi::runtime::spawn(async move {
            let _permit = permit;
            // What failed is told where the body is read.
            let _ = timeout_at(deadline, connection).await;
        });

        let first_byte =
            Wait::new("first-byte", self.limits.first_byte, asked.first_byte_timeout, || Error::ConnectionReadTimeout);
        let body = Sent { body: std::mem::take(body), budget: self.sent.clone() };
        let request = Request::from_parts(parts, body);
        let response = first_byte.until(async { Ok(sender.send_request(request).await?) }).await?;
        Ok((response, connection))
    }
}

/// A request as a server, which is no proxy, is sent it. The host is in its header.
fn in_origin_form(mut parts: Parts) -> Result<Parts, Failure> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder().path_and_query(path).build().map_err(|_| Failure::Url)?;
    Ok(parts)
}

/// One of the times of a request: the limit's, or the one that the guest has asked for if that is less.
struct Wait {
    limit: &'static str,
    most: Duration,
    /// What the guest is told if the time was its own.
    own: Option<fn() -> Error>,
    deadline: Instant,
}

impl Wait {
    fn new(limit: &'static str, most: Duration, asked: Option<Duration>, error: fn() -> Error) -> Self {
        let own = asked.filter(|asked| *asked < most);
        Self { limit, most, deadline: after(own.unwrap_or(most)), own: own.map(|_| error) }
    }

    async fn until<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let late = || match self.own {
            Some(error) => Failure::OwnTime(error()),
            None => Failure::Time { limit: self.limit, most: self.most },
        };
        timeout_at(self.deadline, work).await.unwrap_or_else(|_| Err(late()))
    }
}

/// A time from now, or thirty years if that is more than can be counted.
fn after(time: Duration) -> Instant {
    const MOST: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
    Instant::now() + time.min(MOST)
}
