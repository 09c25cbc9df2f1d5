//! What is done while a host lives so that an expired task leaves nothing behind: a listener for the server's expired
//! events, which makes it quick, and the sweeper, which makes it certain.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, Value};
use tokio::sync::{Notify, mpsc};

use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::{Script, parse, random_fraction};

static CLEAR_EXPIRED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("clear_expired.lua")));
static ACQUIRE_SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire_sweep.lua")));

/// How long to wait before listening again after the connection broke.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How often a connection that only listens is asked whether it is still one to a primary.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How many expired tasks may wait to be cleared. More are left to a sweep.
const MAX_WAITING: usize = 10_000;

/// How many expired tasks are cleared in one go.
const MAX_BATCH: usize = 50;

/// The longest wait between the news that events were missed and the sweep that makes up for them. Each host waits a
/// random part of it, so that one sweep serves all the hosts whose connections broke together.
const GATHER: Duration = Duration::from_secs(1);

/// How long to wait after a sweep that failed, at the most.
const SWEEP_AGAIN: Duration = Duration::from_secs(30);

/// Since when expired events may have been missed, as the listener tells the sweeper.
#[derive(Default)]
struct Missed {
    until: Mutex<Option<Instant>>,
    told: Notify,
}

impl Missed {
    /// Events up to now may have been missed.
    fn report(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.told.notify_one();
    }

    /// Waits for news. A sweep that begins after the moment that this gives makes up for what was missed.
    async fn wait(&self) -> Instant {
        loop {
            self.told.notified().await;
            if let Some(until) = self.until.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return until;
            }
        }
    }
}

/// A subscription to the expired events of our database.
struct Listener {
    /// The ids of expired tasks; None when the connection is lost.
    expired: mpsc::Receiver<Option<String>>,
    /// Whether some were dropped because too many waited.
    overflown: Arc<AtomicBool>,
    connection: MultiplexedConnection,
}

impl RedisStore {
    /// Keeps the indexes free of expired tasks, until it is dropped.
    pub(in crate::store::redis) async fn maintain_indexes(&self) {
        self.primary.move_here().await;
        let missed = Missed::default();
        tokio::join!(self.keep_listening(&missed), self.keep_sweeping(&missed));
    }

    async fn keep_listening(&self, missed: &Missed) {
        let (mut before, mut complaint) = (false, None);
        loop {
            match self.listen().await {
                Ok(listener) => {
                    if before {
                        missed.report();
                    }
                    (before, complaint) = (true, None);
                    self.enable_events().await;
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
    async fn enable_events(&self) {
        let mut read = redis::cmd("CONFIG");
        read.arg("GET").arg("notify-keyspace-events");
        let enable = async {
            let (_, flags): (String, String) = self.primary.query(&read, self.deadline()).await?;
            let has = |flag: char| flags.contains(flag);
            if has('E') && (has('x') || has('A')) {
                return Ok(());
            }
            let flags = format!("{flags}Ex");
            let mut write = redis::cmd("CONFIG");
            write.arg("SET").arg("notify-keyspace-events").arg(&flags);
            Result::Ok(self.primary.query::<()>(&write, self.deadline()).await?)
        };
        if let Err(error) = enable.await {
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
        let client = self.primary.push_client()?;
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
    async fn clear_as_told(&self, mut listener: Listener, missed: &Missed) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut told = Vec::new();
        loop {
            tokio::select! {
                count = listener.expired.recv_many(&mut told, MAX_BATCH) => {
                    let ids: Vec<String> = told.drain(..).flatten().collect();
                    let lost = ids.len() < count || count == 0;
                    if let Err(error) = self.clear_expired(&ids).await {
                        tracing::warn!(%error, tasks = ids.len(), "expired tasks are left to the sweep");
                        missed.report();
                    }
                    if listener.overflown.swap(false, Ordering::Relaxed) {
                        missed.report();
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

    /// Removes what expired tasks have left behind. The metadata outlives a record by a minute, and says where.
    async fn clear_expired(&self, ids: &[String]) -> Result<()> {
        let mut calls = Vec::with_capacity(ids.len());
        for (id, owner) in ids.iter().zip(self.metadata_owners(ids).await?) {
            let Some(owner) = owner else { continue };
            let mut keys = vec![keys::record(id), keys::metadata(id), keys::ALL_TASKS.to_owned()];
            keys.extend(keys::owner_indexes(&owner));
            calls.push((keys, vec![id.clone(), owner.service, owner.user_id]));
        }
        let answers: Vec<Vec<usize>> = CLEAR_EXPIRED.run_each(&self.primary, &calls, self.deadline()).await?;
        for ((keys, args), passed_over) in calls.iter().zip(answers) {
            for key in passed_over.into_iter().filter_map(|at| keys.get(at - 1)) {
                tracing::warn!(task = args[0], key, "an index is no set, so an expired task stays in it");
            }
        }
        Ok(())
    }

    /// The owners that the metadata of tasks names. None where there is none that can be read.
    async fn metadata_owners(&self, ids: &[String]) -> Result<Vec<Option<Owner>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for id in ids {
            pipeline.cmd("HMGET").arg(keys::metadata(id)).arg(&["service", "user_id"]);
        }
        let answers: Vec<Value> = self.primary.query_all(&pipeline, self.deadline()).await?;
        let owner = |answer| {
            let (service, user_id): (Option<String>, Option<String>) = parse(answer).ok()?;
            service.zip(user_id).map(|(service, user_id)| Owner { service, user_id })
        };
        Ok(answers.into_iter().map(owner).collect())
    }

    /// Sweeps at every interval, and after events may have been missed.
    async fn keep_sweeping(&self, missed: &Missed) {
        // The first sweep makes up for the time in which no host lived.
        let mut next = Instant::now();
        let mut wanted_since = None;
        loop {
            tokio::select! {
                since = missed.wait() => {
                    wanted_since = Some(since);
                    next = next.min(Instant::now() + GATHER.mul_f64(random_fraction()));
                    continue;
                }
                () = tokio::time::sleep_until(next.into()) => {}
            }
            let interval = self.options.sweep_interval;
            // Without news, the sweep of another host will do.
            let age = wanted_since.take().map_or(interval / 2, |since: Instant| since.elapsed());
            next = Instant::now() + interval;
            if let Err(error) = self.sweep_in_turn(age).await {
                tracing::warn!(%error, "cannot sweep the indexes");
                wanted_since = Some(Instant::now());
                next = Instant::now() + interval.min(SWEEP_AGAIN);
            }
        }
    }

    /// Sweeps, unless a sweep began less than `age` ago.
    async fn sweep_in_turn(&self, age: Duration) -> Result<()> {
        let began = Instant::now();
        let [age, remember] = [age, self.options.sweep_interval].map(|time| time.as_millis().max(1).to_string());
        let turn = uuid::Uuid::new_v4().simple().to_string();
        if self.run::<u8>(&ACQUIRE_SWEEP, &[keys::SWEEP_TURN], &[&age, &remember, &turn]).await? == 1 {
            let report = self.sweep().await?;
            Self::tell(&report, began);
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
