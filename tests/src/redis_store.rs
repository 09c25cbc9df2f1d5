//! Hosts of a Redis server.

use std::sync::Arc;

use task_state_host::store::redis::{RedisOptions, RedisStore};
use task_state_host::store::{RedisUrl, StoreUrl};

use crate::tasks::clock;

/// A URL of Redis.
pub fn redis_url(url: &str) -> RedisUrl {
    let StoreUrl::Redis(url) = StoreUrl::parse(url).unwrap() else { panic!("{url} is no URL of Redis") };
    url
}

/// The options for a host of a server.
pub fn options(url: &str) -> RedisOptions {
    RedisOptions::new(redis_url(url))
}

/// A host of a server, with options that differ from the defaults.
pub async fn connect(url: &str, set: impl FnOnce(&mut RedisOptions)) -> Arc<RedisStore> {
    let mut options = options(url);
    set(&mut options);
    Arc::new(RedisStore::connect(options, clock()).await.unwrap())
}
