//! The way to the collector: one request on a connection of its own, now and then.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsConnector;

/// How long an export may take, unless a variable says so.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that a collector's answer may have to say.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Sends what is exported. The thread that exports waits for it meanwhile, and nobody else does.
pub(super) struct Collector {
    runtime: Runtime,
    /// For `https`. None if the system has no certificates to trust.
    tls: Option<TlsConnector>,
    patience: Duration,
    /// What was complained of last.
    complaint: Mutex<Option<String>>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Collector {
    pub(super) fn from_env() -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context("cannot start threads")?;
        let patience = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok()?.parse().ok())
            .map_or(PATIENCE, Duration::from_millis);
        Ok(Self {
            runtime,
            tls: task_state_host::tls::client_config().ok().map(TlsConnector::from),
            patience,
            complaint: Mutex::default(),
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("the collector's address has no host")?;
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        if !is_secure {
            return exchange_over(stream, request, &uri).await;
        }
        let tls = self.tls.as_ref().ok_or("the system has no certificates to trust")?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        exchange_over(tls.connect(name, stream).await?, request, &uri).await
    }

    /// Says that spans are lost, once for each reason.
    fn complain(&self, reason: Option<String>) {
        let mut last = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = reason.as_ref().filter(|reason| last.as_ref() != Some(*reason)) {
            tracing::warn!(reason, "the collector does not take spans; they are lost");
        }
        *last = reason;
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The exporter's thread is none of a runtime, and has nothing else to do.
        let timed = async { tokio::time::timeout(self.patience, self.exchange(request)).await };
        let answer = self.runtime.block_on(timed).unwrap_or_else(|_| Err("no answer in time".into()));
        self.complain(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        answer
    }
}

async fn exchange_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
    uri: &Uri,
) -> Result<Response<Bytes>, HttpError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // Who is asked is no part of the request's first line, as no proxy is.
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    head.headers.insert(HOST, HeaderValue::from_str(host)?);
    head.uri = uri.path_and_query().map_or_else(Uri::default, |path| path.clone().into());
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}
