//! What becomes of a task when its plugin ends, and of what the plugin read and printed.

use std::sync::{Arc, Mutex};

use task_state_host::{Input, OutputSink};

use super::*;

#[tokio::test]
async fn what_a_guest_prints_is_in_the_record_while_it_runs_and_whole_at_the_end() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "print-until-asked").await;
    let output = async || sandbox.task(run.task_id()).await.result().launcher_output;
    eventually("some output", async || output().await.is_some()).await;
    let first = output().await;
    assert!(first.as_ref().is_some_and(|text| text.starts_with("0\n1\n")), "{first:?}");
    eventually("more output", async || output().await != first).await;
    run.cancel();
    let outcome = run.wait().await;
    let whole = printed(&outcome).await;
    assert_eq!(outcome.status, Status::Cancelled);
    assert!(whole.starts_with(&first.unwrap()) && whole.ends_with("\nthe end\n"), "{whole}");
}

#[tokio::test]
async fn an_output_that_others_set_stays() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "print-until-asked").await;
    let output = async || sandbox.task(run.task_id()).await.result().launcher_output;
    eventually("some output", async || output().await.is_some()).await;
    let result = TaskResult { launcher_output: Some("theirs".to_owned()), ..TaskResult::default() };
    sandbox.store.change(run.task_id(), Change::result(result), &Access::ANY).await.unwrap();
    run.cancel();
    let outcome = run.wait().await;
    assert_eq!((outcome.status, printed(&outcome).await.as_str()), (Status::Cancelled, "theirs"));
}

#[tokio::test]
async fn the_record_of_an_outcome_is_read_when_it_is_asked_for() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "nothing").await;
    let id = run.task_id().clone();
    let outcome = run.wait().await;
    assert!(outcome.written.is_ok());
    assert_eq!(outcome.task().await.unwrap().encode(), sandbox.task(&id).await.encode());
    assert!(sandbox.store.delete(&id, &Access::ANY).await.unwrap());
    assert_eq!(outcome.status, Status::Completed);
    assert!(matches!(outcome.task().await, Err(task_state_host::store::Error::NotFound)));
}

#[tokio::test]
async fn a_guest_that_returns_completes_its_task_without_an_entry() {
    let outcome = Sandbox::new().run("report", "nothing").await;
    assert_eq!(end(&outcome).await, (Status::Completed, vec![]));
    assert_eq!(outcome.task().await.unwrap().result().launcher_output, None);
}

#[tokio::test]
async fn a_guest_that_fails_says_why_in_one_entry_and_a_trap_says_where() {
    let sandbox = Sandbox::new();
    for (mode, start, parts) in [
        ("error", "the input makes no sense", &[][..]),
        ("trap", "wasm trap: wasm `unreachable` instruction executed\n", &["panic_fmt", "worker"]),
        ("exit", "the guest exited with status", &[]),
        ("dive", "wasm trap: ", &["misbehave::dive"]),
    ] {
        let outcome = sandbox.run("misbehave", mode).await;
        let (status, log) = end(&outcome).await;
        assert_eq!((status, log.len()), (Status::Failed, 1), "{mode}: {log:?}");
        assert!(log[0].starts_with(start) && log[0].len() < 10_000, "{mode}: {log:?}");
        assert!(parts.iter().all(|part| log[0].contains(part)), "{mode}: {log:?}");
        assert!(mode != "error" || log[0] == start, "{log:?}");
        assert_eq!(printed(&outcome).await.contains("the guest panics"), mode == "trap", "{mode}");
    }
}

#[tokio::test]
async fn a_terminal_status_that_the_guest_set_stands_even_if_it_traps_afterwards() {
    let (status, log) = end(&Sandbox::new().run("misbehave", "complete-then-trap").await).await;
    assert_eq!((status, log[0].as_str()), (Status::Completed, "done"));
    assert!(log[1].starts_with("wasm trap:"), "{log:?}");
}

#[tokio::test]
async fn everything_that_a_guest_says_of_its_task_is_in_the_record() {
    let outcome = Sandbox::new().run("report", "everything").await;
    let (status, log) = end(&outcome).await;
    assert_eq!(status, Status::Completed);
    assert_eq!(log, ["status at the start: running", "still running", "after the end"]);
    let task = outcome.task().await.unwrap();
    assert_eq!(task.active_jobs(), ["job-1", "job-2"]);
    assert_eq!(task.result().pod_status.as_deref(), Some("up"));
    assert_eq!(task.result().launcher_output.as_deref(), Some("set by the guest"));
}

#[tokio::test]
async fn a_guest_sees_its_task_and_nothing_of_the_machine() {
    let sandbox = Sandbox::new();
    let mut whoami = request_for("external-1", "whoami");
    whoami.parameters = Some(json("{\"rows\": 1.50}"));
    let outcome = sandbox.plugin("report").await.run(whoami).await.unwrap();
    assert_eq!(printed(&outcome).await, "external-1 analytics alice {\"rows\":1.50}\n");

    let outcome = sandbox.run("misbehave", "look-around").await;
    assert_eq!(printed(&outcome).await, "arguments: 0\nenvironment: 0\nfiles: false\ntcp: false\nudp: false\n");
}

#[tokio::test]
async fn a_platform_may_give_a_run_more_of_wasi() {
    let sandbox = Sandbox::new();
    let request = request("look-around").wasi(|wasi| _ = wasi.args(&["plugin", "--fast"]).env("REGION", "north"));
    let outcome = sandbox.plugin("misbehave").await.run(request).await.unwrap();
    assert!(printed(&outcome).await.starts_with("arguments: 2\nenvironment: 1\nfiles: false\n"));
}

#[tokio::test]
async fn the_tail_of_what_a_guest_prints_is_kept_and_all_of_it_is_shown_as_it_comes() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let sink = shown.clone();
    let mut chatter = limited("chatter", |limits| limits.output_bytes = 100);
    chatter.output = OutputSink::callback(move |bytes| sink.lock().unwrap().extend_from_slice(bytes));
    let outcome = Sandbox::new().plugin("misbehave").await.run(chatter).await.unwrap();

    let shown = shown.lock().unwrap().clone();
    assert!(shown.starts_with(b"line 0\nto standard error 0\n"));
    assert!(shown.ends_with(b"broken: \xff\xfe.\nthe end\n"));
    let (mark, kept) = printed(&outcome).await.split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(mark, format!("[{} bytes of earlier output were cut]", shown.len() - 100));
    assert!(kept.ends_with("line 9999\nbroken: \u{fffd}\u{fffd}.\nthe end\n"), "{kept}");
}

#[tokio::test]
async fn a_file_far_larger_than_the_guests_memory_is_streamed() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "count-input\n").unwrap();
    file.as_file().set_len(200 << 20).unwrap();
    let mut count = limited("", |limits| limits.memory_bytes = 8 << 20);
    count.input = Input::File(file.path().to_owned());
    let outcome = Sandbox::new().plugin("report").await.run(count).await.unwrap();
    assert_eq!(printed(&outcome).await, format!("{} bytes\n", (200 << 20) - "count-input\n".len()));
}

#[tokio::test]
async fn a_pipe_is_read_until_its_writer_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut count = request("");
    count.input = Input::File(path.clone());
    let run = Sandbox::new().plugin("report").await.start(count).await.unwrap();
    let writer = std::thread::spawn(move || std::fs::write(path, format!("count-input\n{}", "x".repeat(1_000_000))));
    assert_eq!(printed(&run.wait().await).await, "1000000 bytes\n");
    writer.join().unwrap().unwrap();
}

#[tokio::test]
async fn an_input_that_is_not_there_is_an_error_before_the_task_is_touched() {
    let sandbox = Sandbox::new();
    let mut missing = request_for("1", "");
    missing.input = Input::File("/no/such/file".into());
    let error = sandbox.plugin("report").await.run(missing).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot read the input \"/no/such/file\": "), "{error}");
    assert!(sandbox.store.get(&task_id("1"), &Access::ANY).await.is_err());
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_up_nobody_but_the_guest() {
    let sandbox = Sandbox::with(|builder| builder.max_concurrent_runs(8));
    let plugin = sandbox.plugin("overload").await;
    // More readers stand still than the host has threads for guests.
    let (reads, reader) = std::sync::mpsc::channel::<()>();
    let reader = Arc::new(Mutex::new(reader));
    let standing_still = || {
        let reader = reader.clone();
        OutputSink::callback(move |_| _ = reader.lock().unwrap().recv())
    };
    let mut runs = Vec::new();
    for _ in 0..4 {
        let mut request = limited("print 1000 1000000", |limits| {
            (limits.wall_clock, limits.grace) = (Duration::from_secs(3_600), Duration::from_millis(100));
        });
        request.output = standing_still();
        runs.push(plugin.start(request).await.unwrap());
    }
    let mut request = limited("print 1000 1000000", |limits| limits.wall_clock = Duration::from_millis(300));
    request.output = standing_still();
    let outcome = plugin.run(request).await.unwrap();
    assert_end(&outcome, Status::Failed, &["wall-clock limit of 300ms exceeded"]).await;
    assert_eq!(sandbox.run("report", "log-many").await.status, Status::Completed);
    runs.iter().for_each(Run::cancel);
    for run in runs {
        assert_eq!(run.wait().await.status, Status::Cancelled);
    }
    drop(reads);
}
