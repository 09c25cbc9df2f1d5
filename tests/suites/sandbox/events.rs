//! What a run tells those who subscribe.

use task_state_host::{RunEvent, RunEvents};

use super::*;

/// The events of a run, in short, until something has been told.
async fn told(events: &mut RunEvents, until: Option<&str>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(match event {
            RunEvent::Status(status) => status.to_string(),
            RunEvent::Entry { message, .. } => format!("entry {message}"),
            RunEvent::Output(bytes) => format!("printed {}", String::from_utf8_lossy(&bytes).trim_end()),
            other => format!("{other:?}"),
        });
        if all.last().map(String::as_str) == until {
            break;
        }
    }
    all
}

#[tokio::test]
async fn a_subscriber_to_a_request_misses_nothing() {
    let sandbox = Sandbox::new();
    for (mode, expected) in [
        ("nothing", &["running", "completed"][..]),
        ("whoami", &["running", "printed 2 analytics alice {}", "completed"]),
        (
            "everything",
            &[
                "running",
                "entry status at the start: running",
                "entry still running",
                "printed printed, but the output is set",
                "completed",
                "entry after the end",
            ],
        ),
        ("unheard of", &["running", "entry no such mode: \"unheard of\"", "failed"]),
    ] {
        let request = request(mode);
        let mut events = request.events();
        let outcome = sandbox.plugin("report").await.run(request).await.unwrap();
        let told = told(&mut events, None).await;
        assert_eq!(told, expected, "{mode}");
        assert!(told.contains(&outcome.status.to_string()), "{mode}");
    }
}

#[tokio::test]
async fn the_entries_that_are_told_are_those_of_the_log() {
    let sandbox = Sandbox::new();
    for mode in ["log-before-others", "everything"] {
        let request = request(mode);
        let mut events = request.events();
        let outcome = sandbox.plugin("report").await.run(request).await.unwrap();
        let mut entries = Vec::new();
        while let Some(event) = events.next().await {
            if let RunEvent::Entry { at, message } = event {
                entries.push(format!("{at},{message}"));
            }
        }
        assert_eq!(entries, outcome.task().await.unwrap().logs());
    }
}

#[tokio::test]
async fn a_late_subscriber_is_told_the_present_status_first_and_the_end() {
    let sandbox = Sandbox::new();
    let run = sandbox.start("report", "stop-when-asked").await;
    sandbox.logged(run.task_id(), "running").await;
    let mut events = run.events();
    assert_eq!(told(&mut events, Some("running")).await, ["running"]);
    let asked = task_state_host::record::Change::status(Status::CancelRequested);
    sandbox.store.change(run.task_id(), asked, &Access::ANY).await.unwrap();
    assert_eq!(told(&mut events, None).await, ["cancel_requested", "entry stopping", "cancelled"]);
    assert_eq!(told(&mut run.events(), None).await, ["cancelled"]);
}

#[tokio::test]
async fn a_subscriber_that_reads_nothing_holds_up_no_run_and_is_told_how_much_it_missed() {
    let sandbox = Sandbox::new();
    let request = request("log-many");
    let mut events = request.events();
    assert_eq!(sandbox.plugin("report").await.run(request).await.unwrap().status, Status::Completed);
    let told = told(&mut events, None).await;
    let missed: usize = told[0].trim_start_matches("Missed(").trim_end_matches(')').parse().unwrap();
    assert_eq!((told[1].as_str(), told[told.len() - 2].as_str()), ("running", "entry flushed: running, 3000 entries"));
    assert_eq!(missed + told.len() - 1, 3_003);
}

#[tokio::test]
async fn nothing_is_told_of_a_run_that_does_not_start() {
    let sandbox = Sandbox::new();
    let mut request = request("nothing");
    request.input = Input::File("no/such/file".into());
    let mut events = request.events();
    assert!(sandbox.plugin("report").await.run(request).await.is_err());
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_last_progress_is_always_told_and_kept_and_few_of_those_before() {
    let sandbox = Sandbox::new();
    let request = request("make-progress");
    let mut events = request.events();
    let outcome = sandbox.plugin("report").await.run(request).await.unwrap();
    assert_end(&outcome, Status::Completed, &["half"]).await;
    let refused = "Err(InvalidArgument(\"invalid progress \\\"11\\\": it is more than the total of 10\"))\n\
                   Err(QuotaExceeded(\"1025 bytes are more than the quota of 1 KiB for the note of a progress\"))\n";
    assert_eq!(printed(&outcome).await, refused);
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        if let RunEvent::Progress(progress) = event {
            told.push(progress);
        }
    }
    let last = told.last().unwrap();
    assert_eq!(last.to_string(), "1000 of 1000 (100 %), rows");
    assert!(told.len() < 20, "{told:?}");
    let id = outcome.task().await.unwrap().task_id().to_owned();
    assert_eq!(sandbox.store.progress(&task_id(&id), &Access::ANY).await.unwrap().as_ref(), Some(last));
}
