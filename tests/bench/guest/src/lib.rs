//! The plugin that the benchmark of the store runs: it does what the parameter `do` says, and prints how long that took,
//! one number of nanoseconds a line.

use std::time::{Duration, Instant};

use task_state_guest::{Failure, Plugin, Scope, TaskRecord, current_task, repository};

/// Where the benchmark begins to look at the server's counters, and where it stops. The host sees these entries.
const BEGIN: &str = "mark-begin";
const END: &str = "mark-end";

struct Bench;

impl Plugin for Bench {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let times: usize = task.parameter("times")?.unwrap_or(0);
        match task.parameter::<String>("do")?.as_deref() {
            Some("append") => append(&task.task_id, times),
            Some("log") => log(times),
            Some("lifecycle") => {
                let append = |number| repository::append_logs(&task.task_id, [message(number)]).map(drop);
                Ok((0..times).try_for_each(append)?)
            }
            Some("lifecycle-log") => {
                Ok((0..times).try_for_each(|number| current_task::log(message(number)).map(drop))?)
            }
            Some("list") => list(),
            other => Err(format!("unknown parameter do: {other:?}").into()),
        }
    }
}

/// Entries of which each is acknowledged before the next.
fn append(id: &str, times: usize) -> Result<(), Failure> {
    repository::append_logs(id, [BEGIN])?;
    for number in 0..times {
        let message = message(number);
        let start = Instant::now();
        repository::append_logs(id, [message])?;
        show(start.elapsed());
    }
    repository::append_logs(id, [END])?;
    Ok(())
}

/// Entries that the host may hold for a moment, acknowledged together. Shows the mean.
fn log(times: usize) -> Result<(), Failure> {
    current_task::log(BEGIN)?;
    current_task::flush()?;
    let start = Instant::now();
    for number in 0..times {
        current_task::log(message(number))?;
    }
    current_task::flush()?;
    let mean = start.elapsed() / u32::try_from(times)?;
    current_task::log(END)?;
    current_task::flush()?;
    for _ in 0..times {
        show(mean);
    }
    Ok(())
}

/// Every task of the service that the plugin is granted, page by page.
fn list() -> Result<(), Failure> {
    let start = Instant::now();
    let mut tasks = 0_u64;
    for task in repository::tasks(Scope::All) {
        task?;
        tasks += 1;
    }
    show(start.elapsed());
    println!("{tasks}");
    Ok(())
}

fn message(number: usize) -> String {
    format!("processed chunk {number:06} of the payload")
}

fn show(time: Duration) {
    println!("{}", time.as_nanos());
}

task_state_guest::export!(Bench);
