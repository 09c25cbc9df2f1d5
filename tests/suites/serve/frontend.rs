//! The DMS frontend itself, unchanged, in front of a platform.

use anyhow::{Context, Result};
use serde_json::Value;
use task_state_tests::command::Shell;
use task_state_tests::peers::{Checkout, Peer};
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::Status;

use crate::fixture::{Request, Serving, plugin};

const TASKS: usize = 40;

/// The frontend and a platform, on one Redis server.
struct Stack {
    _redis: RedisServer,
    serving: Serving,
    frontend: Peer,
}

impl Stack {
    /// None if there is no checkout of the frontend.
    async fn start() -> Result<Option<Self>> {
        let Some(checkout) = Checkout::find("TASK_STATE_FRONTEND") else { return Ok(None) };
        let redis = RedisServer::start().await?;
        let serving = Serving::start(Shell::at(redis.url())?, &plugin("'analytics'", "")).await?;
        let frontend = checkout.frontend(&redis.url(), &format!("http://{}", serving.address)).await?;
        Ok(Some(Self { _redis: redis, serving, frontend }))
    }

    /// Asks the frontend.
    async fn ask(&self, method: &str, path: &str) -> Result<Value> {
        let answer = Request::new(method, &format!("/api/v1/services{path}")).send(self.frontend.address).await?;
        anyhow::ensure!(answer.status < 300, "{answer:?}");
        Ok(answer.json())
    }

    /// Has it make a task that is to do something.
    async fn create(&self, what: &str) -> Result<String> {
        let created = self.ask("POST", &format!("/analytics/users/alice/tasks?do={what}")).await?;
        Ok(created["task_id"].as_str().context("no task")?.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_the_frontend_end_with_all_that_was_said_of_them() -> Result<()> {
    let Some(stack) = Stack::start().await? else { return Ok(()) };
    let mut ids = Vec::new();
    for number in 0..TASKS {
        ids.push((stack.create(if number % 4 == 0 { "fail" } else { "nothing" }).await?, number % 4 == 0));
    }
    for (id, fails) in &ids {
        stack.serving.until(id, if *fails { Status::Failed } else { Status::Completed }).await;
        let shown = stack.ask("GET", &format!("/analytics/tasks/{id}?user_id=alice")).await?;
        let logs: Vec<&str> =
            shown["task"]["logs"].as_array().context("no logs")?.iter().filter_map(Value::as_str).collect();
        let said = |text: &str| logs.iter().filter(|entry| entry.ends_with(text)).count();
        assert_eq!(said("Scheduler acknowledged submission"), 1, "{logs:?}");
        assert_eq!(said(if *fails { "told to fail" } else { "at work" }), 1, "{logs:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_the_frontend_cancels_runs_no_longer_and_stays_cancelled() -> Result<()> {
    let Some(stack) = Stack::start().await? else { return Ok(()) };
    let id = stack.create("wait").await?;
    stack.serving.until_logged(&id, "at work").await;
    stack.ask("POST", &format!("/analytics/tasks/{id}/cancel?user_id=alice")).await?;
    stack.serving.until_logged(&id, "Cancellation acknowledged by scheduler").await;
    stack.serving.until(&id, Status::Cancelled).await;
    stack.serving.until_logged(&id, "stopping").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_a_service_that_nobody_serves_fails_with_the_reason() -> Result<()> {
    let Some(stack) = Stack::start().await? else { return Ok(()) };
    let created = stack.ask("POST", "/unserved/users/alice/tasks").await?;
    let id = created["task_id"].as_str().context("no task")?;
    stack.serving.until(id, Status::Failed).await;
    stack.serving.until_logged(id, "unserved").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_held_back_fails_with_the_words_of_the_scheduler() -> Result<()> {
    let Some(stack) = Stack::start().await? else { return Ok(()) };
    stack.serving.shell.done(["pause", "--user", "alice"])?;
    let id = stack.create("nothing").await?;
    stack.serving.until(&id, Status::Failed).await;
    stack.serving.until_logged(&id, "Requests are blocked").await;
    Ok(())
}
