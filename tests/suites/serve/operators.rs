//! What operators see and do: the check of a configuration, metrics, and the commands that look after the queue.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use serde_json::Value;
use task_state_tests::command::{Shell, finish};
use task_state_tests::guests::guest;
use task_state_tests::http_server::HttpServer;
use task_state_tests::port;
use task_state_tests::tasks::Status;

use crate::fixture::{PATIENCE, Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";

#[test]
fn a_check_says_what_would_be_loaded_and_opens_no_store() -> Result<()> {
    let shell = Shell::at("redis://127.0.0.1:1")?;
    let check = |config: &str| {
        std::fs::write(shell.directory().join("platform.toml"), config)?;
        shell.run(["serve", "--config", "platform.toml", "--check"])
    };
    let finished = check(&plugin("'a', 'b'", ""))?;
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    assert!(finished.stdout.ends_with("served.wasm: loads, for a, b\n"), "{finished:?}");

    let finished = check(&format!("{}[[plugins]]\ncomponent = 'none.wasm'\nservices = ['c']", plugin("'a'", "")))?;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stdout.contains("none.wasm: does not load: cannot read"), "{finished:?}");

    let finished = check("listen = 'here'\n[[plugins]]\ncomponent = 1")?;
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!((finished.code, lines.len()), (Some(2), 2), "{finished:?}");
    assert!(lines[0].starts_with("error: platform.toml:1:10: invalid address \"here\""), "{finished:?}");
    assert!(lines[1].starts_with("error: platform.toml:3:13: invalid type: integer `1`"), "{finished:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_for_programs_is_one_object_a_line_that_names_the_task() -> Result<()> {
    let traced = [("RUST_LOG", "task_state_host=debug,task_state_serve=debug")];
    let arguments = ["--log-format", "json"];
    let serving = Serving::start_as(Shell::new()?, &plugin(ANALYTICS, ""), &arguments, &traced).await?;
    serving.run(&Task::to("t", "nothing")).await?;
    serving.until("t", Status::Completed).await;
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &Task::to("t", "").cancellation())).await?.status, 404);
    let stderr = serving.stop().await?.stderr;
    let lines: Vec<Value> = stderr.lines().map(serde_json::from_str).collect::<Result<_, _>>().context(stderr)?;
    for line in &lines {
        for key in ["timestamp", "level", "message", "target"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
    }
    let said = |text: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|said| said.contains(text)));
    assert!(said("listening at 127.0.0.1:") && said("stopping: "), "{lines:#?}");
    let of_task = |line: &&Value| line["task"] == "t" || line["span"]["task"] == "t";
    assert!(lines.iter().filter(of_task).count() >= 2, "{lines:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_runs_are_exported_to_a_collector() -> Result<()> {
    let collector = HttpServer::start()?;
    let endpoint = collector.url("127.0.0.1", "");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
        // What is logged says nothing of what is exported.
        ("RUST_LOG", "off"),
    ];
    let serving = Serving::start_with(Shell::new()?, &plugin(ANALYTICS, ""), &variables).await?;
    for (id, what, status) in [("t", "nothing", Status::Completed), ("f", "fail", Status::Failed)] {
        serving.run(&Task::to(id, what)).await?;
        serving.until(id, status).await;
    }
    assert_eq!(serving.ask(Request::get("/readyz")).await?.status, 200);
    // The last spans are sent before the process ends.
    let finished = tokio::time::timeout(PATIENCE, serving.stop()).await??;
    assert_eq!(finished.code, Some(0), "{finished:?}");

    let exports: Vec<ExportTraceServiceRequest> =
        collector.kept().iter().map(|body| Message::decode(&body[..])).collect::<Result<_, _>>()?;
    let resources: Vec<_> = exports.into_iter().flat_map(|export| export.resource_spans).collect();
    let of_resource = &resources[0].resource.as_ref().context("no resource")?.attributes;
    assert_eq!(text(of_resource, "service.name"), "task-state");
    assert_eq!(text(of_resource, "deployment.environment"), "test");
    let spans: Vec<Span> = resources.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect();
    let runs: BTreeSet<(String, String, bool)> = spans
        .iter()
        .filter(|span| span.name == "run")
        .map(|span| {
            assert!(span.end_time_unix_nano > span.start_time_unix_nano);
            let is_error = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
            (text(&span.attributes, "task"), text(&span.attributes, "status"), is_error)
        })
        .collect();
    let expected = [("f", "failed", true), ("t", "completed", false)];
    assert_eq!(runs, expected.map(|(task, status, error)| (task.to_owned(), status.to_owned(), error)).into());
    let requests: Vec<String> = spans
        .iter()
        .filter(|span| span.name == "request")
        .map(|span| format!("{} {}", text(&span.attributes, "http.request.method"), text(&span.attributes, "url.path")))
        .collect();
    // Probes are none of them.
    assert_eq!(requests, ["POST /tasks/task"; 2]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_complained_of_and_holds_up_nothing() -> Result<()> {
    let nobody = port::free()?;
    let endpoint = format!("http://127.0.0.1:{nobody}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let mut serving = Serving::start_with(Shell::new()?, &plugin(ANALYTICS, ""), &variables).await?;
    serving.run(&Task::to("t", "nothing")).await?;
    serving.until("t", Status::Completed).await;
    serving.running.wait_for("the collector does not take spans; they are lost")?;
    assert_eq!(tokio::time::timeout(PATIENCE, serving.stop()).await??.code, Some(0));
    // What cannot be exported is said before anything begins.
    let shell = Shell::new()?;
    let mut command = shell.command(["serve", "--config", "none.toml"]);
    let refused = finish(command.env("OTEL_TRACES_EXPORTER", "zipkin"))?;
    assert_eq!(refused.stderr, "error: invalid OTEL_TRACES_EXPORTER \"zipkin\": it is otlp or none\n");
    Ok(())
}

/// The value of an attribute, or nothing.
fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key);
    match value.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// The plugin to look at: it tells how far it has come, and heeds a cancellation.
#[tokio::test(flavor = "multi_thread")]
async fn the_countdown_counts_to_its_end_or_to_its_cancellation() -> Result<()> {
    let component = guest("countdown");
    let config = format!("[[plugins]]\ncomponent = {component:?}\nservices = ['countdown']\n");
    let serving = Serving::on_sqlite(&config).await?;
    let task = |id: &str, seconds: u64| {
        let mut task = Task::to(id, "");
        (task.service, task.parameters) = ("countdown".to_owned(), serde_json::json!({"seconds": seconds}));
        task
    };
    serving.run(&task("short", 1)).await?;
    serving.until("short", Status::Completed).await;
    serving.until_logged("short", "lift-off").await;
    let long = task("long", 3_600);
    serving.run(&long).await?;
    serving.until_logged("long", "3600 seconds left").await;
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &long.cancellation())).await?.status, 202);
    serving.until("long", Status::Cancelled).await;
    serving.until_logged("long", "stopped with").await;
    Ok(())
}

/// As the README has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_platform_of_the_examples_runs_a_task() -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/examples/platform.toml");
    let built = guest("quickstart").parent().context("no directory")?.display().to_string();
    let config = std::fs::read_to_string(file)?.replace("../../target/wasm32-wasip2/release", &built);
    let serving = Serving::on_sqlite(&config).await?;
    serving.shell.done(["save", "external-1", "--service", "analytics", "--user", "alice"])?;
    let mut task = Task::to("external-1", "");
    task.parameters = serde_json::json!({});
    assert_eq!(serving.submit(&task).await?.status, 202);
    let shell = serving.shell.clone();
    let logs = tokio::task::spawn_blocking(move || shell.done(["logs", "external-1", "--follow"])).await??;
    assert!(logs.contains("worker finished"), "{logs}");
    serving.until("external-1", Status::Completed).await;
    Ok(())
}

#[test]
fn a_plugin_that_was_compiled_is_compiled() -> Result<()> {
    let shell = Shell::new()?;
    let component = guest("served").display().to_string();
    assert_eq!(shell.done(["compile", &component])?, format!("{component}: compiled\n"));
    std::fs::write(shell.directory().join("platform.toml"), plugin(ANALYTICS, ""))?;
    let finished = shell.run(["compile", "--config", "platform.toml", "--output", "json"])?;
    assert_eq!(finished.json()?["compiled"][0], *component, "{finished:?}");
    std::fs::write(shell.directory().join("bad.wasm"), "not wasm")?;
    assert_eq!(shell.run(["compile", "bad.wasm"])?.code, Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_hold_back_tasks_and_let_them_go_on() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "concurrency = 1")).await?;
    let shell = &serving.shell;
    assert_eq!(shell.done(["queue"])?, "nothing waits\nnothing runs\n");
    let first = Task::to("first", "wait");
    serving.run(&first).await?;
    serving.until_logged("first", "at work").await;
    serving.run(&Task::to("t", "wait")).await?;
    let queue = shell.run(["queue", "--output", "json"])?.json()?;
    let (waiting, running) = (&queue["waiting"][0], &queue["running"][0]);
    assert_eq!((&waiting["service"], &waiting["priority"]), (&"analytics".into(), &"low".into()), "{queue}");
    assert_eq!((&running["task_id"], &running["attempt"]), (&"first".into(), &1.into()), "{queue}");
    assert!(running["host"].as_str().is_some_and(|host| !host.is_empty()), "{queue}");
    assert_eq!(shell.done(["set-priority", "t", "high"])?, "t: pending\n");
    assert_eq!(shell.run(["queue", "--output", "json"])?.json()?["waiting"][0]["priority"], "high");

    assert_eq!(shell.done(["pause", "--service", "analytics"])?, "the service \"analytics\": paused\n");
    assert!(shell.done(["queue"])?.contains("the service \"analytics\" is paused"));
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &first.cancellation())).await?.status, 202);
    serving.until("first", Status::Cancelled).await;
    let queue = shell.run(["queue", "--output", "json"])?.json()?;
    assert_eq!(queue["paused"], serde_json::json!([{"service": "analytics"}]), "{queue}");
    assert_eq!(queue["waiting"][0]["ready"], 1, "{queue}");
    let refused = Task::to("refused", "nothing");
    refused.save(&serving.store).await?;
    assert_eq!(serving.submit(&refused).await?.status, 403);
    assert_eq!(shell.done(["resume", "--service", "analytics"])?, "the service \"analytics\": resumed\n");
    serving.until_logged("t", "at work").await;

    shell.done(["pause", "--user", "alice"])?;
    assert_eq!(serving.submit(&refused).await?.status, 403);
    shell.done(["resume", "--user", "alice"])?;
    assert_eq!(serving.submit(&refused).await?.status, 202);
    for arguments in [&["pause"][..], &["pause", "--all", "--user", "a"], &["resume"], &["set-priority", "t", "urgent"]]
    {
        assert_eq!(shell.run(arguments)?.code, Some(2), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_and_no_task_or_user_is_named() -> Result<()> {
    let config = format!("max-concurrent-runs = 7\n{}", plugin(ANALYTICS, "concurrency = 1"));
    let serving = Serving::on_sqlite(&config).await?;
    serving.run(&Task::to("done-task", "nothing")).await?;
    serving.until("done-task", Status::Completed).await;
    serving.run(&Task::to("running-task", "wait")).await?;
    serving.until_logged("running-task", "at work").await;
    serving.run(&Task::to("waiting-task", "nothing")).await?;

    let answer = serving.ask(Request::get("/metrics")).await?;
    assert!(answer.head.contains("text/plain; version=0.0.4"), "{answer:?}");
    let text = &answer.body;
    for line in [
        "task_state_runs_total{service=\"analytics\",status=\"completed\"} 1",
        "task_state_run_duration_seconds_count{service=\"analytics\"} 1",
        "task_state_queue_wait_seconds_count{service=\"analytics\"} 2",
        "task_state_queue_depth{priority=\"low\",service=\"analytics\"} 1",
        "task_state_queue_lag_seconds{priority=\"low\",service=\"analytics\"} ",
        "task_state_runs_active 1",
        "task_state_runs_limit 7",
        "task_state_host_call_duration_seconds_count{operation=\"current-task.log\"} 2",
        "task_state_store_up 1",
        "task_state_store_errors_total 0",
    ] {
        assert!(text.lines().any(|told| told.starts_with(line)), "{line}\n{text}");
    }
    for name in ["alice", "done-task", "running-task", "waiting-task"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    approved_by_promtool(text)
}

/// Has the tool of Prometheus look at metrics, where it is there.
fn approved_by_promtool(metrics: &str) -> Result<()> {
    let mut check = Command::new(std::env::var_os("TASK_STATE_PROMTOOL").unwrap_or_else(|| "promtool".into()));
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut running) = check.spawn() else {
        writeln!(std::io::stderr(), "SKIPPED: there is no promtool on the PATH")?;
        return Ok(());
    };
    running.stdin.take().context("no standard input")?.write_all(metrics.as_bytes())?;
    let output = running.wait_with_output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}
