//! Secrets: the guest has their values, and nobody is shown one.

use std::fs;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use task_state_host::plugin::Secret;
use task_state_host::{OutputSink, RunEvent, StartError};
use task_state_tests::http_server::HttpServer;

use super::*;

const VALUE: &str = "hunter2-and-more";

/// A secret in a file, which is there for as long as the folder is.
fn secret(value: &str) -> (tempfile::TempDir, Capabilities) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, value).unwrap();
    let granted = Capabilities::none().secret(Secret::new("TOKEN").unwrap().from_file(path));
    (folder, granted)
}

#[tokio::test]
async fn the_guest_has_the_value() {
    let (_folder, granted) = secret(&format!("{VALUE}\n"));
    let server = HttpServer::start().unwrap();
    let granted = granted.http(format!("localhost:{},private", server.port()).parse().unwrap());
    let url = server.url("localhost", "/authorization");
    // The server has told what it was sent, and the host replaces that too.
    assert_eq!(
        attempts(granted, &[&format!("get-with {url} TOKEN"), "variables"]).await,
        ["200 Bearer <TOKEN>", "TOKEN"]
    );
}

#[tokio::test]
async fn its_name_takes_the_values_place_in_all_that_the_guest_says() {
    let (_folder, granted) = secret(VALUE);
    let sandbox = Sandbox::new();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = shown.clone();
    let mut request =
        request_for("1", "print-in-pieces TOKEN\ntell TOKEN\nsave TOKEN\nprint-in-pieces TOKEN\nfail TOKEN");
    request.output = OutputSink::callback(move |bytes| sink.lock().unwrap().extend_from_slice(bytes));
    let events = request.events();
    let outcome = reach(&sandbox, granted, request).await;
    let (status, log) = end(&outcome).await;
    assert_eq!(status, Status::Failed);
    let entries = ["logged", "with a status", "appended", "set"].map(|how| format!("{how}: <TOKEN>"));
    assert_eq!(log, [&entries[..], &["failed with <TOKEN>".to_owned()]].concat());
    let task = outcome.task().await.unwrap();
    assert_eq!(task.active_jobs(), ["<TOKEN>"]);
    assert_eq!(task.result().pod_status.as_deref(), Some("pod <TOKEN>"));
    let printed = "printed: <TOKEN>.\nsaved t-<TOKEN>, found t-<TOKEN>\nprinted: <TOKEN>.\n";
    assert_eq!(task.result().launcher_output.as_deref(), Some(printed));
    assert_eq!(String::from_utf8(shown.lock().unwrap().clone()).unwrap(), printed);

    let saved = sandbox.task(&TaskId::stored("t-<TOKEN>").unwrap()).await;
    assert_eq!(saved.parameters(), r#"{"<TOKEN>":["<TOKEN>"]}"#);
    let everything = [task.encode(), saved.encode(), format!("{:?}", events.collect::<Vec<RunEvent>>().await)];
    assert!(everything.iter().all(|text| !text.contains(VALUE)), "{everything:?}");
}

#[tokio::test]
async fn a_value_is_found_in_json_in_whatever_way_it_is_spelt() {
    let (_folder, granted) = secret("a\"b\\c\nd");
    let sandbox = Sandbox::new();
    let outcome = reach(&sandbox, granted, request("save TOKEN")).await;
    assert_eq!(end(&outcome).await.0, Status::Completed);
    let saved = sandbox.task(&TaskId::stored("t-<TOKEN>").unwrap()).await;
    assert_eq!(saved.parameters(), r#"{"<TOKEN>":["<TOKEN>"]}"#);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_before_the_task_is_touched() {
    let sandbox = Sandbox::new();
    let missing = Secret::new("TASK_STATE_NO_SUCH_SECRET").unwrap();
    let (_short, short) = secret("abc");
    let (_empty, empty) = secret("\n");
    for (granted, parts) in [
        (Capabilities::none().secret(missing), ["TASK_STATE_NO_SUCH_SECRET", "is not set"]),
        (short, ["secret TOKEN", "fewer than 4 bytes"]),
        (empty, ["secret TOKEN", "its value is empty"]),
    ] {
        let loading = LoadRequest::new(Grants::none()).capabilities(granted);
        let plugin = sandbox.host.load_file(guest("reach"), loading).await.unwrap();
        let error = plugin.run(request_for("1", "")).await.unwrap_err();
        assert!(matches!(error, StartError::Secret { .. }), "{error}");
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
        assert!(!error.to_string().contains("abc"), "{error}");
        assert!(sandbox.store.get(&task_id("1"), &Access::ANY).await.is_err());
    }
}

#[tokio::test]
async fn a_value_is_read_anew_for_each_run() {
    let (folder, granted) = secret("the first value");
    let sandbox = Sandbox::new();
    let loading = LoadRequest::new(Grants::for_services(["analytics"])).capabilities(granted);
    let plugin = sandbox.host.load_file(guest("reach"), loading).await.unwrap();
    for value in ["the first value", "the second one"] {
        fs::write(folder.path().join("token"), value).unwrap();
        let outcome = plugin.run(request("env TOKEN")).await.unwrap();
        assert_eq!(printed(&outcome).await, "env TOKEN: <TOKEN>\n");
    }
    fs::remove_file(folder.path().join("token")).unwrap();
    assert!(plugin.run(request("")).await.is_err());
    assert!(!format!("{plugin:?}").contains("value"));
}
