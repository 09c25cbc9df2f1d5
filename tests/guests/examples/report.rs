//! Reports on its task, in the way that the first line of its input names, or the parameter `mode` if there is no input.

use std::io::{BufRead, Read};
use std::time::{Duration, Instant};

use task_state_guest::{Failure, Plugin, Precondition, Priority, TaskDraft, TaskRecord, TaskResult, TaskStatus};
use task_state_guest::{current_task, repository};
use test_guests::spin;

struct Report;

impl Plugin for Report {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let mut input = std::io::stdin().lock();
        let mut mode = String::new();
        if input.read_line(&mut mode)? == 0 {
            mode = parameter(&task, "mode");
        }
        match mode.trim() {
            "nothing" => {}
            "whoami" => println!("{} {} {} {}", task.task_id, task.service, task.user_id, task.parameters),
            "everything" => everything()?,
            "log-many" => log_many()?,
            "log-and-return" => log_and_return(1_000)?,
            "log-before-others" => log_before_others(&task)?,
            "log-then-spin" => {
                current_task::log("held back")?;
                spin();
            }
            "log-until-told" => log_until_told()?,
            "count-input" => println!("{} bytes", std::io::copy(&mut input, &mut std::io::sink())?),
            "log-input" => log_input(input)?,
            "stop-when-asked" => stop_when_asked("stopping")?,
            "print-until-asked" => print_until_asked(),
            "heed-in-answers" => heed_in_answers()?,
            "work-on" => work_on()?,
            "compute-and-tell" => compute_and_tell()?,
            "refuse-to-stop" => {
                stop_when_asked("asked, and going on")?;
                spin();
            }
            "change-often" => change_often(&task)?,
            "flush-often" => flush_often()?,
            "save-myself-anew" => save_myself_anew(&task)?,
            "log-and-save-myself-anew" => {
                current_task::log("before")?;
                current_task::flush()?;
                save_myself_anew(&task)?;
            }
            "save-myself-and-wait" => {
                save_myself_anew(&task)?;
                stop_when_asked("stopping")?;
            }
            "save-myself-all-the-time" => loop {
                if let refused @ Err(_) = save_running(&task) {
                    current_task::log(format!("{refused:?}"))?;
                    break;
                }
            },
            "make-progress" => make_progress()?,
            "beat-until-asked" => beat_until_asked()?,
            "log-steadily" => log_steadily(parameter(&task, "entries").parse()?)?,
            "end-and-begin-anew" => loop {
                _ = current_task::set_status(TaskStatus::Failed, None);
                _ = save_running(&task);
            },
            "take-over" => take_over(&task, input),
            "let-go-first" => {
                let mut favoured = String::new();
                input.read_line(&mut favoured)?;
                println!("{:?}", repository::set_priority(favoured.trim(), Priority::High));
            }
            "delete-myself" => {
                repository::delete(&task.task_id)?;
                current_task::log("a word from beyond")?;
                current_task::flush()?;
                repository::save(TaskDraft::new("analytics", "alice").task_id("after-the-end"), Precondition::None)?;
            }
            other => return Err(format!("no such mode: {other:?}").into()),
        }
        Ok(())
    }
}

/// A parameter of the task that is a text, or nothing.
fn parameter(task: &TaskRecord, name: &str) -> String {
    let parameters: serde_json::Value = serde_json::from_str(&task.parameters).unwrap_or_default();
    parameters[name].as_str().unwrap_or_default().to_owned()
}

fn everything() -> task_state_guest::Result<()> {
    let task = current_task::get()?;
    current_task::log(format!("status at the start: {}", task.status))?;
    current_task::set_active_jobs(["job-1", "job-2"])?;
    current_task::update_result(TaskResult::new().pod_status("up").launcher_output("set by the guest"))?;
    current_task::set_status(TaskStatus::Running, "still running")?;
    println!("printed, but the output is set");
    current_task::set_status(TaskStatus::Completed, None)?;
    current_task::log("after the end").map(drop)
}

fn log_many() -> task_state_guest::Result<()> {
    log_and_return(3_000)?;
    let status = current_task::flush()?;
    current_task::log(format!("flushed: {status}, {} entries", current_task::get()?.logs.len()))?;
    Ok(())
}

fn log_and_return(entries: usize) -> task_state_guest::Result<()> {
    (0..entries).try_for_each(|number| current_task::log(format!("entry {number}")).map(drop))
}

/// Logs until it is told that an entry was lost, and prints what it was told.
fn log_until_told() -> task_state_guest::Result<()> {
    loop {
        if let Err(error) = current_task::log("lost") {
            println!("{error:?}");
            return current_task::log("after").map(drop);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn log_before_others(task: &TaskRecord) -> task_state_guest::Result<()> {
    current_task::log("one")?;
    repository::append_logs(&task.task_id, ["two"])?;
    current_task::log("three")?;
    current_task::set_status(TaskStatus::Running, "four")?;
    current_task::log("five")?;
    assert!(repository::get(&task.task_id)?.logs.iter().any(|entry| entry.ends_with(",five")));
    current_task::log("six")?;
    assert!(current_task::set_status(TaskStatus::Pending, "refused").is_err());
    current_task::log("seven").map(drop)
}

/// Says that it runs, and returns once it was asked to stop.
fn stop_when_asked(last_words: &str) -> task_state_guest::Result<()> {
    current_task::log("running")?;
    while !current_task::cancel_requested() {
        std::thread::sleep(Duration::from_millis(10));
    }
    current_task::log(last_words).map(drop)
}

fn print_until_asked() {
    let mut number = 0;
    while !current_task::cancel_requested() {
        println!("{number}");
        number += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("the end");
}

fn heed_in_answers() -> task_state_guest::Result<()> {
    while current_task::log("working")? != TaskStatus::CancelRequested {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Computes, and reports on it every few milliseconds, for ever.
fn work_on() -> task_state_guest::Result<()> {
    loop {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(5) {}
        current_task::set_status(TaskStatus::Running, None).map(drop).or_else(|error| match error {
            task_state_guest::Error::InvalidTransition(_) => Ok(()),
            other => Err(other),
        })?;
    }
}

/// Computes for ever, and says so after each turn that it had.
fn compute_and_tell() -> task_state_guest::Result<()> {
    loop {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(20) {}
        current_task::log("had a turn")?;
    }
}

/// Is in twenty statuses, one right after the other.
fn change_often(task: &TaskRecord) -> task_state_guest::Result<()> {
    for _ in 0..10 {
        save_pending(task)?;
        current_task::set_status(TaskStatus::Running, None)?;
    }
    current_task::log("changed").map(drop)
}

fn flush_often() -> task_state_guest::Result<()> {
    (0..200).try_for_each(|number| {
        current_task::log(format!("entry {number}"))?;
        current_task::flush().map(drop)
    })
}

fn save_myself_anew(task: &TaskRecord) -> task_state_guest::Result<()> {
    save_pending(task)?;
    current_task::log("saved anew").map(drop)
}

fn save_pending(task: &TaskRecord) -> task_state_guest::Result<()> {
    save_myself(task, TaskStatus::Pending)
}

fn save_running(task: &TaskRecord) -> task_state_guest::Result<()> {
    save_myself(task, TaskStatus::Running)
}

fn save_myself(task: &TaskRecord, status: TaskStatus) -> task_state_guest::Result<()> {
    let draft = TaskDraft::new(&task.service, &task.user_id).task_id(&task.task_id).status(status);
    repository::save(draft, Precondition::None).map(drop)
}

/// Says how far it has come far more often than that is written, and what it is told of what makes no sense.
fn make_progress() -> task_state_guest::Result<()> {
    for done in 0..=1_000 {
        current_task::set_progress(done, 1_000, "rows")?;
        if done == 500 {
            current_task::log("half")?;
            current_task::flush()?;
        }
    }
    println!("{:?}", current_task::set_progress(11, 10, None));
    println!("{:?}", current_task::set_progress(1, None, "x".repeat(1_025).as_str()));
    Ok(())
}

/// Says that it is there, acknowledged, again and again.
fn beat_until_asked() -> task_state_guest::Result<()> {
    while !current_task::cancel_requested() {
        current_task::log("beat")?;
        current_task::flush()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Logs so many entries, each acknowledged before the next.
fn log_steadily(entries: usize) -> task_state_guest::Result<()> {
    for number in 0..entries {
        current_task::log(format!("entry {number}"))?;
        current_task::flush()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Logs each line of its input, acknowledged before the next is read.
fn log_input(input: impl BufRead) -> Result<(), Failure> {
    for line in input.lines() {
        let line = line?;
        current_task::log(line.split_whitespace().next().unwrap_or_default())?;
        current_task::flush()?;
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Tries to save over the task that the rest of the input names, and to become its owner.
fn take_over(task: &TaskRecord, mut input: impl Read) {
    let mut victim = String::new();
    _ = input.read_to_string(&mut victim);
    for user in [&task.user_id, "bob"] {
        for status in [TaskStatus::Running, TaskStatus::Completed] {
            let draft = TaskDraft::new(&task.service, user).task_id(victim.trim()).status(status);
            println!("{:?}", repository::save(draft, Precondition::None));
        }
    }
}

task_state_guest::export!(Report);
