//! The life of a platform: it starts, reads its configuration anew, and stops.

use std::net::TcpListener;

use anyhow::Result;
use serde_json::{Value, json};
use task_state_tests::command::{Shell, Signal};
use task_state_tests::guests::guest;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::tasks::Status;
use task_state_tests::wait::eventually;

use crate::fixture::{Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_submitted_runs_to_its_end() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    serving.run(&Task::to("t", "nothing")).await?;
    serving.until("t", Status::Completed).await;
    serving.until_logged("t", "at work").await;
    serving.run(&Task::to("f", "fail")).await?;
    serving.until("f", Status::Failed).await;
    serving.until_logged("f", "told to fail").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_runs_is_stopped_before_its_cancellation_is_answered() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let task = Task::to("t", "wait");
    serving.run(&task).await?;
    serving.until_logged("t", "at work").await;
    let answer = serving.ask(Request::post("/tasks/cancel", &task.cancellation())).await?;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("cancelled")), "{answer:?}");
    serving.until_logged("t", "stopping").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_is_tried_as_often_as_the_configuration_says() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "attempts = 3\nbackoff = '10ms'")).await?;
    serving.run(&Task::to("t", "fail")).await?;
    serving.until("t", Status::Failed).await;
    let logs = serving.shell.done(["logs", "t"])?;
    assert_eq!(logs.matches("told to fail").count(), 3, "{logs}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_read_anew_drops_no_run() -> Result<()> {
    let mut serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let task = Task::to("before", "wait");
    serving.run(&task).await?;
    serving.until_logged("before", "at work").await;
    let said = serving.reload(&format!("{}{}", plugin("'sync'", ""), plugin(ANALYTICS, "")))?;
    assert!(said.contains("2 plugins"), "{said}");
    // The new one is used, and the old one goes on.
    let mut other = Task::to("after", "nothing");
    other.service = "sync".to_owned();
    serving.run(&other).await?;
    serving.until("after", Status::Completed).await;
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &task.cancellation())).await?.status, 202);
    serving.until("before", Status::Cancelled).await;
    serving.until_logged("before", "stopping").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_taken_out_of_the_configuration_is_served_no_longer() -> Result<()> {
    let mut serving = Serving::on_sqlite(&format!("{}{}", plugin("'sync'", ""), plugin(ANALYTICS, ""))).await?;
    serving.reload(&plugin("'sync'", ""))?;
    let task = Task::to("t", "nothing");
    task.save(&serving.store).await?;
    assert_eq!(serving.submit(&task).await?.status, 400);
    serving.until("t", Status::Failed).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_load_leaves_the_old_one_in_place_and_says_so() -> Result<()> {
    let shell = Shell::new()?;
    let component = shell.directory().join("plugin.wasm");
    std::fs::copy(guest("served"), &component)?;
    let config = "[[plugins]]\ncomponent = 'plugin.wasm'\nservices = ['analytics']\n";
    let mut serving = Serving::start(shell, config).await?;

    std::fs::write(&component, "not wasm")?;
    serving.running.signal(Signal::HUP)?;
    let said = serving.running.wait_for("warning: ")?;
    assert!(
        said.contains("plugin.wasm\" is not loaded") && said.ends_with("the one from before goes on, for analytics"),
        "{said}"
    );
    serving.running.wait_for("read anew: 1 plugin")?;
    serving.run(&Task::to("one", "nothing")).await?;
    serving.until("one", Status::Completed).await;

    let path = serving.shell.directory().join("platform.toml");
    std::fs::write(path, "[[plugins]]\nservices = 1")?;
    serving.running.signal(Signal::HUP)?;
    let said = serving.running.wait_for("warning: ")?;
    assert!(said.contains("platform.toml:2:12: "), "{said}");
    serving.run(&Task::to("two", "nothing")).await?;
    serving.until("two", Status::Completed).await;
    let ready = serving.ask(Request::get("/readyz")).await?;
    assert_eq!(
        ready.json()["not_loaded"][0].as_str().map(|path| path.ends_with("plugin.wasm")),
        Some(true),
        "{ready:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_in_place_serves_what_it_served_and_no_more() -> Result<()> {
    let shell = Shell::new()?;
    let path = |name: &str| shell.directory().join(name);
    let (one, other) = (path("one.wasm"), path("other.wasm"));
    std::fs::copy(guest("served"), &one)?;
    std::fs::copy(guest("served"), &other)?;
    let config = "[[plugins]]\ncomponent = 'one.wasm'\nservices = ['a', 'b', 'c']\n\
        [[plugins]]\ncomponent = 'one.wasm'\nservices = ['d']\n";
    let mut serving = Serving::start(shell, config).await?;
    std::fs::write(&one, "not wasm")?;
    // Of the service `b` another has the tasks from now on, and nobody those of `c`; `e` is new.
    let config = "[[plugins]]\ncomponent = 'one.wasm'\nservices = ['a', 'e']\n\
        [[plugins]]\ncomponent = 'one.wasm'\nservices = ['d']\n\
        [[plugins]]\ncomponent = 'other.wasm'\nservices = ['b']\n";
    for _ in 0..3 {
        let said = serving.reload(config)?;
        assert!(said.ends_with("read anew: 3 plugins"), "{said}");
    }
    // Others are told what runs, and submissions are taken of that alone.
    let hosts = async || serving.ask(Request::get("/api/v2/hosts")).await.map(|answer| answer.json());
    eventually("the platform tells of its plugins", async || {
        let told = hosts().await.unwrap_or_default();
        let services = |plugin: &Value| plugin["services"].to_string();
        let told =
            told["hosts"][0]["plugins"].as_array().map(|plugins| plugins.iter().map(services).collect::<Vec<_>>());
        told == Some(vec![r#"["b"]"#.to_owned(), r#"["a"]"#.to_owned(), r#"["d"]"#.to_owned()])
    })
    .await;
    for (service, status) in [("a", 201), ("b", 201), ("c", 403), ("d", 201), ("e", 403)] {
        let task = json!({"service": service, "user_id": "alice", "parameters": {"do": "nothing"}});
        let answer = serving.ask(Request::post("/api/v2/tasks", &task)).await?;
        assert_eq!(answer.status, status, "{service}: {answer:?}");
        if status == 201 {
            let id = answer.json()["task_id"].as_str().unwrap_or_default().to_owned();
            serving.until(&id, Status::Completed).await;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_asked_to_stop_does_not_wait_for_a_configuration_that_is_being_read() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let config = format!(
        "listen = '127.0.0.1:0'\n[[plugins]]\ncomponent = 'oci://{}/plugin:1'\nplain-http = true\nservices = ['a']\n",
        silent.local_addr()?
    );
    std::fs::write(serving.shell.directory().join("platform.toml"), config)?;
    serving.running.signal(Signal::HUP)?;
    let (_connection, _) = silent.accept()?;
    let finished = serving.stop().await?;
    assert_eq!(finished.code, Some(0));
    assert!(!finished.stderr.contains("read anew"), "{finished:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_asked_to_stop_lets_its_runs_end() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    serving.run(&Task::to("t", "pause")).await?;
    serving.until_logged("t", "at work").await;
    let (shell, store) = (serving.shell.clone(), serving.store.clone());
    let finished = serving.stop().await?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let logs = shell.done(["logs", "t"])?;
    assert!(logs.contains("done"), "{logs}");
    let id = task_state_tests::tasks::task_id("t");
    assert_eq!(store.status(&id, &task_state_tests::tasks::Access::ANY).await?, Status::Completed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_stops_is_not_ready_and_what_it_accepts_waits() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let runs = Task::to("runs", "wait");
    serving.run(&runs).await?;
    serving.until_logged("runs", "at work").await;
    serving.running.signal(Signal::TERM)?;
    eventually("the platform is not ready", async || {
        let ready = serving.ask(Request::get("/readyz")).await;
        ready.is_ok_and(|answer| answer.status == 503 && answer.json()["draining"] == true)
    })
    .await;
    serving.run(&Task::to("waits", "nothing")).await?;
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &runs.cancellation())).await?.status, 202);
    let shell = serving.shell.clone();
    let finished = tokio::task::spawn_blocking(move || serving.running.finish()).await??;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let waiting = shell.run(["queue", "--output", "json"])?.json()?;
    assert_eq!(waiting["waiting"][0]["ready"], 1, "{waiting}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_do_not_end_in_time_are_cancelled() -> Result<()> {
    let serving = Serving::on_sqlite(&format!("drain = '0s'\n{}", plugin(ANALYTICS, ""))).await?;
    serving.run(&Task::to("t", "wait")).await?;
    serving.until_logged("t", "at work").await;
    let shell = serving.shell.clone();
    assert_eq!(serving.stop().await?.code, Some(0));
    let record = shell.run(["get", "t", "--output", "json"])?.json()?;
    assert_eq!(record["status"], "cancelled", "{record}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_run_by_the_next_process() -> Result<()> {
    let redis = RedisServer::start().await?;
    let config = plugin(ANALYTICS, "concurrency = 1");
    let serving = Serving::start(Shell::at(redis.url())?, &config).await?;
    serving.run(&Task::to("first", "wait")).await?;
    serving.until_logged("first", "at work").await;
    for number in 0..5 {
        serving.run(&Task::to(&format!("t{number}"), "nothing")).await?;
    }
    // Killed: nothing was handed back.
    drop(serving);
    let next = Serving::start(Shell::at(redis.url())?, &plugin(ANALYTICS, "concurrency = 8")).await?;
    for number in 0..5 {
        next.until(&format!("t{number}"), Status::Completed).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_ready_while_its_store_answers() -> Result<()> {
    let mut redis = RedisServer::start().await?;
    let serving = Serving::start(Shell::at(redis.url())?, &plugin(ANALYTICS, "")).await?;
    let ready = serving.ask(Request::get("/readyz")).await?;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)), "{ready:?}");
    redis.kill();
    for path in ["/readyz", "/healthz"] {
        let answer = serving.ask(Request::get(path)).await?;
        assert_eq!(answer.status, 503, "{path}: {answer:?}");
    }
    redis.restart().await?;
    eventually("the platform is ready again", async || {
        serving.ask(Request::get("/readyz")).await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_the_store_does_not_take_is_refused_for_good() -> Result<()> {
    let mut redis = RedisServer::start().await?;
    let serving = Serving::start(Shell::at(redis.url())?, &plugin(ANALYTICS, "")).await?;
    let task = Task::to("t", "nothing");
    task.save(&serving.store).await?;
    redis.kill();
    let answer = serving.submit(&task).await?;
    assert_eq!(answer.status, 403, "{answer:?}");
    let cancelled = serving.ask(Request::post("/tasks/cancel", &task.cancellation())).await?;
    assert_eq!(cancelled.status, 404, "{cancelled:?}");
    Ok(())
}

#[test]
fn a_platform_whose_plugins_do_not_load_does_not_start() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("bad.wasm"), "not wasm")?;
    let config =
        "[[plugins]]\ncomponent = 'bad.wasm'\nservices = ['a']\n[[plugins]]\ncomponent = 'none.wasm'\nservices = ['b']";
    std::fs::write(shell.directory().join("platform.toml"), config)?;
    let finished = shell.run(["serve", "--config", "platform.toml", "--listen", "127.0.0.1:0"])?;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("bad.wasm\" is not loaded: it is not a WebAssembly component"), "{finished:?}");
    assert!(finished.stderr.contains("none.wasm"), "{finished:?}");
    Ok(())
}
