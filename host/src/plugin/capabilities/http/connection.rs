//! A connection to the very address that was checked.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::address::is_public;
use super::failure::Failure;
use super::grant::{Destination, Host};
use crate::tls;

/// The right to one of a run's connections, held by all that works for it.
pub(super) type Permit = Arc<OwnedSemaphorePermit>;

/// What a request is sent over.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// Connects to a host, if one of its addresses may be connected to.
pub(super) async fn connect(
    to: &Destination,
    may_be_private: bool,
    permit: &Permit,
    deadline: Instant,
) -> Result<Box<dyn Bytes>, Failure> {
    let found = resolve(to, permit.clone()).await?;
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|address| may_be_private || is_public(address.ip())).collect();
    if allowed.is_empty() {
        return Err(Failure::Private(to.clone()));
    }
    let stream = connect_to_one(&allowed, deadline).await.map_err(Failure::Connect)?;
    if !to.tls {
        return Ok(Box::new(stream));
    }
    let name = match &to.host {
        Host::Address(address) => ServerName::from(*address),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Failure::Url)?,
    };
    let config = tls_config(permit.clone()).await.map_err(Failure::Tls)?;
    Ok(Box::new(TlsConnector::from(config).connect(name, stream).await.map_err(Failure::Tls)?))
}

/// The addresses of a host. The permit is kept for as long as the system's resolver is at it.
async fn resolve(to: &Destination, permit: Permit) -> Result<Vec<SocketAddr>, Failure> {
    let port = to.port;
    let name = match &to.host {
        Host::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
        Host::Name(name) => name.clone(),
    };
    let look_up = move || {
        let _permit = permit;
        (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)
    };
    match tokio::task::spawn_blocking(look_up).await {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        _ => Err(Failure::Unresolved),
    }
}

/// Tries one address after the other, each for its share of the time.
async fn connect_to_one(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::TimedOut);
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let connecting = TcpStream::connect(address);
        let connected = if left > 1 {
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            timeout(share, connecting).await.unwrap_or_else(|late| Err(late.into()))
        } else {
            // That it is late is for the caller to tell.
            connecting.await
        };
        match connected {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// TLS as the system trusts it, read once.
async fn tls_config(permit: Permit) -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        tls::client_config()
    });
    let config = read.await.map_err(io::Error::other)??;
    Ok(CONFIG.get_or_init(|| config).clone())
}
