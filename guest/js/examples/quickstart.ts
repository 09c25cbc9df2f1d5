// The first plugin to read: it registers a task and takes it through its life.

import { repository, type TaskDraft } from "task-state";

export async function run(): Promise<void> {
  const task: TaskDraft = { taskId: "external-1", service: "analytics", userId: "alice", status: "pending" };
  const id = repository.save(task);

  repository.setStatus(id, "running", "worker started");
  repository.appendLogs(id, ["processed input payload"]);
  repository.setStatus(id, "completed", "worker finished");
}
