//! Tries to reach the task `victim` of the service `sync` in every way there is, and prints what came of each.

use std::fmt::Debug;

use task_state_guest::{
    Failure, Plugin, Precondition, Priority, Scope, TaskDraft, TaskRecord, TaskResult, TaskStatus, repository,
};

const VICTIM: &str = "victim";

struct Thief;

impl Plugin for Thief {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let own = || TaskDraft::new("analytics", "alice").task_id(VICTIM);
        tell("get", repository::get(VICTIM).map(|task| task.task_id));
        tell("set-status", repository::set_status(VICTIM, TaskStatus::Failed, "stolen"));
        tell("append-logs", repository::append_logs(VICTIM, ["stolen"]));
        tell("update-result", repository::update_result(VICTIM, TaskResult::new().pod_status("stolen")));
        tell("set-active-jobs", repository::set_active_jobs(VICTIM, ["stolen"]));
        tell("set-priority", repository::set_priority(VICTIM, Priority::High));
        tell("delete", repository::delete(VICTIM));
        tell("save-over", repository::save(own(), Precondition::None));
        tell("save-over-if-absent", repository::save(own(), Precondition::Absent));
        tell("save-as-theirs", repository::save(TaskDraft::new("sync", "bob").task_id(VICTIM), Precondition::None));
        tell("save-for-them", repository::save(TaskDraft::new("sync", "bob"), Precondition::None));
        tell("list-all", ids(Scope::All));
        tell("list-service", ids(Scope::service("sync")));
        tell("list-service-user", ids(Scope::service_user("sync", "bob")));
        tell("list-user", ids(Scope::user("bob")));
        tell("list-ids", ids(Scope::ids([VICTIM, &task.task_id])));
        tell("list-users", repository::list_users("sync"));
        tell("strange-id", repository::get("victim:metadata").map(|task| task.task_id));
        tell("sequence-as-id", repository::get("id:sequence").map(|task| task.task_id));
        tell("give-away", repository::save(TaskDraft::new("sync", "bob").task_id(&task.task_id), Precondition::None));
        Ok(())
    }
}

fn ids(scope: Scope) -> task_state_guest::Result<Vec<String>> {
    Ok(repository::list_tasks(scope, 1_000, None)?.tasks.into_iter().map(|task| task.task_id).collect())
}

fn tell<T: Debug>(what: &str, outcome: task_state_guest::Result<T>) {
    println!("{what}: {outcome:?}");
}

task_state_guest::export!(Thief);
