//! Hands over more than a host takes. Its input says what, of how many bytes, and how many of them. What it is told it
//! prints, and goes on.

use std::time::{Duration, Instant};

use task_state_guest::{Failure, Plugin, Precondition, TaskDraft, TaskRecord, TaskResult, TaskStatus};
use task_state_guest::{current_task, repository};

struct Overload;

impl Plugin for Overload {
    fn run(_task: TaskRecord) -> Result<(), Failure> {
        let input = std::io::read_to_string(std::io::stdin())?;
        let mut words = input.split_whitespace();
        let what = words.next().unwrap_or_default();
        let bytes = words.next().map_or(Ok(0), str::parse)?;
        let count = words.next().map_or(Ok(1), str::parse)?;
        match what {
            "nap" => std::thread::sleep(Duration::from_millis(bytes as u64)),
            "error" => return Err("e".repeat(bytes).into()),
            "print" => {
                let line = "p".repeat(bytes);
                (0..count).for_each(|_| println!("{line}"));
            }
            "calls" => {
                let began = Instant::now();
                (0..count).try_for_each(|_| current_task::get().map(drop))?;
                println!("waited: {}", began.elapsed() >= Duration::from_secs(1));
            }
            "pollables" => {
                (0..count).for_each(|_| std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(1)))
            }
            _ => {
                let text = "x".repeat(bytes);
                (0..count).for_each(|_| println!("{:?}", hand_over(what, &text)));
                current_task::log("going on")?;
            }
        }
        Ok(())
    }
}

fn hand_over(what: &str, text: &str) -> task_state_guest::Result<()> {
    let draft = || TaskDraft::new("analytics", "alice").task_id("another");
    match what {
        "entry" => current_task::log(text).map(drop),
        "notice" => current_task::set_status(TaskStatus::Running, text).map(drop),
        "result" => current_task::update_result(TaskResult::new().launcher_output(text)).map(drop),
        "job" => current_task::set_active_jobs([text]).map(drop),
        "jobs" => current_task::set_active_jobs(vec![""; text.len()]).map(drop),
        "task" => repository::save(draft().active_jobs([text]), Precondition::None).map(drop),
        "entry-elsewhere" => repository::append_logs("another", [text]).map(drop),
        "entries-elsewhere" => repository::append_logs("another", vec![""; text.len()]).map(drop),
        "id" => repository::get(text).map(drop),
        "service" => repository::save(TaskDraft::new(text, "alice"), Precondition::None).map(drop),
        "user" => repository::save(TaskDraft::new("analytics", text), Precondition::None).map(drop),
        other => panic!("no such thing: {other}"),
    }
}

task_state_guest::export!(Overload);
