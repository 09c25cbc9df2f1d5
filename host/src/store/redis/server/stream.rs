//! The bytes to and from a server, and when the last of them moved: an answer is late when nothing comes, however large it
//! is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use redis::{ConnectionAddr, ErrorKind, RedisError, RedisResult};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

/// What a connection reads from and writes to.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A connection's bytes.
pub(super) struct Stream {
    bytes: Box<dyn Bytes>,
    pub(super) traffic: Arc<Traffic>,
}

/// When a byte was last sent, and when one was received: microseconds after the start.
#[derive(Debug)]
pub(super) struct Traffic {
    start: Instant,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    pub(super) fn last_received(&self) -> Instant {
        self.start + Duration::from_micros(self.received.load(Ordering::Relaxed))
    }

    /// When a byte was last sent or received.
    pub(super) fn last(&self) -> Instant {
        self.last_received().max(self.start + Duration::from_micros(self.sent.load(Ordering::Relaxed)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Stream {
    /// Connects, with TLS where the address asks for it.
    pub(super) async fn connect(address: &ConnectionAddr) -> RedisResult<Self> {
        let bytes: Box<dyn Bytes> = match address {
            ConnectionAddr::Tcp(host, port) => Box::new(tcp(host, *port).await?),
            ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                Box::new(TlsConnector::from(tls::client_config()?).connect(name, tcp(host, *port).await?).await?)
            }
            other => return Err(unusable(format!("{other} is not an address that can be used"))),
        };
        let traffic = Arc::new(Traffic { start: Instant::now(), sent: AtomicU64::new(0), received: AtomicU64::new(0) });
        Ok(Self { bytes, traffic })
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn unusable(why: String) -> RedisError {
    (ErrorKind::InvalidClientConfig, "cannot connect", why).into()
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.bytes).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.traffic.received.store(self.traffic.now(), Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.bytes).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(_))) {
            self.traffic.sent.store(self.traffic.now(), Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}
