//! One request and its answer, over a connection of its own. All of it is bounded: the time of each step, the head, and
//! what is read of a body.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::error::Why;
use crate::{Registry, Times};

/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 64 << 10;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An answer, of which the head was read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    server: String,
    body: Incoming,
    deadline: Instant,
    _connection: Connection,
}

/// The work on a connection, which ends with this value.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A server as messages name it: no path and no query, for those may hold a signature.
pub(crate) fn server(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Registry {
    /// Sends a request, whose path and query are those of the URL, and waits for the head of the answer.
    pub(crate) async fn exchange(&self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<Answer, Why> {
        let deadline = Instant::now() + self.times.whole;
        let stream = self.connect(url).await?;
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let host = HeaderValue::try_from(authority).map_err(|_| senseless(url, "has a name that cannot be sent"))?;
        request.headers_mut().insert(HOST, host);
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = target.parse().map_err(|_| senseless(url, "names a path that cannot be sent"))?;

        let broken = |error: hyper::Error| senseless(url, &format!("breaks off the conversation: {}", causes(&error)));
        let shake = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
        let (mut sender, connection) = shake.await.map_err(broken)?;
        let work = tokio::spawn(async move { drop(connection.await) });
        let connection = Connection(work.abort_handle());
        // A large body is part of what the answer takes.
        let sends = Body::size_hint(request.body()).lower() > MAX_HEAD as u64;
        let limit = if sends { self.times.whole } else { self.times.answer };
        let answer = match timeout(limit, sender.send_request(request)).await {
            Ok(answer) => answer.map_err(broken)?,
            Err(_) => return Err(slow(url, "answered", limit)),
        };
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            server: server(url),
            body,
            deadline,
            _connection: connection,
        })
    }

    /// Whether a server speaks TLS. One that answers in another way does not; one whose certificate is wrong does.
    pub(crate) async fn speaks_tls(&self, url: &Url) -> Result<bool, Why> {
        match self.connect_in_time(url).await? {
            Ok(_) => Ok(true),
            Err(Failure::Tls(error)) if is_other_language(&error) => Ok(false),
            Err(failure) => Err(failure.of(url)),
        }
    }

    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, Why> {
        self.connect_in_time(url).await?.map_err(|failure| failure.of(url))
    }

    async fn connect_in_time(&self, url: &Url) -> Result<Result<Box<dyn Stream>, Failure>, Why> {
        let limit = self.times.connect;
        timeout(limit, self.connect_by(url)).await.map_err(|_| slow(url, "taken a connection", limit))
    }

    async fn connect_by(&self, url: &Url) -> Result<Box<dyn Stream>, Failure> {
        let port = url.port_or_known_default().unwrap_or(443);
        let (stream, name) = match url.host() {
            Some(Host::Domain(name)) => {
                let addresses: Vec<SocketAddr> =
                    tokio::net::lookup_host((name, port)).await.map_err(Failure::Tcp)?.collect();
                let stream = TcpStream::connect(&addresses[..]).await.map_err(Failure::Tcp)?;
                (stream, ServerName::try_from(name.to_owned()).map_err(|error| Failure::Tcp(io::Error::other(error)))?)
            }
            Some(Host::Ipv4(address)) => (connect_to(address.into(), port).await?, ServerName::from(address)),
            Some(Host::Ipv6(address)) => (connect_to(address.into(), port).await?, ServerName::from(address)),
            None => return Err(Failure::Tcp(io::Error::other("it has no host"))),
        };
        stream.set_nodelay(true).map_err(Failure::Tcp)?;
        if url.scheme() == "http" {
            return Ok(Box::new(stream));
        }
        let config = self.tls().await.map_err(Failure::Tcp)?;
        Ok(Box::new(TlsConnector::from(config).connect(name, stream).await.map_err(Failure::Tls)?))
    }
}

async fn connect_to(address: std::net::IpAddr, port: u16) -> Result<TcpStream, Failure> {
    TcpStream::connect((address, port)).await.map_err(Failure::Tcp)
}

enum Failure {
    Tcp(io::Error),
    Tls(io::Error),
}

impl Failure {
    fn of(self, url: &Url) -> Why {
        let why = match self {
            Self::Tcp(error) => error.to_string(),
            Self::Tls(error) if is_other_language(&error) => {
                format!("it does not speak TLS ({error}), and plain HTTP was not asked for")
            }
            Self::Tls(error) => format!("TLS: {error}"),
        };
        Why::Unreachable { server: server(url), why }
    }
}

/// Whether an answer to a greeting was no TLS at all.
fn is_other_language(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(error) => matches!(error, rustls::Error::InvalidMessage(_)),
        None => matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset),
    }
}

impl Answer {
    /// Who gave it.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// A header, if it is there and text.
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body. One that has more bytes than it may have is read no further.
    pub(crate) async fn read(mut self, what: &'static str, most: u64, times: &Times) -> Result<Bytes, Why> {
        let said = self.header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if said.is_some_and(|length| length > most) {
            return Err(Why::TooLarge { what, most });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(said.unwrap_or(0)).unwrap_or(0));
        loop {
            let until = self.deadline.min(Instant::now() + times.pause);
            let Ok(frame) = timeout_at(until, self.body.frame()).await else {
                let limit = if until == self.deadline { times.whole } else { times.pause };
                return Err(Why::Slow { server: self.server, what: "sent more of its answer", limit });
            };
            let piece = match frame {
                None => return Ok(bytes.into()),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    let what = format!("breaks off in the middle of an answer: {}", causes(&error));
                    return Err(Why::Answer { server: self.server, what });
                }
            };
            if (bytes.len() + piece.len()) as u64 > most {
                return Err(Why::TooLarge { what, most });
            }
            bytes.extend_from_slice(&piece);
        }
    }
}

pub(crate) fn senseless(url: &Url, what: &str) -> Why {
    Why::Answer { server: server(url), what: what.to_owned() }
}

fn slow(url: &Url, what: &'static str, limit: Duration) -> Why {
    Why::Slow { server: server(url), what, limit }
}

/// An error with its causes, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
