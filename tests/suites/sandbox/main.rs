//! The sandbox, by real plugins that keep its rules and others that break them.

mod attempts;
mod bombs;
mod cancellation;
mod capabilities;
mod claims;
mod events;
mod faults;
mod grants;
mod hostile;
mod leases;
mod limits;
mod loading;
mod log;
mod neighbours;
mod outcomes;
mod quotas;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_host::{Grants, Host, HostBuilder, Input, Limits, Outcome, Plugin, Run, RunRequest};
use task_state_tests::guests::guest;
use task_state_tests::tasks::*;
use task_state_tests::wait::*;

/// A host on a store in memory.
struct Sandbox {
    host: Host,
    store: SharedStore,
}

impl Sandbox {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(build: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        Self::built(memory(), build)
    }

    /// A host on a store of the test's own.
    fn on(store: SharedStore) -> Self {
        Self::built(store, |builder| builder)
    }

    fn built(store: SharedStore, build: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let host = build(Host::builder(store.clone()).max_concurrent_runs(16)).build().unwrap();
        Self { host, store }
    }

    async fn plugin(&self, name: &str) -> Plugin {
        self.plugin_with(name, Grants::for_services(["analytics"])).await
    }

    async fn plugin_with(&self, name: &str, grants: Grants) -> Plugin {
        self.host.load_file(guest(name), grants).await.unwrap()
    }

    /// Runs a guest in one of its modes to its end.
    async fn run(&self, name: &str, mode: &str) -> Outcome {
        self.plugin(name).await.run(request(mode)).await.unwrap()
    }

    /// Starts a guest in one of its modes.
    async fn start(&self, name: &str, mode: &str) -> Run {
        self.plugin(name).await.start(request(mode)).await.unwrap()
    }

    async fn task(&self, id: &TaskId) -> TaskRecord {
        get(&self.store, id).await
    }

    /// Waits until a task's log holds a message.
    async fn logged(&self, id: &TaskId, message: &str) {
        eventually(message, async || messages(&self.task(id).await).iter().any(|logged| logged == message)).await;
    }
}

fn memory() -> SharedStore {
    Arc::new(SqliteStore::in_memory(SqliteOptions::default(), clock()).unwrap())
}

/// A run of a new task of `analytics` and `alice`, whose guest is told its mode.
fn request(mode: &str) -> RunRequest {
    let mut request = RunRequest::new(Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
    request.input = Input::Bytes(mode.as_bytes().into());
    request
}

/// The same with limits of its own.
fn limited(mode: &str, set: impl FnOnce(&mut Limits)) -> RunRequest {
    let (mut request, mut limits) = (request(mode), Limits::default());
    set(&mut limits);
    request.limits = Some(limits);
    request
}

/// A run of the task with this id.
fn request_for(id: &str, mode: &str) -> RunRequest {
    let mut request = request(mode);
    request.task_id = Some(task_id(id));
    request
}

async fn printed(outcome: &Outcome) -> String {
    outcome.task().await.unwrap().result().launcher_output.unwrap_or_default()
}

/// The status and the log of a task at the end of its run.
async fn end(outcome: &Outcome) -> (Status, Vec<String>) {
    let task = outcome.task().await.unwrap();
    assert_eq!(outcome.status, task.status());
    (task.status(), messages(&task))
}

async fn assert_end(outcome: &Outcome, status: Status, log: &[&str]) {
    assert_eq!(end(outcome).await, (status, log.iter().map(|&entry| entry.to_owned()).collect()));
}

/// Begins something, and says whether it has to wait.
async fn waits<T>(mut future: Pin<&mut impl Future<Output = T>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}
