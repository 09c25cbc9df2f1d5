//! The dispatcher: what becomes of tasks that are submitted, by real plugins on real stores.

mod adoption;
mod blind_writers;
mod cancellation;
mod failures;
mod input;
mod processes;
mod sharing;
mod submission;

use std::sync::Arc;
use std::time::Duration;

use task_state_host::dispatch::{Cancellation, Dispatcher, DispatcherBuilder, Route, Submission};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::{Grants, Host, Plugin};
use task_state_tests::guests::guest;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;
use task_state_tests::tasks::*;
use task_state_tests::wait::*;

/// A time that never comes in a test.
const LONG: Duration = Duration::from_secs(3_600);

/// A datastore of a test's own, which each process opens for itself.
enum Data {
    Redis(RedisServer),
    Sqlite(tempfile::TempDir),
}

impl Data {
    async fn redis() -> Self {
        Self::Redis(RedisServer::start().await.unwrap())
    }

    async fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// Where it is, as a store's URL.
    fn url(&self) -> String {
        match self {
            Self::Redis(server) => server.url(),
            Self::Sqlite(directory) => format!("sqlite:{}", directory.path().join("tasks.db").display()),
        }
    }

    async fn open(&self) -> SharedStore {
        match self {
            Self::Redis(server) => {
                Arc::new(RedisStore::connect(redis_store::options(&server.url()), clock()).await.unwrap())
            }
            Self::Sqlite(directory) => {
                let path = directory.path().join("tasks.db");
                Arc::new(SqliteStore::open(path, SqliteOptions::default(), clock()).await.unwrap())
            }
        }
    }
}

/// Makes a test of each of these functions for each engine.
macro_rules! on_both_engines {
    ($($test:ident,)*) => {
        on_both_engines! { @ redis $($test)* }
        on_both_engines! { @ sqlite $($test)* }
    };
    (@ $engine:ident $($test:ident)*) => {
        mod $engine {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                Box::pin(super::$test(crate::Data::$engine().await)).await;
            })*
        }
    };
}
use on_both_engines;

/// A host with a dispatcher, as one process has them.
struct Platform {
    store: SharedStore,
    host: Host,
    dispatcher: Dispatcher,
}

impl Platform {
    /// One that runs the tasks of `analytics` on the plugin `report`, whose mode is a parameter of the task.
    async fn start(data: &Data) -> Self {
        Self::with(data, |builder| builder, |_| {}).await
    }

    async fn with(
        data: &Data,
        build: impl FnOnce(DispatcherBuilder) -> DispatcherBuilder,
        set: impl FnOnce(&mut Route),
    ) -> Self {
        let idle = Self::idle(data, build).await;
        let mut route = Route::new(idle.plugin().await, ["analytics"]);
        set(&mut route);
        idle.dispatcher.set_routes(vec![route]);
        idle
    }

    /// One without routes.
    async fn idle(data: &Data, build: impl FnOnce(DispatcherBuilder) -> DispatcherBuilder) -> Self {
        Self::on(data.open().await, build)
    }

    fn on(store: SharedStore, build: impl FnOnce(DispatcherBuilder) -> DispatcherBuilder) -> Self {
        let host = Host::builder(store.clone()).lease(Duration::from_secs(2)).build().unwrap();
        let dispatcher = build(Dispatcher::builder(host.clone())).build();
        Self { store, host, dispatcher }
    }

    async fn plugin(&self) -> Plugin {
        self.host.load_file(guest("report"), Grants::for_services(["analytics"])).await.unwrap()
    }

    /// Registers a pending task and submits it.
    async fn submit(&self, id: &str, mode: &str) -> TaskId {
        self.submit_for("alice", id, mode).await
    }

    async fn submit_for(&self, user: &str, id: &str, mode: &str) -> TaskId {
        let id = register(&self.store, id, user, mode, Status::Pending).await;
        self.dispatcher.submit(&submission_for(user, &id, mode)).await.unwrap();
        id
    }

    async fn task(&self, id: &TaskId) -> TaskRecord {
        get(&self.store, id).await
    }

    async fn log(&self, id: &TaskId) -> Vec<String> {
        messages(&self.task(id).await)
    }

    /// Waits until a task is in a status. One that has ended in another does not come to it any more.
    async fn becomes(&self, id: &TaskId, status: Status) {
        eventually(status.as_str(), async || {
            let task = self.task(id).await;
            let is_reached = task.status() == status;
            assert!(is_reached || !task.status().is_terminal(), "not {status}: {task:?}");
            is_reached
        })
        .await;
    }

    /// Waits until a task's log holds a message.
    async fn logged(&self, id: &TaskId, message: &str) {
        eventually(message, async || self.log(id).await.iter().any(|logged| logged == message)).await;
    }

    /// How many tasks wait in the queue, delayed ones included.
    async fn waiting(&self) -> u64 {
        self.store.queue().waiting().await.unwrap().iter().map(|lane| lane.ready + lane.delayed).sum()
    }
}

/// Registers a task of `analytics` whose plugin is told its mode.
async fn register(store: &SharedStore, id: &str, user: &str, mode: &str, status: Status) -> TaskId {
    let mut draft = owned_draft(id, "analytics", user);
    (draft.status, draft.parameters) = (status, parameters(mode));
    save(store, draft).await
}

fn parameters(mode: &str) -> JsonObject {
    // `log-steadily 10` has another parameter.
    let (mode, entries) = mode.split_once(' ').unwrap_or((mode, "0"));
    json(&format!("{{\"mode\": \"{mode}\", \"entries\": \"{entries}\"}}"))
}

/// What a caller says who believes the right things of a task.
fn submission(id: &TaskId, mode: &str) -> Submission {
    submission_for("alice", id, mode)
}

fn submission_for(user: &str, id: &TaskId, mode: &str) -> Submission {
    let (task_id, service, user_id) = (id.clone(), "analytics".to_owned(), user.to_owned());
    Submission { task_id, service, user_id, parameters: parameters(mode) }
}

fn cancellation(id: &TaskId) -> Cancellation {
    Cancellation { task_id: id.clone(), service: "analytics".to_owned(), user_id: "alice".to_owned() }
}
