//! An iterator tells how far it has come.

use std::iter;

use task_state_guest::testing::{Run, Task};
use task_state_guest::{Error, ProgressIterator, current_task};

fn run(task: Task, act: impl FnOnce()) -> Run {
    task.run_with(|_| {
        act();
        Ok(())
    })
}

/// Done, total and note of what was told last.
fn told(act: impl FnOnce()) -> Option<(u64, Option<u64>, Option<String>)> {
    let run = run(Task::new("analytics", "alice"), act);
    run.progress().map(|progress| (progress.done, progress.total, progress.note.clone()))
}

#[test]
fn the_last_progress_of_a_loop_is_all_of_it() {
    assert_eq!(told(|| assert_eq!((0..1_000).with_progress().sum::<i32>(), 499_500)), Some((1_000, Some(1_000), None)));
    let noted = told(|| (0..3).with_progress().note("rows").for_each(drop));
    assert_eq!(noted, Some((3, Some(3), Some("rows".to_owned()))));
    assert_eq!(told(|| assert_eq!(iter::empty::<u8>().with_progress().count(), 0)), Some((0, Some(0), None)));
}

#[test]
fn a_total_is_told_if_it_is_known() {
    let odd = || (0..10).filter(|number| number % 2 == 1);
    assert_eq!(told(|| odd().with_progress().for_each(drop)), Some((5, None, None)));
    assert_eq!(told(|| odd().with_progress().total(8).for_each(drop)), Some((5, Some(8), None)));
    assert_eq!(told(|| odd().with_progress().total(4).for_each(drop)), Some((5, None, None)), "more than was said");
}

#[test]
fn a_loop_that_is_left_has_done_the_items_before_the_last() {
    let left = told(|| {
        let mut items = ["a", "b", "c"].into_iter().with_progress();
        assert_eq!((items.next(), items.next(), items.len()), (Some("a"), Some("b"), 1));
    });
    assert_eq!(left, Some((1, Some(3), None)));
    assert_eq!(told(|| drop((0..3).with_progress())), None, "a loop that never began");
}

#[test]
fn a_loop_makes_few_calls_however_many_items_it_has() {
    // Were there a call for each item, this one would be among them.
    let task = Task::new("analytics", "alice").cancel_before_call(100_000);
    let run = run(task, || (0..1_000_000).with_progress().for_each(drop));
    assert_eq!(run.status(), task_state_guest::TaskStatus::Completed);
    assert_eq!(run.progress().unwrap().done, 1_000_000);
}

#[test]
fn a_loop_goes_on_where_progress_cannot_be_told() {
    let away = Error::Unavailable("away".to_owned());
    let run = run(Task::new("analytics", "alice").fail("current-task.set-progress", 1, away), || {
        assert_eq!((0..3).with_progress().count(), 3);
        current_task::log("counted").unwrap();
    });
    assert_eq!((run.messages(), run.progress().unwrap().done), (vec!["counted"], 3));
    assert_eq!((0..3).with_progress().count(), 3, "without a host");
}
