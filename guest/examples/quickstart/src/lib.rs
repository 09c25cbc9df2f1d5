//! The first plugin to read: it registers a task and takes it through its life.

use task_state_guest::{Failure, Plugin, Precondition, TaskDraft, TaskRecord, TaskStatus, repository};

struct Quickstart;

impl Plugin for Quickstart {
    fn run(_task: TaskRecord) -> Result<(), Failure> {
        let task = TaskDraft::new("analytics", "alice").task_id("external-1").status(TaskStatus::Pending);
        let id = repository::save(task, Precondition::None)?;

        repository::set_status(&id, TaskStatus::Running, "worker started")?;
        repository::append_logs(&id, ["processed input payload"])?;
        repository::set_status(&id, TaskStatus::Completed, "worker finished")?;
        Ok(())
    }
}

task_state_guest::export!(Quickstart);
