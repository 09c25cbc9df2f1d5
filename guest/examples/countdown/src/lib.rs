//! A plugin to look at while it runs: it counts down the seconds of the parameter `seconds`, a minute unless given, with an
//! entry and its progress for each, and stops within a tenth of one when its task is cancelled.

use std::thread::sleep;
use std::time::Duration;

use task_state_guest::{Failure, Plugin, TaskRecord, current_task};

struct Countdown;

impl Plugin for Countdown {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let seconds = task.parameter("seconds")?.unwrap_or(60_u64);
        for done in 0..seconds {
            let left = seconds - done;
            current_task::log(format!("{left} seconds left"))?;
            current_task::set_progress(done, seconds, "counting down")?;
            for _ in 0..10 {
                if current_task::cancel_requested() {
                    current_task::log(format!("stopped with {left} seconds left"))?;
                    return Ok(());
                }
                sleep(Duration::from_millis(100));
            }
        }
        current_task::set_progress(seconds, seconds, "lift-off")?;
        current_task::log("lift-off")?;
        Ok(())
    }
}

task_state_guest::export!(Countdown);
