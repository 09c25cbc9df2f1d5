//! The engines that need no server, held to every promise of a store, and to what only they promise.

mod processes;

use std::path::PathBuf;
use std::sync::Arc;

use task_state_host::store::SharedStore;
use task_state_host::store::sqlite::SqliteStore;
use task_state_tests::conformance::{Engine, Options};

/// SQLite in a file. Each handle opens it anew, as another process would.
pub struct SqliteFile {
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
        let Options { ttl, clock, rule } = self.options.clone();
        Arc::new(SqliteStore::open(self.path(), ttl, clock).await.unwrap().with_rule(rule))
    }

    async fn spoil(&self, task_id: &str) -> bool {
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        let sql = "UPDATE body SET record = '{' WHERE task = (SELECT num FROM task WHERE id = ?1)";
        conn.execute(sql, [task_id]).unwrap() == 1
    }
}

/// SQLite in memory. All handles are one store.
pub struct SqliteMemory(SharedStore);

impl Engine for SqliteMemory {
    async fn fresh(options: Options) -> Self {
        let Options { ttl, clock, rule } = options;
        Self(Arc::new(SqliteStore::in_memory(ttl, clock).unwrap().with_rule(rule)))
    }

    async fn open(&self) -> SharedStore {
        self.0.clone()
    }
}

mod sqlite_file {
    task_state_tests::conformance!(super::super::SqliteFile);
}

mod sqlite_memory {
    task_state_tests::conformance!(super::super::SqliteMemory);
}
