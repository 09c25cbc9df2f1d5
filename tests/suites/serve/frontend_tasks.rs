//! Tasks that clients of the DMS frontend make, stop and remove on a platform, and what they may not reach.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use task_state_tests::command::Shell;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::Status;
use task_state_tests::wait::eventually;

use crate::fixture::{Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";
const OPERATOR: &str = "t0ken-of-operator";
const ALICE: &str = "t0ken-of-alice";

/// An operator's token comes first, so that a user's is the one that is found last.
const TOKENS: &str = "[[tokens]]\nenv = 'OPERATOR_TOKEN'\nrole = 'operator'\n\
    [[tokens]]\nenv = 'ALICE_TOKEN'\nrole = 'user'\nusers = ['alice']\n";

async fn start(shell: Shell, more: &str) -> Result<Serving> {
    let variables = [("OPERATOR_TOKEN", OPERATOR), ("ALICE_TOKEN", ALICE)];
    Serving::start_with(shell, &format!("{more}{TOKENS}{}", plugin(ANALYTICS, "")), &variables).await
}

async fn open(shell: Shell) -> Result<Serving> {
    start(shell, "[frontend]\nopen-user-routes = true\n").await
}

fn user(method: &str, path: &str) -> Request {
    Request::new(method, &format!("/api/v1/services/{path}"))
}

fn admin(method: &str, path: &str) -> Request {
    Request::new(method, &format!("/api/v1/admin/{path}")).header("x-operator-token", OPERATOR)
}

/// Makes a task that is to do something.
async fn create(serving: &Serving, what: &str) -> Result<String> {
    let answer = serving.ask(user("POST", &format!("analytics/users/alice/tasks?do={what}"))).await?;
    anyhow::ensure!(answer.status == 202, "{answer:?}");
    Ok(answer.json()["task_id"].as_str().context("no id")?.to_owned())
}

async fn logs(serving: &Serving, id: &str) -> Result<Vec<String>> {
    let shown = serving.ask(user("GET", &format!("analytics/tasks/{id}?user_id=alice"))).await?.json();
    let logs = shown["task"]["logs"].as_array().context("no logs")?;
    Ok(logs.iter().filter_map(|entry| entry.as_str()?.split_once(',')).map(|(_, text)| text.to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_made_runs_and_one_that_is_cancelled_stops() -> Result<()> {
    let serving = open(Shell::new()?).await?;
    let id = create(&serving, "nothing").await?;
    serving.until(&id, Status::Completed).await;
    let said = logs(&serving, &id).await?;
    assert_eq!(said[0], "Dispatching to scheduler");
    assert!(said.contains(&"at work".to_owned()), "{said:?}");
    let cancel = |id: &str| user("POST", &format!("analytics/tasks/{id}/cancel?user_id=alice"));
    // What has ended stays as it is, with all that was said of it.
    let kept = serving.ask(cancel(&id)).await?.json();
    assert_eq!(kept["task"]["status"], "completed");
    assert_eq!(logs(&serving, &id).await?, said);

    let id = create(&serving, "wait").await?;
    serving.until_logged(&id, "at work").await;
    let told = serving.ask(cancel(&id)).await?.json();
    // As the frontend tells it: as it was when it was told.
    assert_eq!(told["task"]["status"], "running");
    let last = told["task"]["logs"].as_array().and_then(|logs| logs.last()).and_then(Value::as_str);
    assert!(last.is_some_and(|entry| entry.ends_with(",Cancellation requested at frontend")), "{told}");
    serving.until(&id, Status::Cancelled).await;
    assert_eq!(serving.ask(cancel(&id)).await?.json()["task"]["status"], "cancelled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_removed_runs_no_longer() -> Result<()> {
    let serving = open(Shell::new()?).await?;
    let (one, two) = (create(&serving, "wait").await?, create(&serving, "wait").await?);
    for id in [&one, &two] {
        serving.until_logged(id, "at work").await;
    }
    let removed = serving.ask(user("DELETE", &format!("analytics/tasks/{one}?user_id=alice"))).await?.json();
    assert_eq!((&removed["task"]["task_id"], &removed["task"]["status"]), (&json!(one), &json!("running")));
    let done = serving.ask(admin("DELETE", "services/analytics/tasks")).await?.json();
    assert_eq!(done, json!({"matched_count": 1, "affected_count": 1, "task_ids": [two]}));
    assert_eq!(serving.ask(user("GET", "users/alice/tasks")).await?.json(), json!({"tasks": []}));
    eventually("nothing runs", async || {
        let metrics = serving.ask(Request::get("/metrics")).await;
        metrics.is_ok_and(|answer| answer.body.contains("task_state_runs_active 0"))
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_may_not_wait_fails_with_the_reason() -> Result<()> {
    let serving = open(Shell::new()?).await?;
    serving.shell.done(["pause", "--user", "alice"])?;
    let id = create(&serving, "nothing").await?;
    serving.until(&id, Status::Failed).await;
    assert_eq!(logs(&serving, &id).await?, ["Dispatching to scheduler", "Requests are blocked"]);
    let answer = serving.ask(user("POST", "unserved/users/bob/tasks")).await?;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("pending")));
    let id = answer.json()["task_id"].as_str().context("no id")?.to_owned();
    serving.until(&id, Status::Failed).await;
    serving.until_logged(&id, "no plugin runs tasks of the service").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_named_and_spoils_nothing_else() -> Result<()> {
    let redis = RedisServer::start().await?;
    let serving = open(Shell::at(redis.url())?).await?;
    for id in ["1", "3"] {
        Task::to(id, "nothing").save(&serving.store).await?;
    }
    redis.run::<()>(&["SET", "task:2", "{\"task_id\": 2}"]).await;
    redis.run::<()>(&["SADD", "index:service:analytics", "2"]).await;
    let summary = serving.ask(admin("GET", "services/analytics/tasks/summary")).await?.json();
    assert_eq!(summary["summary"]["pending_task_ids"], json!(["1", "3"]));
    let shown = serving.ask(admin("POST", "tasks/2/cancel")).await?;
    assert_eq!((shown.status, shown.json()), (500, json!({"detail": "The record of the task cannot be read"})));
    let done = serving.ask(admin("POST", "services/analytics/tasks/cancel")).await?.json();
    assert_eq!(done, json!({"matched_count": 2, "affected_count": 2, "task_ids": ["1", "3"]}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_the_frontend_does_not_know_are_not_shown() -> Result<()> {
    let redis = RedisServer::start().await?;
    let serving = open(Shell::at(redis.url())?).await?;
    let stored = "{\"task_id\":\"1\",\"service\":\"s\",\"user_id\":\"u\",\"status\":\"running\",\"secret\":1,\
        \"created_at\":\"2026-01-01T00:00:00Z\",\"updated_at\":\"2026-01-01T09:00:00.5+09:00\",\"result\":{\"more\":2}}";
    redis.run::<()>(&["SET", "task:1", stored]).await;
    redis.run::<()>(&["SADD", "index:user:u", "1"]).await;
    let expected = json!({
        "task_id": "1", "service": "s", "user_id": "u", "status": "running", "parameters": {}, "active_jobs": [],
        "created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T09:00:00.500000+09:00", "logs": [],
        "result": {"pod_status": null, "launcher_output": null}, "priority": "low",
    });
    assert_eq!(serving.ask(user("GET", "s/tasks/1?user_id=u")).await?.json(), json!({"task": expected}));
    assert_eq!(serving.ask(user("GET", "users/u/tasks")).await?.json(), json!({"tasks": [expected]}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shows_a_user_and_an_operator_is_both() -> Result<()> {
    let serving = start(Shell::new()?, "").await?;
    // As the client sends it whose URL is http://alice:TOKEN@HOST.
    let basic = "Basic YWxpY2U6dDBrZW4tb2YtYWxpY2U=";
    let made =
        serving.ask(user("POST", "analytics/users/alice/tasks?do=nothing").header("authorization", basic)).await?;
    assert_eq!(made.status, 202, "{made:?}");
    assert_eq!(serving.ask(admin("GET", "auth/verify").header("authorization", basic)).await?.status, 200);
    let of_bob = user("GET", "users/bob/tasks").header("authorization", basic);
    assert_eq!(serving.ask(of_bob.clone()).await?.status, 403);
    assert_eq!(serving.ask(of_bob.header("x-operator-token", OPERATOR)).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_makes_and_removes_no_task() -> Result<()> {
    let serving = open(Shell::new()?).await?;
    Task::to("t", "wait").save(&serving.store).await?;
    for (method, path) in [
        ("POST", "analytics/users/alice/tasks?do=nothing"),
        ("POST", "users/alice/tasks/cancel"),
        ("DELETE", "users/alice/tasks"),
        ("DELETE", "analytics/tasks/t?user_id=alice"),
    ] {
        for (name, value) in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
            let answer = serving.ask(user(method, path).header(name, value)).await?;
            assert_eq!(answer.status, 403, "{method} {path} {name}");
        }
    }
    let listed = serving.ask(user("GET", "users/alice/tasks")).await?.json();
    let tasks = listed["tasks"].as_array().context("no tasks")?;
    assert_eq!((tasks.len(), &tasks[0]["status"]), (1, &json!("pending")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_writes_reaches_no_header_and_no_key_of_the_stores_own() -> Result<()> {
    let redis = RedisServer::start().await?;
    let serving = open(Shell::at(redis.url())?).await?;
    for path in [
        "/api/v1/help%0d%0aset-cookie:%20a=b/",
        "/api/v1/services/x%0d%0aset-cookie:%20a=b/users/u/tasks/",
        "/api/v1/services/x/users/u/tasks/?a=%0d%0aset-cookie:%20a=b",
    ] {
        let answer = serving.ask(Request::get(path)).await?;
        assert!(answer.header("set-cookie").is_none(), "{answer:?}");
    }
    Task::to("1", "nothing").save(&serving.store).await?;
    serving.store.next_task_id().await?;
    let next = serving.store.peek_next_task_id().await?;
    for id in ["id:sequence", "1:metadata"] {
        for (method, rest) in [("GET", ""), ("POST", "/cancel"), ("DELETE", "")] {
            let answer = serving.ask(user(method, &format!("analytics/tasks/{id}{rest}?user_id=alice"))).await?;
            assert_eq!(answer.status, 404, "{method} {id}: {answer:?}");
        }
    }
    assert_eq!(serving.store.peek_next_task_id().await?, next);
    let shown = serving.ask(user("GET", "analytics/tasks/1?user_id=alice")).await?;
    assert_eq!(shown.status, 200, "{shown:?}");
    Ok(())
}
