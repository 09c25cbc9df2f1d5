"""The first plugin to read: it registers a task and takes it through its life."""

import task_state
from task_state import TaskRecord, TaskStatus, repository


@task_state.plugin
def main(_: TaskRecord) -> None:
    task = TaskRecord(task_id="external-1", service="analytics", user_id="alice", status=TaskStatus.PENDING)
    task_id = repository.save(task)

    repository.set_status(task_id, TaskStatus.RUNNING, "worker started")
    repository.append_logs(task_id, ["processed input payload"])
    repository.set_status(task_id, TaskStatus.COMPLETED, "worker finished")
