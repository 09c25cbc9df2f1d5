//! Events of the crate `log` become entries of the task, or output.

use std::fmt;
use std::panic::catch_unwind;

use log::{Level, LevelFilter, Record, debug, error, info, warn};
use task_state_guest::testing::{Run, Task};
use task_state_guest::{Error, TaskLogger, current_task};

/// A run that installs a logger and then acts.
fn run(logger: TaskLogger, act: impl FnOnce()) -> Run {
    run_on(Task::new("analytics", "alice"), logger, act)
}

fn run_on(task: Task, logger: TaskLogger, act: impl FnOnce()) -> Run {
    let run = task.run_with(|_| {
        logger.install()?;
        act();
        Ok(())
    });
    assert_eq!(run.failure(), None);
    run
}

#[test]
fn events_become_entries_with_their_level_and_fields() {
    let run = run(TaskLogger::entries(), || {
        info!("imported");
        warn!(rows = 42, file = "a b.csv", ok = true; "slow: {}", 7);
        debug!("no entry");
    });
    assert_eq!(run.messages(), ["INFO imported", "WARN slow: 7 rows=42 file=\"a b.csv\" ok=true"]);
    assert_eq!(run.output(), "");
}

#[test]
fn events_become_lines_of_the_output_with_level_and_target() {
    let run = run(TaskLogger::output(), || {
        error!(target: "import::csv", "broken");
        info!("done");
    });
    assert_eq!(run.output(), "ERROR import::csv: broken\nINFO logger: done\n");
    assert!(run.messages().is_empty());
}

#[test]
fn level_and_target_are_shown_as_the_author_wants() {
    let bare = run(TaskLogger::output().show_level(false).show_target(false), || info!("done"));
    assert_eq!(bare.output(), "done\n");
    let full = run(TaskLogger::entries().show_target(true), || info!("done"));
    assert_eq!(full.messages(), ["INFO logger: done"]);
}

#[test]
fn a_target_has_the_level_of_the_longest_name_that_covers_it() {
    let logger = TaskLogger::entries()
        .level(LevelFilter::Error)
        .level_for("csv", LevelFilter::Debug)
        .level_for("csv::reader", LevelFilter::Off)
        .level_for("csv::reader", LevelFilter::Warn);
    let run = run(logger, || {
        for target in ["csv", "csv::writer", "csv::reader", "csv::reader::fast", "csvx", "other"] {
            for level in [Level::Error, Level::Warn, Level::Debug, Level::Trace] {
                log::logger()
                    .log(&Record::builder().level(level).target(target).args(format_args!("{target}")).build());
            }
        }
    });
    let expected = "ERROR csv,WARN csv,DEBUG csv,ERROR csv::writer,WARN csv::writer,DEBUG csv::writer,\
        ERROR csv::reader,WARN csv::reader,ERROR csv::reader::fast,WARN csv::reader::fast,ERROR csvx,ERROR other";
    assert_eq!(run.messages().join(","), expected);
}

#[test]
fn an_event_that_the_host_does_not_take_is_output_with_the_reason() {
    let away = Error::Unavailable("away".to_owned());
    let task = Task::new("analytics", "alice").fail("current-task.log", 1, away);
    let run = run_on(task, TaskLogger::entries(), || {
        info!("first");
        info!("second");
        info!("{}", "x".repeat((256 << 10) + 1));
    });
    assert_eq!(run.messages(), ["INFO second"]);
    let lines: Vec<&str> = run.output().lines().collect();
    assert_eq!(lines[0], "[not logged: the store is unavailable: away] INFO first");
    assert!(lines[1].starts_with("[not logged: quota exceeded: ") && lines[1].ends_with("xxx"), "{}", &lines[1][..80]);
}

#[test]
fn events_of_a_value_that_is_being_spelled_are_left_out() {
    struct Chatty;

    impl fmt::Display for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            info!("spelling {Chatty}");
            f.write_str("chatty")
        }
    }

    let run = run(TaskLogger::entries(), || {
        info!("{Chatty}");
        info!("next");
    });
    assert_eq!(run.messages(), ["INFO chatty", "INFO next"]);
}

#[test]
fn a_value_that_cannot_be_spelled_or_panics_does_no_harm_to_the_next_event() {
    struct Bad(bool);

    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            assert!(self.0, "a bug of the program");
            f.write_str("half")?;
            Err(fmt::Error)
        }
    }

    let run = run(TaskLogger::entries(), || {
        info!("{} text", Bad(true));
        catch_unwind(|| info!("{}", Bad(false))).unwrap_err();
        info!("next");
    });
    assert_eq!(run.messages(), ["INFO half", "INFO next"]);
}

#[test]
fn a_flush_waits_for_the_entries() {
    let task = Task::new("analytics", "alice").cancel_before_call(2);
    let run = run_on(task, TaskLogger::entries(), || {
        info!("a");
        log::logger().flush();
        assert!(current_task::cancel_requested(), "the flush was the second call");
    });
    assert_eq!(run.messages(), ["INFO a"]);
}

#[test]
fn each_thread_has_its_own_logger_and_a_later_one_takes_the_place_of_the_first() {
    let entries = run(TaskLogger::entries(), || {
        let output = std::thread::spawn(|| run(TaskLogger::output(), || info!("there")).output().to_owned());
        assert_eq!(output.join().unwrap(), "INFO logger: there\n");
        info!("here");
        TaskLogger::output().install().unwrap();
        info!("then");
    });
    assert_eq!((entries.messages(), entries.output()), (vec!["INFO here"], "INFO logger: then\n"));
}

#[test]
fn without_a_logger_on_the_thread_nothing_is_enabled() {
    TaskLogger::entries().install().unwrap();
    let is_enabled = || log::log_enabled!(Level::Error);
    assert!(is_enabled());
    assert!(!std::thread::spawn(is_enabled).join().unwrap());
}
