//! The Redis engine, held to every promise of a store, and to those that only it makes.

mod check;
mod cost;
mod expiry;
mod faults;
mod follow;
mod history;
mod keys;
mod listing;
mod stand;

use std::sync::Arc;

use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_host::store::{SharedStore, StoreUrl};
use task_state_tests::conformance::{Engine, Options};
use task_state_tests::redis_server::RedisServer;

/// A server of its own for each test. Each handle connects to it as another host would.
pub struct Redis {
    server: RedisServer,
    options: Options,
}

/// The options for a host of a server.
pub fn options(url: &str) -> RedisOptions {
    let StoreUrl::Redis(url) = StoreUrl::parse(url).unwrap() else { panic!("{url} is no URL of Redis") };
    RedisOptions::new(url)
}

impl Engine for Redis {
    async fn fresh(options: Options) -> Self {
        Self { server: RedisServer::start().await.unwrap(), options }
    }

    async fn open(&self) -> SharedStore {
        let mut options = options(&self.server.url());
        options.task_ttl = self.options.ttl;
        options.rule = self.options.rule;
        let clock = self.options.clock.clone();
        Arc::new(RedisStore::connect(options, clock).await.unwrap())
    }

    async fn spoil(&self, task_id: &str) -> bool {
        let mut connection = self.server.connection().await.unwrap();
        let mut set = redis::cmd("SET");
        set.arg(format!("task:{task_id}")).arg("{").arg("KEEPTTL");
        set.query_async::<()>(&mut connection).await.unwrap();
        true
    }
}

mod conformance {
    task_state_tests::conformance!(super::super::Redis);
}
