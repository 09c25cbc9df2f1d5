//! What an error says of the next attempt, and how long to wait before it.

use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::Error;
use crate::store::redis::options::RedisOptions;

/// What an error says of the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It would fail in the same way.
    Fails,
    /// It would fail in the same way: a key holds a value of another type.
    FailsByType,
    /// It may succeed over the same connection.
    Again,
    /// It may succeed over another connection.
    Reconnect,
    /// It may succeed with the script's text.
    WithText,
}

/// The code of an error about a key that holds a value of another type.
pub(super) const WRONG_TYPE: &str = "WRONGTYPE";

pub(super) fn after(error: &RedisError) -> Next {
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
#[derive(Debug)]
pub(in crate::store::redis) enum Failure {
    /// The server does not know the script (any more): it has to be sent whole.
    UnknownScript(Error),
    /// A key holds a value of another type. The server does not say which one.
    WrongType(Error),
    /// Everything else.
    Store(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::UnknownScript(error) | Failure::WrongType(error) | Failure::Store(error) => error,
        }
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacing {
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) min_backoff: Duration,
    pub(super) max_backoff: Duration,
}

impl Pacing {
    pub(super) fn of(options: &RedisOptions) -> Self {
        Self {
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            min_backoff: options.min_backoff,
            max_backoff: options.max_backoff,
        }
    }
}

/// Pauses between attempts: they double, and a random part of each is left out, so that the hosts of a server that
/// comes back do not all ask at once.
pub(super) struct Backoff {
    next: Duration,
    most: Duration,
}

/// The deadline comes before the end of the pause.
pub(super) struct Late;

impl Backoff {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self { next: pacing.min_backoff, most: pacing.max_backoff }
    }

    pub(super) async fn pause(&mut self, deadline: Instant) -> std::result::Result<(), Late> {
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
