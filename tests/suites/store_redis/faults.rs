//! What goes wrong between a host and its Redis, and in it: what was acknowledged is there once, what was not is there at
//! most once, and nothing is half-written.

mod limits;
mod once;
mod others;
mod peer;
mod replicas;
mod servers;
mod types;
mod urls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use task_state_host::record::{Draft, Service, SystemClock, TaskId, TaskRecord, TimeZone, UserId};
use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_host::store::{Access, Precondition, TaskStore};
use task_state_tests::proxy::{Proxy, Request};
use task_state_tests::redis_server::RedisServer;

use super::options;

/// How long something may take that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, a proxy before it, and a look behind the proxy.
pub(crate) struct Bench {
    pub(crate) server: RedisServer,
    pub(crate) proxy: Proxy,
    pub(crate) redis: MultiplexedConnection,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(RedisServer::start().await.unwrap()).await
    }

    pub(crate) async fn with(server: RedisServer) -> Self {
        let proxy = Proxy::start(server.port()).await.unwrap();
        let redis = server.connection().await.unwrap();
        Self { server, proxy, redis }
    }

    /// A host that reaches the server by way of the proxy.
    pub(crate) async fn host(&self, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
        connect(&self.proxy.url(), set).await
    }

    /// A host that reaches the server straight.
    pub(crate) async fn other_host(&self) -> Arc<RedisStore> {
        connect(&self.server.url(), |_| {}).await
    }

    /// What the server holds, but for what hosts remember there for themselves.
    pub(crate) async fn dump(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        dump(&mut self.redis.clone()).await
    }
}

/// A host.
pub(crate) async fn connect(url: &str, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
    let mut options = options(url);
    options.task_ttl = Duration::from_secs(3_600);
    set(&mut options);
    Arc::new(RedisStore::connect(options, clock()).await.unwrap())
}

pub(crate) fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::new(TimeZone::named("Asia/Seoul").unwrap()))
}

/// Every key that is not of the hosts' own, with its type and content.
pub(crate) async fn dump(redis: &mut MultiplexedConnection) -> BTreeMap<String, Vec<Vec<u8>>> {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(redis).await.unwrap();
    let mut all = BTreeMap::new();
    for key in keys.into_iter().filter(|key| !key.starts_with("task-state:")) {
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(redis).await.unwrap();
        let mut read = match kind.as_str() {
            "string" => redis::cmd("MGET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "list" => redis::cmd("LRANGE"),
            other => panic!("{key} is a {other}"),
        };
        read.arg(&key);
        if kind == "list" {
            read.arg(0).arg(-1);
        }
        let mut content: Vec<Vec<u8>> = read.query_async(redis).await.unwrap();
        if kind == "set" {
            content.sort();
        }
        content.insert(0, kind.into_bytes());
        all.insert(key, content);
    }
    all
}

pub(crate) fn task_id(id: &str) -> TaskId {
    TaskId::new(id).unwrap()
}

/// A pending task of analytics and alice.
pub(crate) fn draft(id: &str) -> Draft {
    Draft::new(Service::new("analytics").unwrap(), UserId::new("alice").unwrap()).with_id(task_id(id))
}

/// Saves whatever is there.
pub(crate) async fn save(store: &RedisStore, draft: Draft) -> TaskId {
    store.save(draft, Precondition::None, &Access::ANY).await.unwrap()
}

pub(crate) async fn get(store: &RedisStore, id: &TaskId) -> TaskRecord {
    store.get(id, &Access::ANY).await.unwrap()
}

/// What the entries of a record say, without their times.
pub(crate) fn messages(record: &TaskRecord) -> Vec<String> {
    record.logs().iter().map(|entry| entry.split_once(',').unwrap().1.to_owned()).collect()
}

/// Whether a request writes: a script that is to happen once, or a number of the sequence.
pub(crate) fn writes(request: &Request<'_>) -> bool {
    let looks = request.contains("task-state:session:permissions");
    request.is("INCR") || (request.contains("task-state:session:") && !looks)
}

/// Waits for something that must not take for ever.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in {PATIENCE:?} there was no {what}"))
}

/// Waits until a look at the world shows what is waited for.
pub(crate) async fn eventually(what: &str, mut look: impl AsyncFnMut() -> bool) {
    soon(what, async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
