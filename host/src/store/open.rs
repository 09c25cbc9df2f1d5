//! From a URL and the settings to a store.

use std::sync::Arc;

use super::redis::{RedisOptions, RedisStore};
use super::sqlite::{SqliteOptions, SqliteStore};
use super::{Result, SharedStore, StoreUrl};
use crate::record::SystemClock;
use crate::settings::Settings;

/// Opens a store with the system's clock.
///
/// # Errors
/// [`Error::Unavailable`](super::Error::Unavailable) if it cannot be reached,
/// [`Error::Failed`](super::Error::Failed) if it does not let us in or cannot be used.
pub async fn open(url: &StoreUrl, settings: &Settings) -> Result<SharedStore> {
    let clock = Arc::new(SystemClock::new(settings.time_zone.clone()));
    let sqlite = SqliteOptions { task_ttl: settings.task_ttl, ..SqliteOptions::default() };
    Ok(match url {
        StoreUrl::Redis(url) => {
            let mut options = RedisOptions::new(url.clone());
            if let Some(StoreUrl::Redis(read)) = &settings.read_url {
                options.read_url = Some(read.clone());
            }
            options.task_ttl = settings.task_ttl;
            Arc::new(RedisStore::connect(options, clock).await?)
        }
        StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path, sqlite, clock).await?),
        StoreUrl::Memory => Arc::new(SqliteStore::in_memory(sqlite, clock)?),
    })
}
