//! A TCP proxy between a host and its Redis, in the test's own process, that can be told what goes wrong.
//!
//! It understands the Redis protocol just enough to see where a request and its answer begin and end. Plain TCP only; a
//! client that turns replies off (`CLIENT REPLY`) is beyond it. Of a connection that subscribes, only what comes before
//! the subscription can be harmed by request; cutting works always.

mod connection;
mod fault;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::{Fault, Injected, Request, Trigger};

use crate::port;

/// How often another port is tried when one was taken in the meantime.
const PORT_TRIES: usize = 20;

/// A running proxy. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

/// What has gone through a proxy since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that clients have opened.
    pub connections: u64,
    /// Complete requests that clients have sent.
    pub requests: u64,
    /// Complete answers that the server has given.
    pub replies: u64,
    /// Bytes that clients have sent.
    pub bytes_up: u64,
    /// Bytes that the server has sent.
    pub bytes_down: u64,
}

/// What the connections of a proxy have in common.
#[derive(Debug)]
struct Shared {
    upstream: Mutex<SocketAddr>,
    faults: Mutex<Vec<Injected>>,
    /// Goes up when every connection of the time is to be cut.
    cuts: watch::Sender<u64>,
    /// The requests of each connection, while they are recorded.
    recording: Mutex<Option<Vec<Vec<u8>>>>,
    counts: Mutex<Counts>,
}

impl Proxy {
    /// A proxy on a free loopback port to a server on another one.
    pub async fn start(upstream_port: u16) -> Result<Self> {
        for _ in 0..PORT_TRIES {
            let port = port::free()?;
            let Ok(listener) = listen(port) else { continue };
            let shared = Arc::new(Shared {
                upstream: Mutex::new(local(upstream_port)),
                faults: Mutex::default(),
                cuts: watch::Sender::new(0),
                recording: Mutex::default(),
                counts: Mutex::default(),
            });
            let listening = Mutex::new(Some(tokio::spawn(accept(listener, Arc::clone(&shared)))));
            return Ok(Self { port, shared, listening });
        }
        bail!("{PORT_TRIES} ports in a row were taken between finding them free and listening on them")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of database 0 by way of the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// What has gone through so far.
    pub fn counts(&self) -> Counts {
        *lock(&self.shared.counts)
    }

    /// Makes something go wrong with the next request that the trigger picks. Of several faults, the one injected first
    /// is asked first; each request meets at most one.
    pub fn inject(&self, trigger: Trigger, fault: Fault) -> Injected {
        let injected = Injected::new(trigger, fault);
        lock(&self.shared.faults).push(injected.clone());
        injected
    }

    /// Forgets every fault that has not been met yet.
    pub fn clear(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Cuts every connection that is open.
    pub fn cut_all(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Sends new connections to another server; those that are open stay where they are. So does a service name that is
    /// made to point to a new primary.
    pub fn redirect(&self, upstream_port: u16) {
        *lock(&self.shared.upstream) = local(upstream_port);
    }

    /// Fails over: new connections go to another server, and those that are open are cut.
    pub fn switch_to(&self, upstream_port: u16) {
        self.redirect(upstream_port);
        self.cut_all();
    }

    /// Refuses new connections from now on, as a host without a server does. Those that are open stay.
    pub async fn refuse(&self) {
        let listening = lock(&self.listening).take();
        if let Some(listening) = listening {
            listening.abort();
            // It ends as cancelled: that is what was asked for.
            let _ = listening.await;
        }
    }

    /// Takes connections again after [`refuse`](Self::refuse).
    pub fn accept(&self) -> Result<()> {
        let mut listening = lock(&self.listening);
        if listening.is_none() {
            let listener = listen(self.port).with_context(|| format!("port {}", self.port))?;
            *listening = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    /// Keeps the requests of every connection that is opened from now on.
    pub fn record(&self) {
        *lock(&self.shared.recording) = Some(Vec::new());
    }

    /// The bytes of all requests since the recording began or this was last asked, for each connection, in the order in
    /// which they were opened.
    pub fn recorded(&self) -> Vec<Vec<u8>> {
        let mut recording = lock(&self.shared.recording);
        recording.iter_mut().flatten().map(std::mem::take).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(listening) = lock(&self.listening).take() {
            listening.abort();
        }
        self.cut_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier listener may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(local(port))?;
    socket.listen(1_024)
}

/// Serves every client of a listener. The connections outlive it: they end when they are cut.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        lock(&shared.counts).connections += 1;
        tokio::spawn(serve(client, Arc::clone(&shared)));
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let upstream = *lock(&shared.upstream);
    tokio::select! {
        () = connection::forward(client, upstream, &shared) => {}
        _ = cuts.changed() => {}
    }
}
