//! Gives the host more than any task needs, without an end, or asks it for what it has to refuse. The first line of its
//! input says what.

use std::io::{BufRead, Read};
use std::time::Duration;

use task_state_guest::{Failure, Plugin, Precondition, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus};
use task_state_guest::{current_task, repository};

/// What no id, service or user may be.
const FORBIDDEN: [&str; 8] = ["", "a:b", "{x}", "a b", "a\nb", "\u{7f}", "a\u{a0}b", "tab\tbed"];

/// What is no JSON object, or none that every reader takes.
const ILL_FORMED: [&str; 8] =
    ["", "[]", "{", "{\"a\":}", "{\"a\":NaN}", "{\"a\":\"\\ud800\"}", "{\"a\":1} x", "\u{feff}{}"];

struct Flood;

impl Plugin for Flood {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let mut input = std::io::stdin().lock();
        let mut mode = String::new();
        input.read_line(&mut mode)?;
        match mode.trim() {
            "calls" => loop {
                current_task::flush()?;
            },
            "entries" => loop {
                current_task::log("e".repeat(1_000))?;
            },
            "output" => loop {
                println!("{}", "o".repeat(1_000));
            },
            "results" => loop {
                current_task::update_result(TaskResult::new().pod_status("r".repeat(10_000)))?;
            },
            "statuses" => loop {
                current_task::set_status(TaskStatus::Running, None)?;
            },
            "tasks" => loop {
                repository::save(TaskDraft::new(&task.service, &task.user_id).task_id("again"), Precondition::None)?;
            },
            "forbidden" => forbidden(&task),
            "cursors" => cursors(),
            "wait-for-input" => _ = input.read_to_end(&mut Vec::new())?,
            "never-stop" => loop {
                std::thread::sleep(Duration::from_millis(1));
                _ = current_task::cancel_requested();
            },
            other => return Err(format!("no such mode: {other:?}").into()),
        }
        Ok(())
    }
}

/// Hands over names and JSON that no store may hold, and says which it did not get refused.
fn forbidden(task: &TaskRecord) {
    let own = || TaskDraft::new(&task.service, &task.user_id).task_id("odd");
    let long = "x".repeat(129);
    for name in FORBIDDEN.into_iter().chain([long.as_str()]) {
        tell("id", name, repository::save(own().task_id(name), Precondition::None));
        tell("service", name, repository::save(TaskDraft::new(name, &task.user_id), Precondition::None));
        tell("user", name, repository::save(TaskDraft::new(&task.service, name), Precondition::None));
    }
    for json in ILL_FORMED {
        tell("parameters", json, repository::save(own().parameters(json), Precondition::None));
    }
    let deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
    tell("parameters", "deep", repository::save(own().parameters(deep), Precondition::None));
}

fn tell<T>(what: &str, value: &str, answer: task_state_guest::Result<T>) {
    if answer.is_ok() {
        println!("{what} {value:?} was taken");
    }
}

/// Continues a listing from where none ever was, and shows what it is given.
fn cursors() {
    for cursor in ["", "victim", "0", "\u{10ffff}", "../../etc/passwd", "{\"scope\":\"all\"}"] {
        match repository::list_tasks(Scope::All, 1_000, Some(cursor)) {
            Ok(page) => page.tasks.iter().for_each(|task| println!("{cursor:?} shows {}", task.task_id)),
            Err(error) => println!("{cursor:?}: {error}"),
        }
    }
}

task_state_guest::export!(Flood);
