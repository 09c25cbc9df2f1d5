//! The engines that are held to the promises.

use std::path::PathBuf;
use std::sync::Arc;

use task_state_host::record::Clock;
use task_state_host::store::SharedStore;
use task_state_host::store::redis::RedisStore;
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;

use crate::conformance::{Engine, Options};

/// A Redis server of its own for each test. Each handle connects to it as another host would.
pub(crate) struct Redis {
    server: RedisServer,
    options: Options,
}

impl Engine for Redis {
    async fn fresh(options: Options) -> Self {
        Self { server: RedisServer::start().await.unwrap(), options }
    }

    async fn open(&self) -> SharedStore {
        let mut options = redis_store::options(&self.server.url());
        options.task_ttl = self.options.ttl;
        options.rule = self.options.rule;
        Arc::new(RedisStore::connect(options, self.options.clock.clone()).await.unwrap())
    }

    async fn spoil(&self, task_id: &str) -> bool {
        self.server.run::<()>(&["SET", &format!("task:{task_id}"), "{", "KEEPTTL"]).await;
        true
    }
}

fn sqlite_options(options: Options) -> (SqliteOptions, Arc<dyn Clock>) {
    let mut sqlite = SqliteOptions::default();
    (sqlite.task_ttl, sqlite.rule) = (options.ttl, options.rule);
    (sqlite, options.clock)
}

/// SQLite in a file. Each handle opens it anew, as another process would.
pub(crate) struct SqliteFile {
    directory: tempfile::TempDir,
    options: Options,
}

impl SqliteFile {
    fn path(&self) -> PathBuf {
        self.directory.path().join("state/tasks.db")
    }
}

impl Engine for SqliteFile {
    async fn fresh(options: Options) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), options }
    }

    async fn open(&self) -> SharedStore {
        let (options, clock) = sqlite_options(self.options.clone());
        Arc::new(SqliteStore::open(self.path(), options, clock).await.unwrap())
    }

    async fn spoil(&self, task_id: &str) -> bool {
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        let sql = "UPDATE body SET record = '{' WHERE task = (SELECT num FROM task WHERE id = ?1)";
        conn.execute(sql, [task_id]).unwrap() == 1
    }
}

/// SQLite in memory. All handles are one store.
pub(crate) struct SqliteMemory(SharedStore);

impl Engine for SqliteMemory {
    async fn fresh(options: Options) -> Self {
        let (options, clock) = sqlite_options(options);
        Self(Arc::new(SqliteStore::in_memory(options, clock).unwrap()))
    }

    async fn open(&self) -> SharedStore {
        self.0.clone()
    }
}
