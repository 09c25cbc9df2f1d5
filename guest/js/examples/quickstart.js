// The first plugin to read: it registers a task and takes it through its life.

import { repository } from "task-state";

/** @type {import("task-state").Run} */
export function run() {
  const id = repository.save({ taskId: "external-1", service: "analytics", userId: "alice", status: "pending" });

  repository.setStatus(id, "running", "worker started");
  repository.appendLogs(id, ["processed input payload"]);
  repository.setStatus(id, "completed", "worker finished");
}
