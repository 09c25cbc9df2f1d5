//! The life of a connection: connect, reconnect, try again, and tell what is worth trying again from what is not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError,
    ServerErrorKind, Value,
};

use crate::store::redis::keys;
use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::auto_pipeline::AutoPipeline;
use crate::store::{Error, RedisUrl, Result};

/// A server that we talk to over one connection at a time, which is shared and made anew when it breaks.
#[derive(Debug)]
pub(in crate::store::redis) struct Link {
    client: Client,
    location: String,
    pacing: Pacing,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting, so that the callers who wait share one attempt.
    connecting: tokio::sync::Mutex<LastFailure>,
}

/// How many requests may wait for the connection's driver before their senders do.
const REQUESTS_AHEAD: usize = 1_024;

/// When connecting failed last, and how.
type LastFailure = Option<(Instant, Error)>;

#[derive(Debug, Clone, Copy)]
struct Pacing {
    connect_timeout: Duration,
    response_timeout: Duration,
    min_backoff: Duration,
    max_backoff: Duration,
}

/// A live connection and what it was found to be.
#[derive(Debug)]
pub(in crate::store::redis) struct Connection {
    together: AutoPipeline,
    id: u64,
    clock: ServerClock,
    /// Why the user may not run the scripts, if so.
    denied: Option<Arc<str>>,
}

/// What the server's clock showed at a moment of ours.
#[derive(Debug, Clone, Copy)]
struct ServerClock {
    at: Instant,
    millis: u64,
}

/// A request: made anew for every attempt, since a deadline counts by the clock of the server that it is sent to.
pub(in crate::store::redis) enum Request {
    /// One command.
    One(Cmd),
    /// Several, in one go; the answer is the array of their answers.
    Several(Pipeline),
    /// None: the user may not do it, for this reason.
    Denied(Arc<str>),
}

impl Connection {
    /// A moment of ours as milliseconds of the server's clock; early rather than late.
    pub(in crate::store::redis) fn server_millis(&self, at: Instant) -> u64 {
        let ahead = at.saturating_duration_since(self.clock.at);
        self.clock.millis.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }

    /// A request that runs scripts. One that stops half-way for want of a permission would leave what it has written, so
    /// it is not sent.
    pub(in crate::store::redis) fn scripted(&self, request: impl FnOnce() -> Request) -> Request {
        self.denied.as_ref().map_or_else(request, |why| Request::Denied(Arc::clone(why)))
    }

    /// A number that no other connection has.
    pub(in crate::store::redis) fn id(&self) -> u64 {
        self.id
    }

    async fn send(&self, request: Request) -> redis::RedisResult<Value> {
        match request {
            Request::One(cmd) => self.together.send(cmd).await,
            Request::Several(pipeline) => tolerated(Box::pin(self.together.send_pipeline(&pipeline)).await?),
            Request::Denied(why) => Err((ServerErrorKind::NoPerm.into(), "denied", why.to_string()).into()),
        }
    }
}

/// A pipeline's answers, if its commands failed for their own keys only. What the server says of itself (it has lost its
/// primary, say) is no answer.
fn tolerated(answers: Value) -> redis::RedisResult<Value> {
    if let Value::Array(items) = &answers {
        for item in items {
            if let Value::ServerError(error) = item
                && error.code() != "WRONGTYPE"
            {
                return Err(error.clone().into());
            }
        }
    }
    Ok(answers)
}

impl Link {
    pub(in crate::store::redis) fn new(url: &RedisUrl, options: &RedisOptions) -> Result<Self> {
        // Without a provider of cryptography TLS cannot start; one that the platform has chosen stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let refused = |error: RedisError| Error::Failed(format!("{url}: {error}"));
        let info = url.reveal().into_connection_info().map_err(refused)?;
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Ok(Self {
            client: Client::open(info).map_err(refused)?,
            location: url.to_string(),
            pacing: Pacing {
                connect_timeout: options.connect_timeout,
                response_timeout: options.response_timeout,
                min_backoff: options.min_backoff,
                max_backoff: options.max_backoff,
            },
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(None),
        })
    }

    /// Where the server is, without a password.
    pub(in crate::store::redis) fn location(&self) -> &str {
        &self.location
    }

    /// The client, for connections of other kinds.
    pub(in crate::store::redis) fn client(&self) -> &Client {
        &self.client
    }

    /// The connection that requests go over now.
    pub(in crate::store::redis) fn connection_id(&self) -> Option<u64> {
        self.live().map(|connection| connection.id)
    }

    /// Connects, if there is no connection.
    pub(in crate::store::redis) async fn connect(&self, deadline: Instant) -> Result<Arc<Connection>> {
        let mut backoff = Backoff::new(self.pacing);
        loop {
            let connection = tokio::time::timeout_at(deadline.into(), self.connection()).await;
            match connection.unwrap_or_else(|_| Err(self.late("take a connection"))) {
                Err(error @ Error::Unavailable(_)) => backoff.pause(deadline).await.map_err(|Late| error)?,
                other => return other,
            }
        }
    }

    /// Makes a connection on the runtime of the caller, for those to come. A request that crosses from one runtime to
    /// another wakes two threads more on its way than one that does not.
    pub(in crate::store::redis) async fn move_here(&self) {
        // Without it, requests go over the connection that there is.
        if let Ok(connection) = self.open().await {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(connection));
        }
    }

    /// Sends a request until there is an answer, or an error that trying again will not mend, or the deadline has passed.
    pub(in crate::store::redis) async fn call(
        &self,
        deadline: Instant,
        request: impl Fn(&Connection) -> Request,
    ) -> std::result::Result<Value, Failure> {
        let mut backoff = Backoff::new(self.pacing);
        loop {
            let error = match self.attempt(deadline, &request).await {
                Ok(value) => return Ok(value),
                Err(Attempt::Last(failure)) => return Err(failure),
                Err(Attempt::Again(error)) => error,
            };
            tracing::debug!(%error, "trying again");
            backoff.pause(deadline).await.map_err(|Late| Failure::Store(error))?;
        }
    }

    async fn attempt(
        &self,
        deadline: Instant,
        request: &impl Fn(&Connection) -> Request,
    ) -> std::result::Result<Value, Attempt> {
        let late = |what: &str| Attempt::Last(Failure::Store(self.late(what)));
        let connection = match self.live() {
            Some(connection) => connection,
            None => match Box::pin(tokio::time::timeout_at(deadline.into(), self.connection())).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error @ Error::Unavailable(_))) => return Err(Attempt::Again(error)),
                Ok(Err(error)) => return Err(Attempt::Last(Failure::Store(error))),
                Err(_) => return Err(late("take a connection")),
            },
        };
        let request = request(&connection);
        let patience = deadline.min(Instant::now() + self.pacing.response_timeout);
        let Ok(answer) = tokio::time::timeout_at(patience.into(), connection.send(request)).await else {
            self.discard(connection.id);
            return Err(if patience == deadline { late("answer") } else { Attempt::Again(self.late("answer")) });
        };
        let error = match answer {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) {
            // What the user may do is looked at anew by the next connection.
            self.discard(connection.id);
        }
        match classify(&error) {
            Verdict::UnknownScript => Err(Attempt::Last(Failure::UnknownScript(self.final_error(&error)))),
            Verdict::Final => Err(Attempt::Last(Failure::Store(self.final_error(&error)))),
            Verdict::Again => Err(Attempt::Again(self.unavailable(&error))),
            Verdict::Reconnect => {
                self.discard(connection.id);
                Err(Attempt::Again(self.unavailable(&error)))
            }
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        let mut last_failure = self.connecting.lock().await;
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        if let Some((at, error)) = &*last_failure
            && at.elapsed() < self.pacing.min_backoff
        {
            return Err(error.clone());
        }
        match self.open().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *last_failure = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                *last_failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    fn live(&self) -> Option<Arc<Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets a connection that is broken, unless another has taken its place already.
    fn discard(&self, id: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|connection| connection.id == id) {
            *current = None;
        }
    }

    async fn open(&self) -> Result<Connection> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Pacing { connect_timeout, response_timeout, .. } = self.pacing;
        // Who sends a request has patience of his own: one timer for it is enough.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(REQUESTS_AHEAD);
        let connect = async {
            let mut multiplexed = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            let clock = ServerClock::read(&mut multiplexed).await?;
            let denied = denied_command(&mut multiplexed).await?;
            Ok(Connection {
                together: AutoPipeline::new(multiplexed),
                id: NEXT.fetch_add(1, Ordering::Relaxed),
                clock,
                denied,
            })
        };
        let connected = tokio::time::timeout(connect_timeout + response_timeout, connect).await;
        let connected = connected.map_err(|_| self.late("take a connection"))?;
        connected.map_err(|error: RedisError| match classify(&error) {
            Verdict::Final | Verdict::UnknownScript => self.final_error(&error),
            Verdict::Again | Verdict::Reconnect => self.unavailable(&error),
        })
    }

    fn late(&self, what: &str) -> Error {
        Error::Unavailable(format!("{} did not {what} in time", self.location))
    }

    fn unavailable(&self, error: &RedisError) -> Error {
        Error::Unavailable(format!("{}: {error}", self.location))
    }

    fn final_error(&self, error: &RedisError) -> Error {
        Error::Failed(format!("{}: {error}", self.location))
    }
}

impl ServerClock {
    /// The clock as of the arrival of the answer: the server showed its time before that, so that a deadline counted
    /// from here comes early by at most one round trip.
    async fn read(connection: &mut MultiplexedConnection) -> redis::RedisResult<Self> {
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
        Ok(Self { at: Instant::now(), millis: seconds * 1_000 + micros / 1_000 })
    }
}

/// Why the user may not run the scripts: it lacks the permission for a command that they use.
async fn denied_command(connection: &mut MultiplexedConnection) -> redis::RedisResult<Option<Arc<str>>> {
    let mut look = redis::cmd("EVAL");
    look.arg(include_str!("permissions.lua")).arg(1).arg(keys::session("permissions"));
    match look.query_async::<String>(connection).await {
        Ok(command) if command.is_empty() => Ok(None),
        Ok(command) => {
            let why = format!("the user may not run the command {command} on keys that begin with task-state:");
            Ok(Some(why.into()))
        }
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(Some(error.to_string().into())),
        // Whatever else is wrong shows when a script is run.
        Err(error) if classify(&error) == Verdict::Final => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an error says of the next attempt.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It would fail in the same way.
    Final,
    /// It may succeed over the same connection.
    Again,
    /// It may succeed over another connection.
    Reconnect,
    /// It may succeed with the script's text.
    UnknownScript,
}

fn classify(error: &RedisError) -> Verdict {
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => Verdict::Reconnect,
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::NoScript => Verdict::UnknownScript,
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => Verdict::Reconnect,
            ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown => Verdict::Again,
            _ => Verdict::Final,
        },
        _ => match error.code() {
            Some("BUSY" | "NOREPLICAS") => Verdict::Again,
            Some("UNBLOCKED" | "NOMASTERLINK") => Verdict::Reconnect,
            _ => Verdict::Final,
        },
    }
}

/// The same server, spoken to in the version of the protocol in which it may speak unasked.
pub(in crate::store::redis) fn resp3_client(client: &Client) -> redis::RedisResult<Client> {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

/// Why an attempt failed.
enum Attempt {
    /// For good.
    Last(Failure),
    /// The next one may succeed.
    Again(Error),
}

/// Why a call failed.
pub(in crate::store::redis) enum Failure {
    /// The server does not know the script (any more): it has to be sent whole.
    UnknownScript(Error),
    /// Everything else.
    Store(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::UnknownScript(error) | Failure::Store(error) => error,
        }
    }
}

/// Pauses between attempts: they double, and a random part of each is left out, so that the hosts of a server that
/// comes back do not all ask at once.
struct Backoff {
    next: Duration,
    most: Duration,
}

/// The deadline comes before the end of the pause.
struct Late;

impl Backoff {
    fn new(pacing: Pacing) -> Self {
        Self { next: pacing.min_backoff, most: pacing.max_backoff }
    }

    async fn pause(&mut self, deadline: Instant) -> std::result::Result<(), Late> {
        let pause = self.next.mul_f64(0.5 + 0.5 * random_fraction());
        self.next = (self.next * 2).min(self.most);
        if Instant::now() + pause >= deadline {
            return Err(Late);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// A number from 0 to 1. Jitter needs no better source than the keys of the standard library's hash maps.
pub(in crate::store::redis) fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
