//! The smallest plugin: says hello to whom its task is for.

use task_state_guest::{Failure, Plugin, TaskRecord, current_task};

struct Greeting;

impl Plugin for Greeting {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        current_task::log(format!("hello, {}", task.user_id))?;
        Ok(())
    }
}

task_state_guest::export!(Greeting);
