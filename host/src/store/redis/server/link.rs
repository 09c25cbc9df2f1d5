//! The link to a server: one connection at a time, shared by all callers and made anew when it breaks. A request is sent
//! until there is an answer, or an error that trying again will not mend, or its deadline has passed.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, RedisError, RedisResult,
    ServerErrorKind, Value,
};

use super::auto_pipeline::Request;
use super::connection::Connection;
use super::retry::{Answer, Backoff, Failure, Next, after, parse};
use super::sentinel;
use crate::store::redis::options::RedisOptions;
use crate::store::url::Sentinels;
use crate::store::{Error, RedisUrl, Result};

/// How long nothing must have come for a call whose deadline passes to take the connection for broken.
const MIN_SILENCE: Duration = Duration::from_millis(500);

/// The link to a server.
#[derive(Debug)]
pub(in crate::store::redis) struct Link {
    info: ConnectionInfo,
    /// Who knows where the server is, if it is not where the URL says.
    sentinels: Option<Arc<Sentinels>>,
    location: String,
    options: RedisOptions,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting, so that the callers who wait share one attempt.
    connecting: tokio::sync::Mutex<LastFailure>,
    /// Held while what the server is set to is changed.
    pub(in crate::store::redis) configuring: tokio::sync::Mutex<()>,
}

/// When connecting failed last, and how.
type LastFailure = Option<(Instant, Failure)>;

impl Link {
    pub(in crate::store::redis) fn new(url: &RedisUrl, options: &RedisOptions) -> Self {
        // Without a provider of cryptography TLS cannot start; one that the platform has chosen stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            info: url.connection_info().clone(),
            sentinels: url.sentinels().cloned(),
            location: url.to_string(),
            options: options.clone(),
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(None),
            configuring: tokio::sync::Mutex::new(()),
        }
    }

    /// Where the server is, without a password.
    pub(in crate::store::redis) fn location(&self) -> &str {
        &self.location
    }

    /// A client of the same server, for a connection over which it may speak unasked.
    pub(in crate::store::redis) async fn push_client(&self) -> RedisResult<Client> {
        let settings = self.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Client::open(self.found().await?.set_redis_settings(settings))
    }

    /// Where the server is now.
    async fn found(&self) -> RedisResult<ConnectionInfo> {
        match &self.sentinels {
            Some(sentinels) => sentinel::find(sentinels, &self.info, &self.options).await,
            None => Ok(self.info.clone()),
        }
    }

    /// Waits until so many replicas have what was written over the present connection until now.
    pub(in crate::store::redis) async fn replicated(&self, replicas: u32, deadline: Instant) -> Result<()> {
        // It keeps the connection's other requests waiting, so it is not to wait for long.
        let patience = self.options.response_timeout / 2;
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(patience.as_millis().to_string());
        match self.query::<u32>(&wait, deadline).await? {
            reached if reached >= replicas => Ok(()),
            reached => Err(Error::Unavailable(format!("{reached} replicas have it, and {replicas} have to"))),
        }
    }

    /// The connection that requests go over now.
    pub(in crate::store::redis) fn connection_id(&self) -> Option<u64> {
        self.live().map(|connection| connection.id)
    }

    /// Connects, if there is no connection. Gives the number of the one that there is then.
    pub(in crate::store::redis) async fn connect(&self, deadline: Instant) -> Result<u64> {
        let mut backoff = Backoff::new(&self.options);
        loop {
            match self.connection_until(deadline).await {
                Ok(connection) => return Ok(connection.id),
                Err(failure) => backoff.pause(failure, deadline).await?,
            }
        }
    }

    /// Takes note of what the server's clock shows.
    pub(super) fn set_clock(&self, millis: u64) {
        if let Some(connection) = self.live() {
            connection.set_clock(millis);
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

    /// Sends a command that may be carried out again.
    pub(in crate::store::redis) async fn query<T: FromRedisValue>(
        &self,
        command: &Cmd,
        deadline: Instant,
    ) -> Answer<T> {
        Ok(parse(self.call(deadline, |_| Request::One(command.clone())).await?)?)
    }

    /// Sends several commands in one go. They may be carried out again.
    pub(in crate::store::redis) async fn query_all<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Answer<T> {
        Ok(parse(self.call(deadline, |_| Request::Several(commands.clone())).await?)?)
    }

    /// An error, with the key that holds another type than it should: the server does not say which of those touched it is.
    pub(in crate::store::redis) async fn name_wrong_type(
        &self,
        failure: Failure,
        touched: &[(String, &'static str)],
        deadline: Instant,
    ) -> Error {
        if failure.next == Next::FailsByType {
            for (key, expected) in touched {
                match self.query::<String>(redis::cmd("TYPE").arg(key), deadline).await {
                    Ok(found) if found == *expected || found == "none" => {}
                    Ok(found) => return Error::WrongType { key: key.clone(), found, expected },
                    Err(failure) => return failure.into(),
                }
            }
        }
        failure.into()
    }

    /// Sends what `request` makes for each attempt.
    pub(super) async fn call(&self, deadline: Instant, request: impl Fn(&Connection) -> Request) -> Answer<Value> {
        let mut backoff = Backoff::new(&self.options);
        loop {
            match self.attempt(deadline, &request).await {
                Ok(value) => return Ok(value),
                Err(failure) => backoff.pause(failure, deadline).await?,
            }
        }
    }

    async fn attempt(&self, deadline: Instant, request: &impl Fn(&Connection) -> Request) -> Answer<Value> {
        let connection = match self.live() {
            Some(connection) => connection,
            None => Box::pin(self.connection_until(deadline)).await?,
        };
        self.answer(&connection, request(&connection), deadline).await
    }

    /// Waits for the answer to a request for as long as something comes over the connection, within the deadline.
    async fn answer(&self, connection: &Connection, request: Request, deadline: Instant) -> Answer<Value> {
        let sent = Instant::now();
        let mut answer = pin!(connection.pipeline.send(request));
        let mut patience = sent + self.options.response_timeout;
        loop {
            if let Ok(answer) = tokio::time::timeout_at(patience.min(deadline).into(), &mut answer).await {
                return answer.map_err(|error| {
                    // What the user may do is looked at anew by the next connection.
                    let may_not = error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm);
                    if may_not || after(&error) == Next::Reconnect {
                        self.discard(connection.id);
                    }
                    self.failure(&error)
                });
            }
            if patience > deadline {
                if connection.traffic.last_received() < sent && sent.elapsed() >= MIN_SILENCE {
                    self.discard(connection.id);
                }
                return Err(self.late("answer", Next::Fails));
            }
            let longer = connection.traffic.last().max(sent) + self.options.response_timeout;
            if longer <= Instant::now() {
                self.discard(connection.id);
                return Err(self.late("answer", Next::Again));
            }
            patience = longer;
        }
    }

    async fn connection_until(&self, deadline: Instant) -> Answer<Arc<Connection>> {
        let connection = tokio::time::timeout_at(deadline.into(), self.connection()).await;
        connection.unwrap_or_else(|_| Err(self.late("take a connection", Next::Fails)))
    }

    async fn connection(&self) -> Answer<Arc<Connection>> {
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        let mut last_failure = self.connecting.lock().await;
        if let Some(connection) = self.live() {
            return Ok(connection);
        }
        if let Some((at, failure)) = &*last_failure
            && at.elapsed() < self.options.min_backoff
        {
            return Err(failure.clone());
        }
        match self.open().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *last_failure = None;
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(failure) => {
                *last_failure = Some((Instant::now(), failure.clone()));
                Err(failure)
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

    async fn open(&self) -> Answer<Connection> {
        let patience = self.options.connect_timeout + self.options.response_timeout;
        let open = async {
            let connection = Connection::open(&self.found().await?).await?;
            if self.sentinels.is_some() {
                sentinel::check(&connection).await?;
            }
            Ok(connection)
        };
        let connected = tokio::time::timeout(patience, open).await;
        connected.map_err(|_| self.late("take a connection", Next::Again))?.map_err(|error| self.failure(&error))
    }

    fn late(&self, what: &str, next: Next) -> Failure {
        Failure { next, error: Error::Unavailable(format!("{} did not {what} in time", self.location)) }
    }

    fn failure(&self, error: &RedisError) -> Failure {
        let (next, why) = (after(error), format!("{}: {error}", self.location));
        let error = match next {
            Next::Again | Next::Reconnect => Error::Unavailable(why),
            _ => Error::Failed(why),
        };
        Failure { next, error }
    }
}
