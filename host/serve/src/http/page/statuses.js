// The statuses of a task, in the order in which it goes through them, and what each is called.

export const STATUSES = ["pending", "dispatching", "running", "completed", "failed", "cancel_requested", "cancelled"];

const NAMES = {
  pending: "Pending",
  dispatching: "Dispatching",
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  cancel_requested: "Cancel requested",
  cancelled: "Cancelled",
};

/** What a status is called. One that this page does not know keeps its own name. */
export function nameOf(status) {
  return NAMES[status] ?? String(status);
}

/** Whether a task of this status will never have another. */
export function hasEnded(status) {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** The sum of counts by status. */
export function total(counts) {
  return Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
}

/** Adds the counts of one to those of another. */
export function add(to, counts) {
  for (const [status, count] of Object.entries(counts ?? {})) to[status] = (to[status] ?? 0) + count;
  return to;
}
