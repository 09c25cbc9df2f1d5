//! A server with hosts on it, straight and by way of a proxy, and what other writers do to its keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Pipeline, ToRedisArgs};
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_tests::proxy::{Proxy, Request};
use task_state_tests::redis_server::{RedisServer, command};

pub(crate) use task_state_tests::redis_store::{connect, options};
pub(crate) use task_state_tests::tasks::*;
pub(crate) use task_state_tests::wait::*;

/// How long the Python package lets tasks live, in seconds: the default.
pub(crate) const TTL: u64 = task_state_host::DEFAULT_TTL.as_secs();

/// A server of its own, with a proxy before it.
pub(crate) struct Fixture {
    pub(crate) server: RedisServer,
    pub(crate) proxy: Proxy,
    /// A host that reaches the server straight.
    pub(crate) store: Arc<RedisStore>,
    /// What another writer uses.
    pub(crate) db: MultiplexedConnection,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With options of the host that differ from the defaults.
    pub(crate) async fn with(set: impl FnOnce(&mut RedisOptions)) -> Self {
        let mut fixture = Self::on(RedisServer::start().await.unwrap()).await;
        fixture.store = connect(&fixture.server.url(), set).await;
        fixture
    }

    pub(crate) async fn on(server: RedisServer) -> Self {
        let proxy = Proxy::start(server.port()).await.unwrap();
        let store = connect(&server.url(), |_| {}).await;
        let db = server.connection().await.unwrap();
        Self { server, proxy, store, db }
    }

    /// A host that reaches the server by way of the proxy.
    pub(crate) async fn host(&self, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
        connect(&self.proxy.url(), set).await
    }

    /// Another host that reaches the server straight.
    pub(crate) async fn other_host(&self) -> Arc<RedisStore> {
        connect(&self.server.url(), |_| {}).await
    }

    /// A command of another writer.
    pub(crate) async fn run<T: FromRedisValue>(&self, words: &[impl ToRedisArgs]) -> T {
        command(words).query_async(&mut self.db.clone()).await.unwrap()
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

    /// The members of a set, sorted.
    pub(crate) async fn members(&self, index: &str) -> Vec<Vec<u8>> {
        let mut members: Vec<Vec<u8>> = self.run(&["SMEMBERS", index]).await;
        members.sort();
        members
    }

    /// Puts something of another type in the place of a key.
    pub(crate) async fn spoil(&self, key: &str) {
        self.run::<()>(&["DEL", key]).await;
        self.run::<()>(&["RPUSH", key, "something else"]).await;
    }

    pub(crate) async fn save(&self, id: &str) -> TaskId {
        save(&self.store, draft(id)).await
    }

    pub(crate) async fn save_for(&self, id: &str, service: &str, user: &str) -> TaskId {
        save(&self.store, owned_draft(id, service, user)).await
    }

    /// Plants a task as the Python package does.
    pub(crate) async fn plant(&self, id: &str, service: &str, user: &str) {
        self.plant_all(|pipeline| plant(pipeline, id, service, user)).await;
    }

    /// Plants many tasks at once.
    pub(crate) async fn plant_all(&self, all: impl FnOnce(&mut Pipeline)) {
        let mut pipeline = redis::pipe();
        all(&mut pipeline);
        pipeline.query_async::<()>(&mut self.db.clone()).await.unwrap();
    }

    /// Lets a record expire now.
    pub(crate) async fn expire(&self, id: &str) {
        self.run::<()>(&["PEXPIRE", &format!("task:{id}"), "1"]).await;
        eventually("the record expired", async || !self.exists(&format!("task:{id}")).await).await;
    }

    pub(crate) async fn has_left_nothing(&self, id: &str) {
        for (index, member) in indexes(id) {
            self.until_left(index, member).await;
        }
    }

    pub(crate) async fn keeps_its_entries(&self, id: &str) {
        for (index, member) in indexes(id) {
            assert!(self.contains(index, member).await, "{member} is missing from {index}");
        }
    }

    /// Waits until a sweep has come and gone: it removes what this plants.
    pub(crate) async fn until_swept(&self) {
        self.run::<()>(&["SADD", "index:user:sentinel", "gone"]).await;
        self.until_left("index:user:sentinel", "gone").await;
    }

    /// Waits until there is no such member, or no such index.
    pub(crate) async fn until_left(&self, index: &str, member: &str) {
        eventually(&format!("{member} left {index}"), async || !self.contains(index, member).await).await;
    }

    /// Every key that is not of the hosts' own, with its type and content.
    pub(crate) async fn dump(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let keys: Vec<String> = self.run(&["KEYS", "*"]).await;
        let mut all = BTreeMap::new();
        for key in keys.into_iter().filter(|key| !key.starts_with("task-state:")) {
            let kind: String = self.run(&["TYPE", &key]).await;
            let mut content = match kind.as_str() {
                "string" => self.run(&["MGET", &key]).await,
                "hash" => self.run(&["HGETALL", &key]).await,
                "set" => self.members(&key).await,
                "list" => self.run(&["LRANGE", &key, "0", "-1"]).await,
                other => panic!("{key} is a {other}"),
            };
            content.insert(0, kind.into_bytes());
            all.insert(key, content);
        }
        all
    }
}

/// An interval long enough for no sweep to come by itself, but the first.
pub(crate) fn no_sweeps(options: &mut RedisOptions) {
    options.sweep_interval = Duration::from_secs(86_400);
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

/// Whether a request writes: a script that is to happen once, or a number of the sequence.
pub(crate) fn writes(request: &Request<'_>) -> bool {
    let looks = request.contains("task-state:session:permissions");
    request.is("INCRBY") || (request.contains("task-state:session:") && !looks)
}

/// What a host does while it lives, until this is dropped.
pub(crate) struct Maintenance(tokio::task::JoinHandle<()>);

impl Maintenance {
    pub(crate) fn start(store: &Arc<RedisStore>) -> Self {
        let store = Arc::clone(store);
        Self(tokio::spawn(async move { store.maintain().await }))
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        self.0.abort();
    }
}
