//! Who may ask, how much, and over what.

use std::net::TcpStream;
use std::sync::Arc;

use anyhow::Result;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use task_state_tests::command::Shell;
use task_state_tests::tasks::Status;
use task_state_tests::tls::Certificates;

use crate::fixture::{Request, Serving, Task, plugin};

const ANALYTICS: &str = "'analytics'";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_show_the_token_is_refused_and_the_token_is_told_nobody() -> Result<()> {
    let variables = [("TASK_STATE_TOKEN", "t0ken-of-env"), ("RUST_LOG", "trace")];
    let shell = Shell::new()?;
    let serving = Serving::start_with(shell, &plugin(ANALYTICS, ""), &variables).await?;
    let task = Task::to("t", "nothing");
    task.save(&serving.store).await?;
    let submission = || Request::post("/tasks/task", &task.submission());
    let basic = "Basic ZG1zOnQwa2VuLW9mLWVudg=="; // dms:t0ken-of-env
    assert_eq!(serving.ask(submission()).await?.status, 403);
    assert_eq!(serving.ask(submission().header("authorization", "Bearer other")).await?.status, 403);
    assert_eq!(serving.ask(Request::new("POST", "/tasks/block")).await?.status, 403);
    // After 404 the frontend leaves a task alone.
    assert_eq!(serving.ask(Request::post("/tasks/cancel", &task.cancellation())).await?.status, 404);
    assert_eq!(serving.ask(Request::get("/healthz")).await?.status, 200);
    assert_eq!(serving.ask(submission().header("authorization", basic)).await?.status, 202);
    serving.until("t", Status::Completed).await;
    let second = submission().header("authorization", "Bearer t0ken-of-env");
    let answer = serving.ask(second).await?;
    assert!(answer.status != 403 && !answer.body.contains("t0ken"), "{answer:?}");
    let finished = serving.stop().await?;
    assert!(!finished.stderr.contains("t0ken-of-env"), "{}", finished.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_read_from_its_file_and_read_anew() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("token"), "first\n")?;
    let config = format!("token-file = 'token'\n{}", plugin(ANALYTICS, ""));
    let mut serving = Serving::start(shell, &config).await?;
    let enable =
        |token: &str| Request::new("POST", "/tasks/enable").header("authorization", &format!("Bearer {token}"));
    assert_eq!(serving.ask(enable("first")).await?.status, 200);
    std::fs::write(serving.shell.directory().join("token"), "second\n")?;
    serving.reload(&config)?;
    assert_eq!(serving.ask(enable("first")).await?.status, 403);
    assert_eq!(serving.ask(enable("second")).await?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_with_a_certificate_speaks_tls_alone() -> Result<()> {
    let shell = Shell::new()?;
    let files = Certificates::generate(shell.directory())?;
    let config = format!("tls = {{ certificate = 'server.pem', key = 'server.key' }}\n{}", plugin(ANALYTICS, ""));
    let serving = Serving::start(shell, &config).await?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.authority)?)?;
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost")?)?;
    let address = serving.address;
    let answer = tokio::task::spawn_blocking(move || {
        let stream = StreamOwned::new(connection, TcpStream::connect(address)?);
        Request::get("/healthz").send_over(stream)
    })
    .await??;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(serving.ask(Request::get("/healthz")).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_and_the_platform_goes_on() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let large = vec![b' '; 5 << 20];
    let submission = Request::new("POST", "/tasks/task").header("content-type", "application/json").body(large.clone());
    assert_eq!(serving.ask(submission).await?.status, 403);
    let priority = Request::new("POST", "/tasks/priority").header("content-type", "application/json").body(large);
    assert_eq!(serving.ask(priority).await?.status, 413);
    let head = Request::get("/healthz").header("x-long", &"x".repeat(128 << 10));
    assert_eq!(serving.ask(head).await?.status, 431);
    let many = (0..500).fold(Request::get("/healthz"), |request, number| request.header(&format!("x-{number}"), "x"));
    assert_eq!(serving.ask(many).await?.status, 431);
    let deep = format!("{{\"task_id\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = Request::new("POST", "/tasks/task").header("content-type", "application/json").body(deep);
    assert_eq!(serving.ask(deep).await?.status, 400);
    serving.run(&Task::to("t", "nothing")).await?;
    serving.until("t", Status::Completed).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tasks_than_may_wait_are_refused_for_good() -> Result<()> {
    let config = format!("max-waiting-tasks = 2\n{}", plugin(ANALYTICS, "concurrency = 1"));
    let serving = Serving::on_sqlite(&config).await?;
    let mut refused = Vec::new();
    for number in 0..9 {
        let task = Task::to(&format!("t{number}"), "wait");
        task.save(&serving.store).await?;
        let answer = serving.submit(&task).await?;
        if answer.status != 202 {
            refused.push(answer);
        }
    }
    // One runs, and two wait.
    assert!(refused.len() >= 6, "{refused:?}");
    for answer in refused {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("tasks are waiting, and at most 2 may"), "{answer:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_text_is_no_user() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let answer = serving.ask(Request::new("POST", "/tasks/users/%ff/block")).await?;
    assert_eq!((answer.status, answer.json()), (404, serde_json::json!({"detail": "Not Found"})));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_keep_nobody_else_from_being_answered() -> Result<()> {
    let serving = Serving::on_sqlite(&plugin(ANALYTICS, "")).await?;
    let silent: Result<Vec<TcpStream>, _> = (0..500).map(|_| TcpStream::connect(serving.address)).collect();
    let silent = silent?;
    assert_eq!(serving.ask(Request::get("/healthz")).await?.status, 200);
    drop(silent);
    Ok(())
}
