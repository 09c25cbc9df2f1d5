//! A store on a server of its own, and what other writers do to its keys.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use task_state_host::record::{Draft, Service, SystemClock, TaskId, TimeZone, UserId};
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_host::store::{Access, Precondition, TaskStore};
use task_state_tests::redis_server::RedisServer;

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the Python package lets tasks live, in seconds: the default.
const TTL: u64 = task_state_host::DEFAULT_TTL.as_secs();

/// A store on a server of its own.
pub(crate) struct Stand {
    pub(crate) server: RedisServer,
    pub(crate) store: Arc<RedisStore>,
    /// What another writer uses.
    pub(crate) db: MultiplexedConnection,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With options that differ from the defaults.
    pub(crate) async fn with(set: impl FnOnce(&mut RedisOptions)) -> Self {
        Self::on(RedisServer::start().await.unwrap(), set).await
    }

    pub(crate) async fn on(server: RedisServer, set: impl FnOnce(&mut RedisOptions)) -> Self {
        let store = connect(&server.url(), set).await;
        let db = server.connection().await.unwrap();
        Self { server, store, db }
    }

    /// A command of another writer.
    pub(crate) async fn run<T: FromRedisValue>(&self, words: &[impl ToRedisArgs]) -> T {
        let mut cmd = redis::Cmd::new();
        for word in words {
            cmd.arg(word);
        }
        cmd.query_async(&mut self.db.clone()).await.unwrap()
    }

    pub(crate) async fn exists(&self, key: &str) -> bool {
        self.run(&["EXISTS", key]).await
    }

    pub(crate) async fn ttl(&self, key: &str) -> i64 {
        self.run(&["TTL", key]).await
    }

    pub(crate) async fn contains(&self, index: &str, member: &str) -> bool {
        self.run(&["SISMEMBER", index, member]).await
    }

    /// Plants a task as the Python package does.
    pub(crate) async fn plant(&self, id: &str, service: &str, user: &str) {
        let mut pipeline = redis::pipe();
        plant(&mut pipeline, id, service, user);
        pipeline.query_async::<()>(&mut self.db.clone()).await.unwrap();
    }

    /// Saves a task of analytics and alice.
    pub(crate) async fn save(&self, id: &str) -> TaskId {
        self.save_for(id, "analytics", "alice").await
    }

    pub(crate) async fn save_for(&self, id: &str, service: &str, user: &str) -> TaskId {
        let draft = Draft::new(Service::new(service).unwrap(), UserId::new(user).unwrap());
        let draft = draft.with_id(TaskId::new(id).unwrap());
        self.store.save(draft, Precondition::None, &Access::ANY).await.unwrap()
    }

    /// Waits until there is no such member, or no such index.
    pub(crate) async fn until_left(&self, index: &str, member: &str) {
        eventually(&format!("{member} left {index}"), async || !self.contains(index, member).await).await;
    }
}

/// Another host of a server.
pub(crate) async fn connect(url: &str, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
    let mut options = super::options(url);
    set(&mut options);
    let clock = SystemClock::new(TimeZone::named("Asia/Seoul").unwrap());
    Arc::new(RedisStore::connect(options, Arc::new(clock)).await.unwrap())
}

/// The indexes that name a task of analytics and alice, each with the member that does.
pub(crate) fn indexes(id: &str) -> [(&'static str, &str); 5] {
    [
        ("index:tasks", id),
        ("index:service:analytics", id),
        ("index:service:analytics:user:alice", id),
        ("index:user:alice", id),
        ("index:service:analytics:users", "alice"),
    ]
}

/// A record as the Python package writes it.
pub(crate) fn wire(id: &str, service: &str, user: &str) -> String {
    format!(
        "{{\"task_id\":\"{id}\",\"service\":\"{service}\",\"user_id\":\"{user}\",\"status\":\"running\",\
         \"parameters\":{{}},\"active_jobs\":[],\"created_at\":\"2025-11-17T10:00:16.515926+09:00\",\
         \"updated_at\":\"2025-11-17T10:00:16.515926+09:00\",\"logs\":[],\
         \"result\":{{\"pod_status\":null,\"launcher_output\":null}},\"priority\":\"low\"}}"
    )
}

/// What the Python package does to save a task.
pub(crate) fn plant(pipeline: &mut Pipeline, id: &str, service: &str, user: &str) {
    pipeline.cmd("SET").arg(format!("task:{id}")).arg(wire(id, service, user)).arg("EX").arg(TTL).ignore();
    let metadata = format!("task:{id}:metadata");
    pipeline.cmd("HSET").arg(&metadata).arg(&["service", service, "user_id", user]).ignore();
    pipeline.cmd("EXPIRE").arg(&metadata).arg(TTL + 60).ignore();
    plant_entries(pipeline, id, service, user);
}

/// The index entries of a task.
pub(crate) fn plant_entries(pipeline: &mut Pipeline, id: &str, service: &str, user: &str) {
    for (index, member) in [
        ("index:tasks".to_owned(), id),
        (format!("index:service:{service}"), id),
        (format!("index:service:{service}:users"), user),
        (format!("index:service:{service}:user:{user}"), id),
        (format!("index:user:{user}"), id),
    ] {
        pipeline.cmd("SADD").arg(&index).arg(member).ignore();
        pipeline.cmd("EXPIRE").arg(&index).arg(TTL + 60).ignore();
    }
}

/// Work that goes on until it is dropped.
pub(crate) struct Background(tokio::task::JoinHandle<()>);

impl Background {
    pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// What a host does while it lives.
    pub(crate) fn maintain(store: &Arc<RedisStore>) -> Self {
        let store = Arc::clone(store);
        Self::start(async move { store.maintain().await })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "in {PATIENCE:?} it did not happen that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
