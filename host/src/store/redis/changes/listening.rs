//! Listening: the server tells of what is done to the keys of tasks, by whomever.
//!
//! Whether it does is not taken from its settings, which it may hide: whoever listens writes to a key of his own, and has to
//! hear of it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, Value};
use tokio::sync::Notify;

use crate::store::changes::{Feed, Mailbox};
use crate::store::redis::server::{Link, Next, next_after};
use crate::store::redis::{RedisOptions, events, keys};

/// How often it is made certain that the server still tells, and that it is a primary.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// For how long changes are gathered, so that many writes to one task are told once.
const GATHER: Duration = Duration::from_millis(50);

/// How long a probe lives that was not removed, in seconds.
const PROBE_LIFE: u32 = 60;

/// The events that a probe is to be heard by, one of each class.
static PROBED: LazyLock<[(&'static str, u8); 3]> = LazyLock::new(|| [("set", 1), ("hset", 2), ("del", 4)]);
const ALL_PROBED: u8 = 7;

/// Why nothing is heard.
pub(super) enum NotTold {
    /// There is no connection.
    Unreachable(String),
    /// The server does not tell.
    Refused(String),
}

/// A subscription to what is done to the keys of tasks in our database.
pub(super) struct Listener {
    connection: MultiplexedConnection,
    ears: Arc<Ears>,
}

/// What is heard over a connection.
struct Ears {
    /// What the channels of our database begin with.
    channels: String,
    told: Mailbox,
    lost: Notify,
    probe: String,
    probed: AtomicU8,
}

impl Listener {
    pub(super) async fn open(link: &Link, options: &RedisOptions) -> Result<Self, NotTold> {
        let unreachable = |error: RedisError| NotTold::Unreachable(error.to_string());
        let client = link.push_client().await.map_err(unreachable)?;
        let channels = format!("__keyspace@{}__:", client.get_connection_info().redis_settings().db());
        let ears = Arc::new(Ears {
            probe: keys::probe(&uuid::Uuid::new_v4().simple().to_string()),
            channels,
            told: Mailbox::default(),
            lost: Notify::new(),
            probed: AtomicU8::new(0),
        });
        let hearing = ears.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout))
            .set_push_sender(move |push: PushInfo| {
                hearing.hear(&push);
                Result::<(), RedisError>::Ok(())
            });
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(unreachable)?;
        connection.psubscribe(format!("{}{}*", ears.channels, keys::TASK)).await.map_err(refused)?;
        connection.subscribe(format!("{}{}", ears.channels, ears.probe)).await.map_err(refused)?;
        let mut listener = Self { connection, ears };
        let enabled = events::enable(link, &mut listener.connection, events::KEYS).await;
        if listener.is_told().await.map_err(refused)? {
            return Ok(listener);
        }
        Err(NotTold::Refused(match enabled {
            Err(error) => format!("its notify-keyspace-events cannot be set: {error}"),
            Ok(()) => "nothing is heard of a write of our own".to_owned(),
        }))
    }

    /// Whether the server tells of a write of ours. What it has to say comes before the answer to the last command.
    async fn is_told(&mut self) -> redis::RedisResult<bool> {
        self.ears.probed.store(0, Ordering::Relaxed);
        let key = &self.ears.probe;
        let mut probe = redis::pipe();
        probe.cmd("SET").arg(key).arg(1).arg("EX").arg(PROBE_LIFE).ignore();
        probe.cmd("DEL").arg(key).ignore();
        probe.cmd("HSET").arg(key).arg("probe").arg(1).ignore();
        probe.cmd("DEL").arg(key).ignore();
        probe.query_async::<()>(&mut self.connection).await?;
        redis::cmd("PING").query_async::<()>(&mut self.connection).await?;
        Ok(self.ears.probed.load(Ordering::Relaxed) == ALL_PROBED)
    }

    /// Tells those who watch what is heard, until the connection is lost or the server tells no longer. Says why.
    pub(super) async fn tell(mut self, feed: &Feed) -> String {
        let ears = self.ears.clone();
        let mut heartbeat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                changed = ears.told.take() => {
                    feed.tell(&changed);
                    tokio::time::sleep(GATHER).await;
                }
                () = ears.lost.notified() => return "the connection was closed".to_owned(),
                _ = heartbeat.tick() => match self.is_told().await {
                    Ok(true) => {}
                    Ok(false) => return "the server does not tell any longer".to_owned(),
                    Err(error) => return error.to_string(),
                },
            }
        }
    }
}

impl Ears {
    fn hear(&self, push: &PushInfo) {
        match push.kind {
            PushKind::Disconnection => self.lost.notify_one(),
            PushKind::Message | PushKind::PMessage => _ = self.note(&push.data),
            _ => {}
        }
    }

    /// Takes note of an event, whose last two parts are its channel and what was done.
    fn note(&self, data: &[Value]) -> Option<()> {
        let [.., Value::BulkString(channel), Value::BulkString(event)] = data else { return None };
        let key = std::str::from_utf8(channel).ok()?.strip_prefix(&self.channels)?;
        if key == self.probe {
            let heard = PROBED.iter().find(|(name, _)| name.as_bytes() == event)?.1;
            self.probed.fetch_or(heard, Ordering::Relaxed);
        } else if event != b"expire" && event != b"persist" {
            // A new time to live alone is no news, and comes with every write.
            self.told.note(keys::id_of_task(key)?);
        }
        Some(())
    }
}

fn refused(error: RedisError) -> NotTold {
    match next_after(&error) {
        Next::Again | Next::Reconnect => NotTold::Unreachable(error.to_string()),
        _ => NotTold::Refused(error.to_string()),
    }
}
