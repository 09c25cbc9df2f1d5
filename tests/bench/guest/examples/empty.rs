//! The plugin that does nothing: what its run costs is what every run costs.

use task_state_guest::{Failure, Plugin, TaskRecord};

struct Empty;

impl Plugin for Empty {
    fn run(_: TaskRecord) -> Result<(), Failure> {
        Ok(())
    }
}

task_state_guest::export!(Empty);
