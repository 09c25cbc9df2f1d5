//! Events of the crate `tracing` become entries of the task, or output.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use task_state_guest::testing::{Run, Task};
use task_state_guest::{Error, TaskLayer};
use tracing::{debug, error, field, info, info_span, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// A run with a subscriber of its own.
fn run(subscriber: impl Into<tracing::Dispatch>, act: impl FnOnce()) -> Run {
    run_on(Task::new("analytics", "alice"), subscriber, act)
}

fn run_on(task: Task, subscriber: impl Into<tracing::Dispatch>, act: impl FnOnce()) -> Run {
    let subscriber = subscriber.into();
    let run = task.run_with(|_| {
        tracing::dispatcher::with_default(&subscriber, act);
        Ok(())
    });
    assert_eq!(run.failure(), None);
    run
}

fn with(layer: TaskLayer) -> impl Into<tracing::Dispatch> {
    tracing_subscriber::registry().with(layer)
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read")]
struct Broken(#[source] Error);

#[test]
fn events_become_entries_with_their_level_and_fields() {
    let run = run(with(TaskLayer::entries()), || {
        info!("imported");
        let (shown, error) = (String::from("a b"), Broken(Error::NotFound));
        warn!(rows = 42, file = "a \"b\"", %shown, list = ?[1, 2], error = &error as &dyn std::error::Error, "slow: {}", 7);
        info!(rows = 3);
        debug!(r#type = true, message = "raw");
    });
    assert_eq!(
        run.messages(),
        [
            "INFO imported",
            "WARN slow: 7 rows=42 file=\"a \\\"b\\\"\" shown=a b list=[1, 2] error=cannot read: no such task",
            "INFO rows=3",
            "DEBUG raw type=true"
        ]
    );
    assert_eq!(run.output(), "");
}

#[test]
fn events_become_lines_of_the_output_with_level_spans_and_target() {
    let run = run(with(TaskLayer::output()), || {
        let _import = info_span!("import", file = "a.csv").entered();
        let _row = info_span!("row").entered();
        error!(target: "import::csv", "broken");
    });
    assert_eq!(run.output(), "ERROR import{file=\"a.csv\"}:row: import::csv: broken\n");
    assert!(run.messages().is_empty());
}

#[test]
fn a_span_has_the_fields_that_it_was_given_later() {
    let run = run(with(TaskLayer::entries()), || {
        let span = info_span!("import", file = "a.csv", rows = field::Empty);
        span.in_scope(|| info!("begins"));
        span.record("rows", 42);
        span.in_scope(|| info!("ends"));
        info!(parent: &span, "named");
        info!("outside");
    });
    let ends = "INFO import{file=\"a.csv\" rows=42}: ";
    assert_eq!(
        run.messages(),
        [
            "INFO import{file=\"a.csv\"}: begins".to_owned(),
            format!("{ends}ends"),
            format!("{ends}named"),
            "INFO outside".to_owned()
        ]
    );
}

#[test]
fn level_and_target_are_shown_as_the_author_wants() {
    let bare = run(with(TaskLayer::output().show_level(false).show_target(false)), || info!("done"));
    assert_eq!(bare.output(), "done\n");
    let full = run(with(TaskLayer::entries().show_target(true)), || info!("done"));
    assert_eq!(full.messages(), ["INFO layer: done"]);
}

#[test]
fn two_layers_tell_what_their_filters_let_through_each_with_its_own_spans() {
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("csv", LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry()
        .with(TaskLayer::entries().with_filter(targets))
        .with(TaskLayer::output().show_target(false));
    let run = run(subscriber, || {
        let span = info_span!(target: "csv", "read", rows = field::Empty);
        span.record("rows", 1);
        let _span = span.entered();
        info!("quiet");
        info!(target: "csv::reader", "told");
        warn!("told");
    });
    assert_eq!(run.messages(), ["INFO read{rows=1}: told", "WARN read{rows=1}: told"]);
    let output = "INFO read{rows=1}: quiet\nINFO read{rows=1}: told\nWARN read{rows=1}: told\n";
    assert_eq!(run.output(), output);
}

#[test]
fn an_event_that_the_host_does_not_take_is_output_with_the_reason() {
    let denied = Error::Denied("x".to_owned());
    let task = Task::new("analytics", "alice").fail("current-task.log", 1, denied);
    let run = run_on(task, with(TaskLayer::entries()), || {
        info!("first");
        info!("second");
    });
    assert_eq!((run.messages(), run.output()), (vec!["INFO second"], "[not logged: denied: x] INFO first\n"));
}

#[test]
fn events_and_spans_of_a_value_that_is_being_spelled_are_left_out() {
    struct Chatty;

    impl fmt::Display for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info_span!("spelling", chatty = %Chatty).in_scope(|| info!("spelling {Chatty}"));
            f.write_str("chatty")
        }
    }

    let run = run(with(TaskLayer::entries()), || {
        let _span = info_span!("span", value = %Chatty).entered();
        info!("{Chatty}");
        info!("next");
    });
    assert_eq!(run.messages(), ["INFO span{value=chatty}: chatty", "INFO span{value=chatty}: next"]);
}

#[test]
fn a_value_that_panics_does_no_harm_to_the_next_event() {
    struct Bad;

    impl fmt::Debug for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("a bug of the program")
        }
    }

    let run = run(with(TaskLayer::entries()), || {
        catch_unwind(AssertUnwindSafe(|| info!(bad = ?Bad))).unwrap_err();
        info!("next");
    });
    assert_eq!(run.messages(), ["INFO next"]);
}
