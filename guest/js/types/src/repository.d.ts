/**
 * Takes the next number of the store's task sequence.
 * @returns {string}
 */
export function nextTaskId(): string;
/**
 * The number that `nextTaskId` would give, without taking it.
 * @returns {string}
 */
export function peekNextTaskId(): string;
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
export function save(draft: TaskDraft, onlyIf?: Precondition): string;
/**
 * A task as the store holds it now; undefined if there is none.
 * @param {string} taskId
 * @returns {TaskRecord | undefined}
 */
export function get(taskId: string): TaskRecord | undefined;
/**
 * Moves a task to a status, with a log entry in the same step if one is given. Returns the status that it is in now. Throws
 * `not-found`; `invalid-transition` if the task may not move to this status.
 * @param {string} taskId
 * @param {TaskStatus} status
 * @param {string} [logEntry]
 * @returns {TaskStatus}
 */
export function setStatus(taskId: string, status: TaskStatus, logEntry?: string): TaskStatus;
/**
 * Adds log entries, in order and in one step, each stamped by the host. They are in the store when this returns. Returns
 * the task's current status, so that a plugin sees a cancellation without asking for it. Throws `not-found`.
 * @param {string} taskId
 * @param {Iterable<string>} messages
 * @returns {TaskStatus}
 */
export function appendLogs(taskId: string, messages: Iterable<string>): TaskStatus;
/**
 * Overwrites the result fields that are present and leaves the others alone. Returns the task's current status. Throws
 * `not-found`.
 * @param {string} taskId
 * @param {TaskResult} change
 * @returns {TaskStatus}
 */
export function updateResult(taskId: string, change: TaskResult): TaskStatus;
/**
 * Replaces the identifiers of the task's jobs. Returns the task's current status. Throws `not-found`.
 * @param {string} taskId
 * @param {Iterable<string>} jobs
 * @returns {TaskStatus}
 */
export function setActiveJobs(taskId: string, jobs: Iterable<string>): TaskStatus;
/**
 * Says how urgent a task is. One that waits in the platform's queue gets another place there; one that
 * runs goes on as it does, and one that has ended keeps the change in its record alone. Returns the task's current status.
 * Throws `not-found`.
 * @param {string} taskId
 * @param {Priority} priority
 * @returns {TaskStatus}
 */
export function setPriority(taskId: string, priority: Priority): TaskStatus;
/**
 * One page of tasks, in the order of their ids: numbers first, by value, then the rest by code point. A page holds fewer
 * than the limit if they are large, and leaves out what the grants do not cover. `tasks` walks over all pages.
 * @param {Scope} [scope] all tasks, if absent
 * @param {{ limit?: number | undefined, cursor?: string | undefined }} [page] at most so many tasks, 1 to 1,000 (1,000 if
 *   absent), from the cursor on, which is the `next` of an earlier page
 * @returns {Page}
 */
export function listTasks(scope?: Scope, page?: {
    limit?: number | undefined;
    cursor?: string | undefined;
}): Page;
/**
 * Every task of a scope, fetched page by page as the loop gets there.
 *
 * ```js
 * for (const task of repository.tasks({ service: "analytics" })) console.log(task.taskId, task.status);
 * ```
 * @param {Scope} [scope] all tasks, if absent
 * @returns {Generator<TaskRecord, void, undefined>}
 */
export function tasks(scope?: Scope): Generator<TaskRecord, void, undefined>;
/**
 * The users that have tasks with a service, by code point.
 * @param {string} service
 * @returns {string[]}
 */
export function listUsers(service: string): string[];
export { remove as delete } from "./remove.js";
export type TaskStatus = import("./errors.js").TaskStatus;
export type Priority = import("./record.js").Priority;
export type TaskDraft = import("./record.js").TaskDraft;
export type TaskRecord = import("./record.js").TaskRecord;
export type TaskResult = import("./record.js").TaskResult;
/**
 * When a save may go ahead: only if there is no task with that id, or only if the stored task's `updatedAt` is still this.
 */
export type Precondition = "absent" | {
    unchangedSince: string;
};
/**
 * Which tasks a listing covers: all, those of a service, of a user, of both, or the ones with these ids (those that do not
 * exist are left out).
 */
export type Scope = {
    service?: string | undefined;
    user?: string | undefined;
} | {
    ids: Iterable<string>;
};
/**
 * One page of a listing.
 */
export type Page = {
    tasks: TaskRecord[];
    /**
     * where the next page starts; undefined on the last page, and only there
     */
    next: string | undefined;
};
export type WireScope = {
    tag: string;
    val?: string | [string, string] | string[];
};
