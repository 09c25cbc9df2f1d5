//! One connection, and what its server was found to be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisResult, ServerErrorKind};

use super::auto_pipeline::{AutoPipeline, Request};
use super::retry::{Next, after};
use super::stream::{Stream, Traffic};
use crate::store::redis::keys;

/// How many requests may wait for the connection's driver before their senders do.
const REQUESTS_AHEAD: usize = 1_024;

/// A live connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) pipeline: AutoPipeline,
    /// A number that no other connection has.
    pub(super) id: u64,
    pub(super) traffic: Arc<Traffic>,
    clock: Mutex<ServerClock>,
    /// Why the user may not run the scripts, if so.
    denied: Option<Arc<str>>,
}

/// What the server's clock showed at a moment of ours.
#[derive(Debug, Clone, Copy)]
struct ServerClock {
    at: Instant,
    millis: u64,
}

impl Connection {
    /// Connects, on the present runtime.
    pub(super) async fn open(info: &ConnectionInfo) -> RedisResult<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let stream = Stream::connect(info.addr()).await?;
        let traffic = Arc::clone(&stream.traffic);
        // Who sends a request has patience of his own: one timer for it is enough.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(REQUESTS_AHEAD);
        let (mut client, driver) =
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
        tokio::spawn(driver);
        let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut client).await?;
        let clock = ServerClock { at: Instant::now(), millis: seconds * 1_000 + micros / 1_000 };
        let denied = denied_command(&mut client).await?;
        Ok(Self {
            pipeline: AutoPipeline::new(client),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            traffic,
            clock: Mutex::new(clock),
            denied,
        })
    }

    /// A moment of ours as milliseconds of the server's clock; early rather than late, by one round trip at the most.
    pub(super) fn server_millis(&self, at: Instant) -> u64 {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = at.saturating_duration_since(clock.at);
        clock.millis.saturating_add(u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX))
    }

    /// Takes note of what the server's clock shows now: clocks are set, and drift.
    pub(super) fn set_clock(&self, millis: u64) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = ServerClock { at: Instant::now(), millis };
    }

    /// A request that runs scripts. One that stops half-way for want of a permission would leave what it has written, so
    /// it is not sent.
    pub(super) fn scripted(&self, request: impl FnOnce() -> Request) -> Request {
        self.denied.as_ref().map_or_else(request, |why| Request::Denied(Arc::clone(why)))
    }
}

/// Why the user may not run the scripts: it lacks the permission for a command that they use.
async fn denied_command(client: &mut MultiplexedConnection) -> RedisResult<Option<Arc<str>>> {
    let mut look = redis::cmd("EVAL");
    look.arg(include_str!("permissions.lua")).arg(1).arg(keys::session("permissions"));
    match look.query_async::<String>(client).await {
        Ok(command) if command.is_empty() => Ok(None),
        Ok(command) => {
            let why = format!("the user may not run the command {command} on keys that begin with task-state:");
            Ok(Some(why.into()))
        }
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(Some(error.to_string().into())),
        // Whatever else is wrong shows when a script is run.
        Err(error) if after(&error) == Next::Fails => Ok(None),
        Err(error) => Err(error),
    }
}
