//! Tasks on their way through a platform.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use task_state_host::record::{Draft, JsonObject, Service, Status, TaskId, UserId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{Access, Precondition, TaskStore as _};
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store::connect;

use crate::client::Client;
use crate::platform::Platform;

/// How many requests of a client's are under way at once.
pub(crate) const AT_ONCE: usize = 32;

/// How many unfinished tasks are asked about at once: a look is to cost little.
const LOOK: usize = 100;

/// A server, and the store on it.
pub(crate) struct Fixture {
    pub(crate) server: RedisServer,
    pub(crate) store: Arc<RedisStore>,
    serial: u64,
}

impl Fixture {
    pub(crate) async fn new() -> Result<Self> {
        let server = RedisServer::start().await?;
        let store = connect(&server.url(), |_| {}).await;
        Ok(Self { server, store, serial: 0 })
    }

    /// Registers tasks as the frontend does.
    pub(crate) async fn register(&mut self, count: usize, parameters: &str) -> Result<Vec<TaskId>> {
        self.serial += 1;
        let (serial, store) = (self.serial, &self.store);
        let parameters = JsonObject::parse("parameters", parameters)?;
        let save = |number: usize| {
            let parameters = parameters.clone();
            async move {
                let user = UserId::new(format!("user-{}", number % 10))?;
                let mut draft = Draft::new(Service::new("analytics")?, user);
                draft.task_id = Some(TaskId::new(format!("bench-{serial}-{number}"))?);
                draft.parameters = parameters;
                anyhow::Ok(store.save(draft, Precondition::Absent, &Access::ANY).await?)
            }
        };
        stream::iter(0..count).map(save).buffered(256).try_collect().await
    }

    /// Waits until all have ended.
    pub(crate) async fn until_ended(&self, tasks: &[TaskId]) -> Result<()> {
        let mut left: Vec<_> = tasks.iter().map(|id| (id.clone(), Access::ANY)).collect();
        let start = Instant::now();
        while !left.is_empty() {
            let looked_at = left.len().min(LOOK);
            let statuses = self.store.statuses(&left[left.len() - looked_at..]).await?;
            let first = left.len() - looked_at;
            for (at, status) in statuses.into_iter().enumerate().rev() {
                match status? {
                    Status::Completed => _ = left.remove(first + at),
                    Status::Failed | Status::Cancelled => bail!("task {:?} has not completed", left[first + at].0),
                    _ => {}
                }
            }
            ensure!(start.elapsed() < Duration::from_secs(300), "{} tasks have not ended", left.len());
            if !left.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Submits tasks that were registered, and gives the times until all were accepted and until all had ended.
    pub(crate) async fn send(&self, platform: &Platform, tasks: &[TaskId], parameters: &str) -> Result<(f64, f64)> {
        let clients = platform.clients(AT_ONCE).await?;
        let start = Instant::now();
        let parts = clients.into_iter().enumerate().map(|(part, client)| {
            let own = tasks.iter().enumerate().skip(part).step_by(AT_ONCE);
            submit_all(client, own.collect(), parameters)
        });
        futures_util::future::try_join_all(parts).await?;
        let accepted = start.elapsed().as_secs_f64();
        self.until_ended(tasks).await?;
        Ok((accepted, start.elapsed().as_secs_f64()))
    }
}

async fn submit_all(mut client: Client, tasks: Vec<(usize, &TaskId)>, parameters: &str) -> Result<()> {
    for (number, id) in tasks {
        client.post("/tasks/task", &submission(id, number, parameters)).await?;
    }
    Ok(())
}

/// What the frontend sends.
pub(crate) fn submission(id: &TaskId, number: usize, parameters: &str) -> String {
    let user = number % 10;
    format!(r#"{{"task_id":"{id}","service":"analytics","user_id":"user-{user}","parameters":{parameters}}}"#)
}
