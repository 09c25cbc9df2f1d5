// The task store, as far as the plugin's grants reach. Every call may throw a `TaskStateError`: `denied` for an operation, a
// service or a user that the plugin was not granted, `unavailable` when the store did not answer in time.

import { host } from "#host";
import { answer } from "./calls.js";
import * as check from "./check.js";
import { TaskStateError } from "./errors.js";
import { draftToWire, fromWire, resultToWire } from "./record.js";

export { remove as delete } from "./remove.js";

/** @typedef {import("./errors.js").TaskStatus} TaskStatus */
/** @typedef {import("./record.js").Priority} Priority */
/** @typedef {import("./record.js").TaskDraft} TaskDraft */
/** @typedef {import("./record.js").TaskRecord} TaskRecord */
/** @typedef {import("./record.js").TaskResult} TaskResult */

/**
 * When a save may go ahead: only if there is no task with that id, or only if the stored task's `updatedAt` is still this.
 * @typedef {"absent" | { unchangedSince: string }} Precondition
 */

/**
 * Which tasks a listing covers: all, those of a service, of a user, of both, or the ones with these ids (those that do not
 * exist are left out).
 * @typedef {{ service?: string | undefined, user?: string | undefined } | { ids: Iterable<string> }} Scope
 */

/**
 * One page of a listing.
 * @typedef {object} Page
 * @property {TaskRecord[]} tasks
 * @property {string | undefined} next where the next page starts; undefined on the last page, and only there
 */

/** @typedef {{ tag: string, val?: string | [string, string] | string[] }} WireScope */

/** The most tasks that one page holds. */
const MAX_PAGE = 1_000;

/** The most that the interface can carry as a limit. */
const MAX_U32 = 0xffff_ffff;

/** Enough for a walk that the calls cost little, few enough that a page fits into a small memory. */
const WALK_PAGE = 100;

/**
 * Takes the next number of the store's task sequence.
 * @returns {string}
 */
export function nextTaskId() {
  return answer(() => host().repository.nextTaskId());
}

/**
 * The number that `nextTaskId` would give, without taking it.
 * @returns {string}
 */
export function peekNextTaskId() {
  return answer(() => host().repository.peekNextTaskId());
}

/**
 * Registers a task, or replaces the one with its id whole. Returns its id.
 *
 * ```js
 * const id = repository.save({ service: "analytics", userId: "alice" });
 * const task = repository.get(id);
 * repository.save({ ...task, parameters: { n: 1 } }, { unchangedSince: task.updatedAt });
 * ```
 *
 * Throws `conflict` if the precondition does not hold, `invalid-argument` for names, times or parameters that the store
 * cannot hold.
 * @param {TaskDraft} draft
 * @param {Precondition} [onlyIf] none if absent
 * @returns {string}
 */
export function save(draft, onlyIf) {
  const [wire, precondition] = [draftToWire(draft), preconditionToWire(onlyIf)];
  return answer(() => host().repository.save(wire, precondition));
}

/**
 * A task as the store holds it now; undefined if there is none.
 * @param {string} taskId
 * @returns {TaskRecord | undefined}
 */
export function get(taskId) {
  const id = check.text("taskId", taskId);
  try {
    return fromWire(answer(() => host().repository.get(id)));
  } catch (error) {
    if (error instanceof TaskStateError && error.tag === "not-found") return undefined;
    throw error;
  }
}

/**
 * Moves a task to a status, with a log entry in the same step if one is given. Returns the status that it is in now. Throws
 * `not-found`; `invalid-transition` if the task may not move to this status.
 * @param {string} taskId
 * @param {TaskStatus} status
 * @param {string} [logEntry]
 * @returns {TaskStatus}
 */
export function setStatus(taskId, status, logEntry) {
  const [id, to, entry] = [check.text("taskId", taskId), check.status(status), check.optionalText("logEntry", logEntry)];
  return answer(() => host().repository.setStatus(id, to, entry));
}

/**
 * Adds log entries, in order and in one step, each stamped by the host. They are in the store when this returns. Returns
 * the task's current status, so that a plugin sees a cancellation without asking for it. Throws `not-found`.
 * @param {string} taskId
 * @param {Iterable<string>} messages
 * @returns {TaskStatus}
 */
export function appendLogs(taskId, messages) {
  const [id, entries] = [check.text("taskId", taskId), check.texts("messages", messages)];
  return answer(() => host().repository.appendLogs(id, entries));
}

/**
 * Overwrites the result fields that are present and leaves the others alone. Returns the task's current status. Throws
 * `not-found`.
 * @param {string} taskId
 * @param {TaskResult} change
 * @returns {TaskStatus}
 */
export function updateResult(taskId, change) {
  const [id, result] = [check.text("taskId", taskId), resultToWire(change)];
  return answer(() => host().repository.updateResult(id, result));
}

/**
 * Replaces the identifiers of the task's jobs. Returns the task's current status. Throws `not-found`.
 * @param {string} taskId
 * @param {Iterable<string>} jobs
 * @returns {TaskStatus}
 */
export function setActiveJobs(taskId, jobs) {
  const [id, names] = [check.text("taskId", taskId), check.texts("jobs", jobs)];
  return answer(() => host().repository.setActiveJobs(id, names));
}

/**
 * Says how urgent a task is. One that waits in the platform's queue gets another place there; one that
 * runs goes on as it does, and one that has ended keeps the change in its record alone. Returns the task's current status.
 * Throws `not-found`.
 * @param {string} taskId
 * @param {Priority} priority
 * @returns {TaskStatus}
 */
export function setPriority(taskId, priority) {
  const [id, wanted] = [check.text("taskId", taskId), check.priority(priority)];
  return answer(() => host().repository.setPriority(id, wanted));
}

/**
 * One page of tasks, in the order of their ids: numbers first, by value, then the rest by code point. A page holds fewer
 * than the limit if they are large, and leaves out what the grants do not cover. `tasks` walks over all pages.
 * @param {Scope} [scope] all tasks, if absent
 * @param {{ limit?: number | undefined, cursor?: string | undefined }} [page] at most so many tasks, 1 to 1,000 (1,000 if
 *   absent), from the cursor on, which is the `next` of an earlier page
 * @returns {Page}
 */
export function listTasks(scope = {}, page = {}) {
  const { limit, cursor } = check.fields("the page", page, ["limit", "cursor"]);
  const most = Number(limit === undefined ? MAX_PAGE : check.count("limit", limit));
  if (most > MAX_U32) throw check.mistyped("limit", limit, `a whole number from 1 to ${MAX_PAGE}`);
  const [wire, from] = [scopeToWire(scope), check.optionalText("cursor", cursor)];
  const found = answer(() => host().repository.listTasks(wire, most, from));
  return { tasks: found.tasks.map(fromWire), next: found.next ?? undefined };
}

/**
 * Every task of a scope, fetched page by page as the loop gets there.
 *
 * ```js
 * for (const task of repository.tasks({ service: "analytics" })) console.log(task.taskId, task.status);
 * ```
 * @param {Scope} [scope] all tasks, if absent
 * @returns {Generator<TaskRecord, void, undefined>}
 */
export function* tasks(scope = {}) {
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = listTasks(scope, { limit: WALK_PAGE, cursor });
    yield* page.tasks;
    cursor = page.next;
  } while (cursor !== undefined);
}

/**
 * The users that have tasks with a service, by code point.
 * @param {string} service
 * @returns {string[]}
 */
export function listUsers(service) {
  const name = check.text("service", service);
  return answer(() => host().repository.listUsers(name));
}

/** @param {unknown} onlyIf @returns {{ tag: string, val?: string }} */
function preconditionToWire(onlyIf) {
  if (onlyIf === undefined || onlyIf === null) return { tag: "none" };
  if (onlyIf === "absent") return { tag: "absent" };
  if (typeof onlyIf !== "object") throw check.mistyped("onlyIf", onlyIf, '"absent" or { unchangedSince }');
  const { unchangedSince } = check.fields("onlyIf", onlyIf, ["unchangedSince"]);
  return { tag: "unchanged-since", val: check.text("unchangedSince", unchangedSince) };
}

/** @param {unknown} scope @returns {WireScope} */
function scopeToWire(scope) {
  const { service, user, ids } = check.fields("the scope", scope, ["service", "user", "ids"]);
  if (ids !== undefined && (service !== undefined || user !== undefined)) {
    throw check.mistyped("the scope", scope, "of ids, or of a service and a user");
  }
  if (ids !== undefined) return { tag: "ids", val: check.texts("ids", ids) };
  if (service === undefined) return user === undefined ? { tag: "all" } : { tag: "user", val: check.text("user", user) };
  const name = check.text("service", service);
  if (user === undefined) return { tag: "service", val: name };
  return { tag: "service-user", val: [name, check.text("user", user)] };
}
