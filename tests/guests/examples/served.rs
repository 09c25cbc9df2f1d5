//! Does what the parameter `do` of its task says: a platform's tasks have no input. Nothing, if there is none.

use std::time::Duration;

use task_state_guest::{Failure, Plugin, TaskRecord, current_task};

struct Served;

impl Plugin for Served {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let is_to = |what: &str| task.parameters.replace(' ', "").contains(&format!("\"do\":\"{what}\""));
        if is_to("fail") {
            return Err("told to fail".into());
        }
        current_task::log("at work")?;
        if is_to("wait") {
            while !current_task::cancel_requested() {
                std::thread::sleep(Duration::from_millis(10));
            }
            current_task::log("stopping")?;
        }
        if is_to("pause") {
            std::thread::sleep(Duration::from_secs(2));
            current_task::log("done")?;
        }
        Ok(())
    }
}

task_state_guest::export!(Served);
