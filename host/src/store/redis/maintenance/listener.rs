//! The listener: clears what an expired task leaves behind as soon as the server tells of it. What it may have missed it
//! tells the sweeper.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, Value};
use tokio::sync::{mpsc, watch};

use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::events;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::Script;
use crate::store::redis::task::metadata_owners;

static CLEAR_EXPIRED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("clear_expired.lua")));

/// How long to wait before listening again after the connection broke.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How often a connection that only listens is asked whether it is still one to a primary.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How many expired tasks may wait to be cleared. More are left to a sweep.
const MAX_WAITING: usize = 10_000;

/// How many expired tasks are cleared in one go.
const MAX_BATCH: usize = 50;

/// A subscription to the expired events of our database.
struct Listener {
    /// The ids of expired tasks; None when the connection is lost.
    expired: mpsc::Receiver<Option<String>>,
    /// Whether some were dropped because too many waited.
    overflown: Arc<AtomicBool>,
    connection: MultiplexedConnection,
}

impl RedisStore {
    /// Listens for expired events, over one connection after another. Tells up to when some may have been missed.
    pub(super) async fn keep_listening(&self, missed: &watch::Sender<Instant>) {
        let (mut before, mut complaint) = (false, None);
        loop {
            match self.listen().await {
                Ok(mut listener) => {
                    if before {
                        missed.send_replace(Instant::now());
                    }
                    (before, complaint) = (true, None);
                    self.enable_events(&mut listener.connection).await;
                    self.clear_as_told(listener, missed).await;
                    tracing::info!("the connection that listens for expired tasks is lost");
                }
                Err(error) => {
                    let error = error.to_string();
                    if complaint.as_ref() != Some(&error) {
                        tracing::warn!(error, "cannot listen for expired tasks; the sweep finds them later");
                        complaint = Some(error);
                    }
                }
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// Asks the server to tell of expired keys. It may have been told not to listen to us.
    async fn enable_events(&self, connection: &mut MultiplexedConnection) {
        if let Err(error) = events::enable(&self.primary, connection, events::EXPIRED).await {
            tracing::warn!(%error, "cannot make sure that the server tells of expired keys; the sweep finds them later");
        }
    }

    /// Subscribes to the expired events of our database, on the primary: replicas do not publish them.
    async fn listen(&self) -> redis::RedisResult<Listener> {
        let (sender, expired) = mpsc::channel(MAX_WAITING);
        let overflown = Arc::new(AtomicBool::new(false));
        let overflow = Arc::clone(&overflown);
        let receive = move |push: PushInfo| {
            let told = match push.kind {
                PushKind::Message => expired_task(&push).map(Some),
                PushKind::Disconnection => Some(None),
                _ => None,
            };
            if let Some(told) = told
                && sender.try_send(told).is_err()
            {
                overflow.store(true, Ordering::Relaxed);
            }
            std::result::Result::<(), RedisError>::Ok(())
        };
        let client = self.primary.push_client().await?;
        let database = client.get_connection_info().redis_settings().db();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.response_timeout))
            .set_push_sender(receive);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe(format!("__keyevent@{database}__:expired")).await?;
        Ok(Listener { expired, overflown, connection })
    }

    /// Clears expired tasks as the server tells of them, until the connection is lost.
    async fn clear_as_told(&self, mut listener: Listener, missed: &watch::Sender<Instant>) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                count = listener.expired.recv_many(&mut told, MAX_BATCH) => {
                    let ids: Vec<String> = told.drain(..).flatten().collect();
                    let lost = ids.len() < count || count == 0;
                    if let Err(error) = self.clear_expired(&ids).await {
                        tracing::warn!(%error, tasks = ids.len(), "expired tasks are left to the sweep");
                        missed.send_replace(Instant::now());
                    }
                    if listener.overflown.swap(false, Ordering::Relaxed) {
                        missed.send_replace(Instant::now());
                    }
                    if lost {
                        return;
                    }
                }
                _ = heartbeat.tick() => {
                    if !is_primary(&mut listener.connection).await {
                        return;
                    }
                }
            }
        }
    }

    /// Removes what expired tasks have left behind, unless they were saved again meanwhile. The metadata outlives a record by
    /// a minute, and says where.
    async fn clear_expired(&self, ids: &[String]) -> Result<()> {
        let owners = metadata_owners(&self.primary, ids, self.deadline()).await?;
        let call = |(id, owner): (&String, Option<Owner>)| {
            let owner = owner?;
            let mut keys = vec![keys::record(id), keys::metadata(id), keys::ALL_TASKS.to_owned()];
            keys.extend(keys::owner_indexes(&owner));
            Some((keys, vec![id.clone(), owner.service, owner.user_id]))
        };
        let calls: Vec<_> = ids.iter().zip(owners).filter_map(call).collect();
        let answers: Vec<Vec<usize>> = CLEAR_EXPIRED.run_each(&self.primary, &calls, self.deadline()).await?;
        for ((keys, args), passed_over) in calls.iter().zip(answers) {
            for index in passed_over.into_iter().filter_map(|at| keys.get(at - 1)) {
                tracing::warn!(task = args[0], index, "an index is no set, so an expired task stays in it");
            }
        }
        Ok(())
    }
}

/// The task whose expiry an event tells. None for other keys.
fn expired_task(push: &PushInfo) -> Option<String> {
    let Some(Value::BulkString(key)) = push.data.last() else { return None };
    std::str::from_utf8(key).ok().and_then(keys::id_of_record).map(str::to_owned)
}

/// Whether a connection still leads to a primary. A server that does not say is taken for one if it answers.
async fn is_primary(connection: &mut MultiplexedConnection) -> bool {
    match redis::cmd("ROLE").query_async::<Vec<Value>>(connection).await {
        Ok(role) => match role.first() {
            Some(Value::BulkString(role)) => role == b"master",
            Some(Value::SimpleString(role)) => role == "master",
            _ => true,
        },
        Err(error) => error.code() == Some("NOPERM"),
    }
}
