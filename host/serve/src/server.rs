//! Listening: connections bounded in number, their heads in bytes and time, and TLS if there are certificates.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::access::seats::{MAX_CONNECTIONS as MAX_CONNECTIONS_OF_ONE, Peer, Seats};
use crate::config::TlsConfig;
use crate::http::Held;
use crate::unstalled::Unstalled;

/// How many connections there may be at once. More wait for one of them to end.
const MAX_CONNECTIONS: usize = 2_048;

/// How long a connection may take for TLS, or for the head of a request; also how long it may lie idle.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// The most bytes that a head may have.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// The most header fields.
const MAX_HEADERS: usize = 100;

/// How long requests that are under way may take once the server is to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be taken, because there are too many files open, for instance.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How a server proves who it is; none for plain text.
pub(crate) type Identity = Option<TlsAcceptor>;

/// Reads the files of a certificate and its key.
pub(crate) fn identity(files: &TlsConfig) -> Result<TlsAcceptor, (&Path, String)> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| (&*files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err((&files.certificate, "it holds no certificate in PEM".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| (&*files.key, error.to_string()))?;
    let unusable = |error: rustls::Error| (&*files.key, error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        versions.map_err(unusable)?.with_no_client_auth().with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A server that answers until it is stopped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers what comes from now on.
    pub(crate) fn start(listener: TcpListener, router: Router, identity: Held<Identity>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, router, identity, stopped));
        Ok(Self { address, stop, serving })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and waits for the answers to the requests that are under way.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        let _ = self.serving.await;
    }
}

async fn serve(listener: TcpListener, router: Router, identity: Held<Identity>, mut stopped: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let seats = Seats::new(MAX_CONNECTIONS_OF_ONE);
    let graceful = GracefulShutdown::new();
    loop {
        let taken = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            taken = taken => taken,
            _ = &mut stopped => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = Peer::of(address.ip());
                let Some(seat) = seats.take(peer) else {
                    tracing::debug!(%address, "a connection was closed: there are too many of its address");
                    continue;
                };
                let (router, identity, watcher) = (router.clone(), identity.get(), graceful.watcher());
                tokio::spawn(async move {
                    converse(stream, peer, router, identity, watcher).await;
                    drop((permit, seat));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were broken off that took too long");
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, peer: Peer, router: Router, identity: Identity, watcher: Watcher) {
    // Answers are short, and wait for nothing more.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = identity else { return answer(stream, peer, router, watcher).await };
    match tokio::time::timeout(HEAD_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => answer(stream, peer, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection did not come to speak TLS"),
        Err(_) => tracing::debug!("a connection did not come to speak TLS in time"),
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    router: Router,
    watcher: Watcher,
) {
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Unstalled::new(stream)), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
