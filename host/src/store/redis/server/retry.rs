//! What an answer is taken for: what was asked for, or an error that says something of the next attempt and of the pause
//! before it.

use std::time::{Duration, Instant};

use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};

use crate::jitter::random_fraction;
use crate::store::redis::options::RedisOptions;
use crate::store::{Error, Result};

/// What an error says of the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::redis) enum Next {
    /// It would fail in the same way.
    Fails,
    /// It would fail in the same way: a key holds a value of another type. The server does not say which one.
    FailsByType,
    /// It may succeed over the same connection.
    Again,
    /// It may succeed over another connection.
    Reconnect,
    /// It may succeed with the script's text: the server does not know the script (any more).
    WithText,
}

/// The code of an error about a key that holds a value of another type.
pub(super) const WRONG_TYPE: &str = "WRONGTYPE";

pub(in crate::store::redis) fn after(error: &RedisError) -> Next {
    if is_wrong_type(error) {
        return Next::FailsByType;
    }
    match error.kind() {
        ErrorKind::Io | ErrorKind::Parse => Next::Reconnect,
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::NoScript => Next::WithText,
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => Next::Reconnect,
            ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown => Next::Again,
            _ => Next::Fails,
        },
        _ => match error.code() {
            Some("BUSY" | "NOREPLICAS") => Next::Again,
            Some("UNBLOCKED" | "NOMASTERLINK") => Next::Reconnect,
            _ => Next::Fails,
        },
    }
}

/// Whether an error is about a key that holds a value of another type. A pipeline's error has one for each command.
pub(in crate::store::redis) fn is_wrong_type(error: &RedisError) -> bool {
    let of_pipeline = || error.clone().into_server_errors();
    error.code() == Some(WRONG_TYPE)
        || of_pipeline().is_some_and(|errors| errors.iter().any(|(_, error)| error.code() == WRONG_TYPE))
}

/// Why a request got no answer.
#[derive(Debug, Clone)]
pub(in crate::store::redis) struct Failure {
    pub(in crate::store::redis) next: Next,
    pub(in crate::store::redis) error: Error,
}

/// What a request comes to.
pub(in crate::store::redis) type Answer<T> = std::result::Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { next: Next::Fails, error }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// An answer as what it was asked for.
pub(in crate::store::redis) fn parse<T: FromRedisValue>(value: Value) -> Result<T> {
    redis::from_redis_value(value).map_err(|error| Error::Failed(format!("an answer that cannot be read: {error}")))
}

/// The answers to several reads, of which those to keys of another type are None.
pub(in crate::store::redis) fn right_typed<T: FromRedisValue>(
    answers: Vec<RedisResult<Value>>,
) -> Result<Vec<Option<T>>> {
    let right_typed = |answer: RedisResult<Value>| match answer {
        Ok(value) => parse(value).map(Some),
        Err(error) if is_wrong_type(&error) => Ok(None),
        Err(error) => Err(Error::Failed(error.to_string())),
    };
    answers.into_iter().map(right_typed).collect()
}

/// Pauses between attempts: they double, and a random part of each is left out, so that the hosts of a server that
/// comes back do not all ask at once.
pub(super) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub(super) fn new(options: &RedisOptions) -> Self {
        Self { next: options.min_backoff, most: options.max_backoff }
    }

    /// Waits before the next attempt. There is none after a failure that would come again, or after the deadline.
    pub(super) async fn pause(&mut self, failure: Failure, deadline: Instant) -> Answer<()> {
        let pause = self.next.mul_f64(0.5 + 0.5 * random_fraction());
        self.next = (self.next * 2).min(self.most);
        if !matches!(failure.next, Next::Again | Next::Reconnect) || Instant::now() + pause >= deadline {
            return Err(failure);
        }
        tracing::debug!(error = %failure.error, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
