//! What the double of the host promises to a plugin's own tests, beyond the table of cases.

use std::io::{BufRead, Read, Write};
use std::sync::Barrier;
use std::{panic, thread};

use task_state_guest::testing::{Grants, Operation, Run, Task};
use task_state_guest::{
    Error, Failure, Plugin, Precondition, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus, current_task, input,
    output, repository,
};

fn task() -> Task {
    Task::new("analytics", "alice")
}

/// A run of a function that cannot fail.
fn run(task: Task, act: impl FnOnce()) -> Run {
    task.run_with(|_| {
        act();
        Ok(())
    })
}

struct Greeter;

impl Plugin for Greeter {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        current_task::log(format!("hello, {}", task.user_id))?;
        Ok(())
    }
}

#[test]
fn a_plugin_runs_on_a_task_and_leaves_its_record() {
    let run = task().task_id("7").parameters("{\"n\": 1}").run::<Greeter>();
    assert_eq!((run.status(), run.messages(), run.failure()), (TaskStatus::Completed, vec!["hello, alice"], None));
    assert_eq!((run.task().task_id.as_str(), run.task().parameters.as_str()), ("7", "{\"n\":1}"));
    assert_eq!(run.statuses(), [TaskStatus::Running, TaskStatus::Completed]);
    assert_eq!(run.tasks().count(), 1);
}

#[test]
fn the_plugin_reads_the_input_of_the_task_and_nothing_after_it() {
    let run = task().input("a\nb\nc").run_with(|_| {
        let mut first = String::new();
        input().read_line(&mut first)?;
        let mut byte = [0];
        input().read_exact(&mut byte)?;
        let mut rest = Vec::new();
        input().read_to_end(&mut rest)?;
        current_task::log(format!("{first:?} {byte:?} {rest:?}"))?;
        assert_eq!(input().lines().count(), 0);
        Ok(())
    });
    assert_eq!(run.messages(), ["\"a\\n\" [98] [10, 99]"]);
}

#[test]
fn what_is_written_to_the_output_is_kept_as_the_launcher_output_unless_the_plugin_has_set_that() {
    let print = || writeln!(output(), "42 rows").unwrap();
    let printed = run(task(), print);
    assert_eq!(printed.output(), "42 rows\n");
    assert_eq!(printed.task().result.launcher_output.as_deref(), Some("42 rows\n"));
    let set = run(task(), || {
        print();
        current_task::update_result(TaskResult::new().launcher_output("mine")).unwrap();
    });
    assert_eq!((set.output(), set.task().result.launcher_output.as_deref()), ("42 rows\n", Some("mine")));
    assert_eq!(run(task(), || {}).task().result.launcher_output, None);
}

#[test]
fn the_statuses_of_a_run_are_those_that_the_task_went_through() {
    let run = task().cancel_before_call(2).run_with(|_| {
        current_task::flush()?;
        assert!(current_task::cancel_requested());
        current_task::set_status(TaskStatus::Failed, "too late")?;
        Ok(())
    });
    assert_eq!(run.statuses(), [TaskStatus::Running, TaskStatus::CancelRequested, TaskStatus::Failed]);
}

#[test]
fn a_walk_over_all_tasks_passes_the_pages_of_a_listing() {
    let mut task = task().grants(Grants::for_services(["analytics"]).operations([Operation::List]));
    for number in 0..250 {
        task = task.with_stored(TaskDraft::new("analytics", "bob").task_id(number.to_string()));
    }
    let run = task.run_with(|_| {
        let ids = repository::tasks(Scope::user("bob")).map(|task| task.map(|task| task.task_id));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        assert_eq!(ids, (0..250).map(|number| number.to_string()).collect::<Vec<_>>());
        Ok(())
    });
    assert_eq!(run.failure(), None);
}

#[test]
fn a_page_ends_where_its_records_are_large() {
    let mut task = task().grants(Grants::for_services(["analytics"]).operations([Operation::List]));
    for id in ["1", "2", "3", "4", "5"] {
        let result = TaskResult::new().pod_status("x".repeat(1 << 20));
        task = task.with_stored(TaskDraft::new("analytics", "bob").task_id(id).result(result));
    }
    let run = task.run_with(|_| {
        let page = repository::list_tasks(Scope::user("bob"), 1_000, None)?;
        assert!((1..5).contains(&page.tasks.len()), "{} tasks", page.tasks.len());
        assert_eq!(page.next.as_deref(), page.tasks.last().map(|task| task.task_id.as_str()));
        assert_eq!(repository::tasks(Scope::user("bob")).count(), 5);
        Ok(())
    });
    assert_eq!(run.failure(), None);
}

#[test]
fn an_unchanged_task_is_told_by_the_instant_and_not_by_its_spelling() {
    let stored = TaskDraft::new("analytics", "alice").task_id("other");
    let run = task().with_stored(stored).run_with(|_| {
        let seen = repository::get("other")?.updated_at;
        let (time, zone) = seen.split_at(seen.len() - 6);
        assert_eq!(zone, "+09:00");
        // The same wall clock in another zone is another instant.
        let other = Precondition::UnchangedSince(format!("{time}+08:00"));
        assert_eq!(
            repository::save(TaskDraft::new("analytics", "alice").task_id("other"), other),
            Err(Error::Conflict)
        );
        let same = Precondition::UnchangedSince(format!("{}+0900", time.replace('T', " ")));
        repository::save(TaskDraft::new("analytics", "alice").task_id("other"), same)?;
        Ok(())
    });
    assert_eq!(run.failure(), None);
}

#[test]
fn a_deleted_task_is_not_found_and_leaves_no_record() {
    let grants = Grants::for_services(["analytics"]).allow(Operation::Delete);
    let run = task().grants(grants).run_with(|task| {
        assert!(repository::delete(&task.task_id)?);
        assert_eq!(current_task::flush(), Err(Error::NotFound));
        assert_eq!(current_task::log("late"), Err(Error::NotFound));
        assert_eq!(current_task::get(), Err(Error::NotFound));
        Ok(())
    });
    assert_eq!(run.get("t1"), None);
    let shown = panic::catch_unwind(panic::AssertUnwindSafe(|| run.status())).unwrap_err();
    assert!(shown.downcast::<String>().unwrap().contains("\"t1\""));
}

#[test]
fn a_task_that_is_not_there_is_found_as_none_and_any_other_error_stays_one() {
    let task = task().with_stored(TaskDraft::new("sync", "bob").task_id("foreign"));
    let run = task.run_with(|task| {
        assert_eq!(repository::find("none"), Ok(None));
        assert_eq!(repository::find(&task.task_id)?.map(|found| found.user_id), Some(task.user_id));
        assert!(matches!(repository::find("foreign"), Err(Error::Denied(_))));
        Ok(())
    });
    assert_eq!(run.failure(), None);
}

#[test]
fn an_argument_that_makes_calls_itself_makes_them_before() {
    struct Talkative;

    impl AsRef<str> for Talkative {
        fn as_ref(&self) -> &str {
            current_task::log("inner").unwrap();
            "outer"
        }
    }

    let run = run(task(), || {
        current_task::log(Talkative).unwrap();
        let messages = ["a", "b"].into_iter().inspect(|_| assert!(current_task::log("between").is_ok()));
        repository::append_logs("t1", messages).unwrap();
    });
    assert_eq!(run.messages(), ["inner", "outer", "between", "between", "a", "b"]);
}

#[test]
fn runs_on_several_threads_know_nothing_of_one_another() {
    let (threads, calls) = (8, 50);
    let together = Barrier::new(threads);
    thread::scope(|scope| {
        for number in 0..threads {
            let together = &together;
            scope.spawn(move || {
                let task = Task::new("analytics", format!("user {number}").replace(' ', "-"));
                let run = task.run_with(|task| {
                    for _ in 0..calls {
                        together.wait();
                        current_task::log(&task.user_id)?;
                    }
                    Ok(())
                });
                assert_eq!(run.messages(), vec![format!("user-{number}"); calls]);
            });
        }
    });
}

#[test]
fn a_thread_that_the_plugin_starts_has_no_host() {
    let run = task().run_with(|_| {
        let answer = thread::spawn(|| current_task::log("a")).join().unwrap();
        assert!(matches!(answer, Err(Error::Internal(why)) if why.contains("no host on this thread")));
        Ok(())
    });
    assert_eq!((run.failure(), run.messages().len()), (None, 0));
}

#[test]
fn a_run_within_a_run_has_a_store_of_its_own() {
    let outer = run(task(), || {
        current_task::log("before").unwrap();
        let inner = task().run::<Greeter>();
        assert_eq!(inner.messages(), ["hello, alice"]);
        current_task::log("after").unwrap();
    });
    assert_eq!(outer.messages(), ["before", "after"]);
}

#[test]
fn a_panic_of_the_plugin_goes_on_into_the_test_and_leaves_no_host_behind() {
    let panicked = panic::catch_unwind(|| run(task(), || panic!("broken"))).unwrap_err();
    assert_eq!(*panicked.downcast::<&str>().unwrap(), "broken");
    assert!(matches!(current_task::flush(), Err(Error::Internal(_))));
}

#[test]
fn a_failure_is_told_with_its_sources() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot read row 3")]
    struct Row(#[source] Error);

    let run = task().run_with(|_| Err(Row(Error::NotFound).into()));
    assert_eq!(run.failure(), Some("cannot read row 3: no such task"));
    assert_eq!((run.status(), run.messages()), (TaskStatus::Failed, vec!["cannot read row 3: no such task"]));
}

#[test]
fn a_test_that_gives_what_no_store_takes_is_told_why() {
    let why = |test: fn() -> Run| *panic::catch_unwind(test).unwrap_err().downcast::<String>().unwrap();
    let greet = |task: Task| task.run::<Greeter>();
    for (told, names) in [
        (why(|| task().parameters("[]").run::<Greeter>()), "invalid parameters \"[]\": it is not a JSON object"),
        (why(|| task().task_id("a:b").run::<Greeter>()), "invalid task id \"a:b\""),
        (why(|| task().with_stored(TaskDraft::new("analytics", "bob").task_id("t1")).run::<Greeter>()), "precondition"),
        (why(|| task().fail("current-task.flash", 1, Error::NotFound).run::<Greeter>()), "\"current-task.flash\""),
        (why(|| task().fail("current-task.cancel-requested", 1, Error::NotFound).run::<Greeter>()), "cancel-requested"),
        (why(|| task().fail("repository.get", 0, Error::NotFound).run::<Greeter>()), "counted from 1"),
    ] {
        assert!(told.contains(names), "{told}");
    }
    assert_eq!(greet(task()).status(), TaskStatus::Completed);
}
