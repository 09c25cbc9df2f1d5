//! The link to a server: one connection at a time, shared by all callers and made anew when it breaks. A request is sent
//! until there is an answer, or an error that trying again will not mend, or its deadline has passed.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, RedisError, RedisResult,
    ServerErrorKind, Value,
};

use super::connection::{Connection, Request};
use super::parse;
use super::retry::{Backoff, Failure, Late, Next, Pacing, after};
use crate::store::redis::options::RedisOptions;
use crate::store::{Error, RedisUrl, Result};

/// How long nothing must have come for a call whose deadline passes to take the connection for broken.
const MIN_SILENCE: Duration = Duration::from_millis(500);

/// The link to a server.
#[derive(Debug)]
pub(in crate::store::redis) struct Link {
    info: ConnectionInfo,
    location: String,
    pacing: Pacing,
    current: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting, so that the callers who wait share one attempt.
    connecting: tokio::sync::Mutex<LastFailure>,
}

/// When connecting failed last, and how.
type LastFailure = Option<(Instant, Error)>;

/// Why an attempt failed.
enum Attempt {
    /// For good.
    Last(Failure),
    /// The next one may succeed.
    Again(Error),
}

impl Link {
    pub(in crate::store::redis) fn new(url: &RedisUrl, options: &RedisOptions) -> Self {
        // Without a provider of cryptography TLS cannot start; one that the platform has chosen stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            info: url.connection_info().clone(),
            location: url.to_string(),
            pacing: Pacing::of(options),
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(None),
        }
    }

    /// Where the server is, without a password.
    pub(in crate::store::redis) fn location(&self) -> &str {
        &self.location
    }

    /// A client of the same server, for a connection over which it may speak unasked.
    pub(in crate::store::redis) fn push_client(&self) -> RedisResult<Client> {
        let settings = self.info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Client::open(self.info.clone().set_redis_settings(settings))
    }

    /// The connection that requests go over now.
    pub(in crate::store::redis) fn connection_id(&self) -> Option<u64> {
        self.live().map(|connection| connection.id())
    }

    /// Connects, if there is no connection. Gives the number of the one that there is then.
    pub(in crate::store::redis) async fn connect(&self, deadline: Instant) -> Result<u64> {
        let mut backoff = Backoff::new(self.pacing);
        loop {
            let connection = tokio::time::timeout_at(deadline.into(), self.connection()).await;
            match connection.unwrap_or_else(|_| Err(self.late("take a connection"))) {
                Err(error @ Error::Unavailable(_)) => backoff.pause(deadline).await.map_err(|Late| error)?,
                connection => return connection.map(|connection| connection.id()),
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
    ) -> std::result::Result<T, Failure> {
        let value = self.call(deadline, |_| Request::One(command.clone())).await?;
        parse(value).map_err(Failure::Store)
    }

    /// Sends several commands in one go. They may be carried out again.
    pub(in crate::store::redis) async fn query_all<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> std::result::Result<T, Failure> {
        let value = self.call(deadline, |_| Request::Several(commands.clone())).await?;
        parse(value).map_err(Failure::Store)
    }

    /// An error, with the key that holds another type than it should: the server does not say which of those touched it is.
    pub(in crate::store::redis) async fn name_wrong_type(
        &self,
        failure: Failure,
        touched: &[(String, &'static str)],
        deadline: Instant,
    ) -> Error {
        if let Failure::WrongType(_) = failure {
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
    pub(super) async fn call(
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
        let connection = match self.live() {
            Some(connection) => connection,
            None => match Box::pin(tokio::time::timeout_at(deadline.into(), self.connection())).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error @ Error::Unavailable(_))) => return Err(Attempt::Again(error)),
                Ok(Err(error)) => return Err(Attempt::Last(Failure::Store(error))),
                Err(_) => return Err(Attempt::Last(Failure::Store(self.late("take a connection")))),
            },
        };
        let request = request(&connection);
        let error = match self.answer(&connection, request, deadline).await? {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) {
            // What the user may do is looked at anew by the next connection.
            self.discard(connection.id());
        }
        let failed = || Error::Failed(format!("{}: {error}", self.location));
        Err(match after(&error) {
            Next::WithText => Attempt::Last(Failure::UnknownScript(failed())),
            Next::FailsByType => Attempt::Last(Failure::WrongType(failed())),
            Next::Fails => Attempt::Last(Failure::Store(failed())),
            Next::Again => Attempt::Again(self.unavailable(&error)),
            Next::Reconnect => {
                self.discard(connection.id());
                Attempt::Again(self.unavailable(&error))
            }
        })
    }

    /// Waits for the answer to a request for as long as something comes over the connection, within the deadline.
    async fn answer(
        &self,
        connection: &Connection,
        request: Request,
        deadline: Instant,
    ) -> std::result::Result<RedisResult<Value>, Attempt> {
        let sent = Instant::now();
        let mut answer = pin!(connection.send(request));
        let mut patience = sent + self.pacing.response_timeout;
        loop {
            if let Ok(answer) = tokio::time::timeout_at(patience.min(deadline).into(), &mut answer).await {
                return Ok(answer);
            }
            if patience > deadline {
                if connection.last_received() < sent && sent.elapsed() >= MIN_SILENCE {
                    self.discard(connection.id());
                }
                return Err(Attempt::Last(Failure::Store(self.late("answer"))));
            }
            let longer = connection.last_traffic().max(sent) + self.pacing.response_timeout;
            if longer <= Instant::now() {
                self.discard(connection.id());
                return Err(Attempt::Again(self.late("answer")));
            }
            patience = longer;
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
        if current.as_ref().is_some_and(|connection| connection.id() == id) {
            *current = None;
        }
    }

    async fn open(&self) -> Result<Connection> {
        let Pacing { connect_timeout, response_timeout, .. } = self.pacing;
        let connected = tokio::time::timeout(connect_timeout + response_timeout, Connection::open(&self.info)).await;
        connected.map_err(|_| self.late("take a connection"))?.map_err(|error| match after(&error) {
            Next::Again | Next::Reconnect => self.unavailable(&error),
            _ => Error::Failed(format!("{}: {error}", self.location)),
        })
    }

    fn late(&self, what: &str) -> Error {
        Error::Unavailable(format!("{} did not {what} in time", self.location))
    }

    fn unavailable(&self, error: &RedisError) -> Error {
        Error::Unavailable(format!("{}: {error}", self.location))
    }
}
