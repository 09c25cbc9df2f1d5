// Tasks as plugins see them, and as they are handed over.

import * as check from "./check.js";

/** @typedef {import("./errors.js").TaskStatus} TaskStatus */

/** How urgently the platform should schedule a task. @typedef {"high" | "low"} Priority */

/**
 * What the workload left behind. A field that was never set is undefined; as a change it overwrites the fields that are
 * present and leaves the others alone.
 * @typedef {object} TaskResult
 * @property {string | undefined} [podStatus] a snapshot of the workload's pod, as text
 * @property {string | undefined} [launcherOutput] standard output and standard error of the workload, as one text
 */

/**
 * A task as the store holds it. Times are ISO 8601 with a numeric offset, such as `2025-11-17T10:00:16.515926+09:00`.
 * @typedef {object} TaskRecord
 * @property {string} taskId its id, unique in the store
 * @property {string} service the service that it belongs to
 * @property {string} userId the user for whom it is done
 * @property {TaskStatus} status where it is in its life
 * @property {Record<string, any>} parameters its parameters
 * @property {string} parametersText the same as the text of a JSON object, which may hold numbers that JavaScript cannot;
 *   not enumerable, so that `{ ...task }` is a draft
 * @property {string[]} activeJobs identifiers that external schedulers gave to the task's jobs
 * @property {string} createdAt when it was registered
 * @property {string} updatedAt when it was last changed
 * @property {string[]} logs entries of the form `<time>,<message>`, oldest first; `logEntry` takes one apart
 * @property {TaskResult} result what the workload left behind
 * @property {Priority} priority how urgent it is
 */

/**
 * A task as a plugin saves it; a `TaskRecord` is one too. The host stamps `updatedAt`.
 * @typedef {object} TaskDraft
 * @property {string | undefined} [taskId] 1 to 128 bytes without `:`, `{`, `}`, white space and control characters; the
 *   next number of the store's sequence, if absent
 * @property {string} service the service that it belongs to
 * @property {string} userId the user for whom it is done
 * @property {TaskStatus | undefined} [status] any status, for a save is no transition; `pending` if absent
 * @property {Record<string, any> | string | undefined} [parameters] an object, or the text of a JSON object, which is
 *   saved as it is; `{}` if absent
 * @property {Iterable<string> | undefined} [activeJobs] identifiers that external schedulers gave to the task's jobs
 * @property {string | undefined} [createdAt] when it was registered, ISO 8601 with an offset; now, if absent
 * @property {string | undefined} [updatedAt] not looked at: the host stamps it
 * @property {Iterable<string> | undefined} [logs] entries of the form `<time>,<message>`, oldest first
 * @property {TaskResult | undefined} [result] what the workload left behind
 * @property {Priority | undefined} [priority] `low` if absent
 */

/**
 * A task on the wire: `parameters` as text, an absent option null or undefined.
 * @typedef {object} WireTask
 * @property {string} taskId
 * @property {string} service
 * @property {string} userId
 * @property {TaskStatus} status
 * @property {string} parameters
 * @property {string[]} activeJobs
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string[]} logs
 * @property {WireResult} result
 * @property {Priority} priority
 */

/** @typedef {{ podStatus?: string | null | undefined, launcherOutput?: string | null | undefined }} WireResult */

/** @typedef {Omit<WireTask, "taskId" | "createdAt" | "updatedAt"> & { taskId: string | undefined, createdAt: string | undefined }} WireDraft */

const RESULT_FIELDS = ["podStatus", "launcherOutput"];
const DRAFT_FIELDS = [
  "taskId",
  "service",
  "userId",
  "status",
  "parameters",
  "activeJobs",
  "createdAt",
  "updatedAt",
  "logs",
  "result",
  "priority",
];

/**
 * @param {WireTask} wire
 * @returns {TaskRecord}
 */
export function fromWire(wire) {
  const task = /** @type {any} */ ({
    taskId: wire.taskId,
    service: wire.service,
    userId: wire.userId,
    status: wire.status,
    // The host hands over no record whose parameters cannot be read.
    parameters: JSON.parse(wire.parameters),
    activeJobs: wire.activeJobs,
    createdAt: wire.createdAt,
    updatedAt: wire.updatedAt,
    logs: wire.logs,
    result: { podStatus: wire.result.podStatus ?? undefined, launcherOutput: wire.result.launcherOutput ?? undefined },
    priority: wire.priority,
  });
  return Object.defineProperty(task, "parametersText", { value: wire.parameters });
}

/**
 * @param {TaskDraft} draft
 * @returns {WireDraft}
 */
export function draftToWire(draft) {
  const given = check.fields("the draft", draft, DRAFT_FIELDS);
  return {
    taskId: check.optionalText("taskId", given.taskId),
    service: check.text("service", given.service),
    userId: check.text("userId", given.userId),
    status: check.status(given.status ?? "pending"),
    parameters: parametersToWire(given.parameters ?? {}),
    activeJobs: check.texts("activeJobs", given.activeJobs ?? []),
    createdAt: check.optionalText("createdAt", given.createdAt),
    logs: check.texts("logs", given.logs ?? []),
    result: resultToWire(given.result ?? {}),
    priority: check.priority(given.priority ?? "low"),
  };
}

/** @param {unknown} parameters @returns {string} */
function parametersToWire(parameters) {
  if (typeof parameters === "string") return check.text("parameters", parameters);
  if (typeof parameters !== "object") throw check.mistyped("parameters", parameters, "an object or the text of one");
  const json = JSON.stringify(parameters);
  return check.text("parameters", json);
}

/**
 * @param {unknown} result
 * @returns {{ podStatus: string | undefined, launcherOutput: string | undefined }}
 */
export function resultToWire(result) {
  const given = check.fields("the result", result, RESULT_FIELDS);
  return {
    podStatus: check.optionalText("podStatus", given.podStatus),
    launcherOutput: check.optionalText("launcherOutput", given.launcherOutput),
  };
}

/**
 * An entry of a task's log, taken apart. `at` is when it was made: empty if the entry, which anyone may have written, has
 * no comma.
 * @param {string} entry
 * @returns {{ at: string, message: string }}
 */
export function logEntry(entry) {
  const comma = check.text("entry", entry).indexOf(",");
  return { at: entry.slice(0, Math.max(comma, 0)), message: entry.slice(comma + 1) };
}
