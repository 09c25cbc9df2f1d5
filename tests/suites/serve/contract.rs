//! The HTTP contract of the DMS scheduler: what it answers to each of the requests of `contract.json` is recorded
//! there, and where a platform differs on purpose, with the reason. Both are held to it.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use task_state_host::Settings;
use task_state_host::store::{self, StoreUrl};
use task_state_tests::command::Shell;
use task_state_tests::peers::Checkout;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::{Access, Status, TaskId};

use crate::fixture::{Answer, Request, Serving, Task, plugin};
use crate::recorded::{Recorded, ask_all, assert_none};

/// A request, and what it is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows.
    name: String,
    method: String,
    path: String,
    /// The tasks that are there before.
    #[serde(default)]
    tasks: Vec<Task>,
    #[serde(default)]
    body: String,
    /// A body that is no text.
    body_bytes: Option<Vec<u8>>,
    content_type: Option<String>,
    /// The scheduler's answer.
    theirs: Expected,
    /// The platform's, where it differs.
    ours: Option<Expected>,
    /// Why it does.
    why: Option<String>,
    /// Only the names in the answer are compared: what they hold is another each time.
    #[serde(default)]
    shape: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    /// The body; if absent it is an object with a text as its `detail`, in the platform's own words.
    body: Option<Value>,
}

impl Recorded for Case {
    fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    fn request(&self) -> Request {
        let body = self.body_bytes.clone().unwrap_or_else(|| self.body.clone().into_bytes());
        let request = Request::new(&self.method, &self.path).body(body);
        match &self.content_type {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    }
}

impl Case {
    /// What is wrong with an answer.
    fn compare(&self, expected: &Expected, answer: &Answer) -> Option<String> {
        let body = answer.json();
        let is_same = answer.status == expected.status
            && match &expected.body {
                Some(expected) if self.shape => names(&body) == names(expected),
                Some(expected) => body == *expected,
                None => names(&body) == BTreeSet::from(["detail"]) && body["detail"].is_string(),
            };
        let told = || format!("{}: {} {body}\n  instead of {expected:?}", self.name, answer.status);
        (!is_same).then(told)
    }

    /// Whether the frontend would wait for its task for ever, unless that is set `failed`: the answer is an error that
    /// it does nothing about, and the request can be read as far as to the task.
    fn leaves_its_task_to_the_platform(&self, answer: &Answer) -> bool {
        let is_json = self.content_type.as_deref().is_some_and(|kind| kind.contains("json"));
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let is_named = is_json && self.tasks.iter().any(|task| body["task_id"] == *task.task_id);
        self.path == "/tasks/task" && self.method == "POST" && is_named && answer.status >= 400 && answer.status != 403
    }
}

fn names(body: &Value) -> BTreeSet<&str> {
    body.as_object().map(|fields| fields.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("contract.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_answers_as_it_was_recorded() -> Result<()> {
    let Some(checkout) = Checkout::find("TASK_STATE_SCHEDULER") else { return Ok(()) };
    let redis = RedisServer::start().await?;
    let scheduler = checkout.scheduler(&redis.url()).await?;
    let store = store::open(&StoreUrl::parse(&redis.url())?, &Settings::from_vars(|_| None)?).await?;
    let cases = cases();
    let answers = ask_all(&cases, scheduler.address, &store).await?;
    assert_none(cases.iter().zip(&answers).filter_map(|(case, answer)| case.compare(&case.theirs, answer)).collect());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_on_redis_answers_as_the_scheduler_or_differs_on_purpose() -> Result<()> {
    let redis = RedisServer::start().await?;
    holds_the_contract(Shell::at(redis.url())?, "ok").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_on_sqlite_answers_as_the_scheduler_or_differs_on_purpose() -> Result<()> {
    holds_the_contract(Shell::new()?, "not_configured").await
}

async fn holds_the_contract(shell: Shell, redis: &str) -> Result<()> {
    let serving = Serving::start(shell, &plugin("'sync', 'rm', 'hotcold'", "")).await?;
    let mut cases = cases();
    for case in cases.iter_mut().filter(|case| case.path == "/healthz" && case.method == "GET") {
        case.theirs.body = Some(serde_json::json!({"status": "ok", "redis": redis}));
    }
    let answers = ask_all(&cases, serving.address, &serving.store).await?;
    let mut problems = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        problems.extend(case.compare(case.ours.as_ref().unwrap_or(&case.theirs), answer));
        for task in &case.tasks {
            let id = TaskId::new(&*task.task_id)?;
            if case.leaves_its_task_to_the_platform(answer) {
                let status = serving.store.status(&id, &Access::ANY).await?;
                if status != Status::Failed {
                    problems.push(format!("{}: the task is left {status}", case.name));
                }
            }
        }
    }
    assert_none(problems);
    let accepted =
        cases.iter().zip(&answers).filter(|(case, answer)| case.path == "/tasks/task" && answer.status == 202);
    for task in accepted.flat_map(|(case, _)| &case.tasks) {
        serving.until(&task.task_id, Status::Completed).await;
    }
    Ok(())
}

#[test]
fn each_answer_that_differs_has_a_reason_and_none_is_told_for_nothing() {
    for case in cases() {
        assert_eq!(case.ours.is_some(), case.why.is_some(), "{}", case.name);
        if let Some(ours) = &case.ours {
            assert!((ours.status, &ours.body) != (case.theirs.status, &case.theirs.body), "{}", case.name);
        }
    }
}
