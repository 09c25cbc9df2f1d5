//! A new version that takes the place of the old one, a process after the other, while tasks come in: as Kubernetes does it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use task_state_tests::command::Shell;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::{Access, Status, TaskId};
use task_state_tests::wait::eventually;
use tokio::sync::RwLock;

use crate::fixture::{Request, Serving, Task, plugin};

/// How many tasks come in at least.
const TASKS: usize = 500;

/// How many processes there are at least.
const PROCESSES: usize = 2;

/// The processes that requests are sent to, by turns.
#[derive(Default)]
struct Endpoints {
    /// Read for as long as a request is under way.
    ready: RwLock<Vec<SocketAddr>>,
    /// Whether all processes are new ones.
    rolled: AtomicBool,
}

impl Endpoints {
    async fn submit(&self, turn: usize, task: &Task) -> Result<()> {
        let ready = self.ready.read().await;
        let request = Request::post("/tasks/task", &task.submission());
        let answer = request.send(ready[turn % ready.len()]).await?;
        ensure!(answer.status == 202, "{}: {answer:?}", task.task_id);
        Ok(())
    }

    /// Adds a process once it says that it is ready.
    async fn start(&self, redis: &RedisServer) -> Result<Serving> {
        let config = plugin("'analytics'", "concurrency = 8");
        let serving = Serving::start(Shell::at(redis.url())?, &config).await?;
        eventually("a new process is ready", async || is_ready(&serving).await).await;
        self.ready.write().await.push(serving.address);
        Ok(serving)
    }

    /// Has a process that runs tasks end by itself.
    async fn stop(&self, old: Serving) -> Result<()> {
        eventually("the old process runs something", async || {
            let metrics = old.ask(Request::get("/metrics")).await;
            metrics.is_ok_and(|told| {
                told.body
                    .lines()
                    .any(|line| line.strip_prefix("task_state_runs_active ").is_some_and(|active| active != "0"))
            })
        })
        .await;
        // What preStop waits for.
        self.ready.write().await.retain(|address| *address != old.address);
        let finished = old.stop().await?;
        ensure!(finished.code == Some(0), "{finished:?}");
        Ok(())
    }
}

async fn is_ready(serving: &Serving) -> bool {
    serving.ask(Request::get("/readyz")).await.is_ok_and(|answer| answer.status == 200)
}

/// A task of the load: most are short, and one in ten lasts for as long as it takes to be told to stop meanwhile.
fn task(number: usize) -> Task {
    Task::to(&format!("t{number}"), if number.is_multiple_of(10) { "pause" } else { "nothing" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_no_task_and_runs_none_twice() -> Result<()> {
    let redis = RedisServer::start().await?;
    let endpoints = Endpoints::default();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(endpoints.start(&redis).await?);
    }
    let store = processes[0].store.clone();
    let load = async {
        let mut number = 0;
        while number < TASKS || !endpoints.rolled.load(Ordering::Relaxed) {
            let task = task(number);
            task.save(&store).await?;
            endpoints.submit(number, &task).await?;
            number += 1;
            // No more than can be run meanwhile, however long the processes take.
            eventually("there is room for more", async || waiting(&store).await.is_ok_and(|some| some < 100)).await;
        }
        anyhow::Ok(number)
    };
    let rollout = async {
        for _ in 0..PROCESSES {
            let new = endpoints.start(&redis).await?;
            let old = std::mem::replace(&mut processes[0], new);
            endpoints.stop(old).await?;
            processes.rotate_left(1);
        }
        endpoints.rolled.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (count, ()) = tokio::try_join!(load, rollout)?;
    for number in 0..count {
        let (task, id) = (task(number), TaskId::new(format!("t{number}"))?);
        processes[0].until(&task.task_id, Status::Completed).await;
        let record = store.get(&id, &Access::ANY).await?;
        let begun = record.logs().iter().filter(|entry| entry.ends_with(",at work")).count();
        assert_eq!(begun, 1, "{id}: {:?}", record.logs());
    }
    assert_eq!(waiting(&store).await?, 0);
    Ok(())
}

/// How many tasks wait.
async fn waiting(store: &task_state_tests::tasks::SharedStore) -> Result<u64> {
    let waiting = store.queue().waiting().await?;
    Ok(waiting.iter().map(|lane| lane.ready + lane.delayed).sum())
}
