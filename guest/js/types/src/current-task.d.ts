/** @typedef {import("./errors.js").TaskStatus} TaskStatus */
/** @typedef {import("./record.js").TaskRecord} TaskRecord */
/** @typedef {import("./record.js").TaskResult} TaskResult */
/**
 * The task as the store holds it now.
 * @returns {TaskRecord}
 */
export function get(): TaskRecord;
/**
 * Moves the task to a status, with a log entry in the same step if one is given. Returns the status. Throws
 * `invalid-transition`, with the status that the task is in, if it may not move to this one.
 * @param {TaskStatus} status
 * @param {string} [logEntry]
 * @returns {TaskStatus}
 */
export function setStatus(status: TaskStatus, logEntry?: string): TaskStatus;
/**
 * Adds a log entry, stamped now. Returns the status last known.
 *
 * The host may hold the entry for up to 100 ms to write several together, so that a return is no acknowledgement: that of
 * `flush`, or of the next other call, is. Every later call, and the end of the run, come after it in the store.
 * @param {string} message
 * @returns {TaskStatus}
 */
export function log(message: string): TaskStatus;
/**
 * Waits until every entry logged so far is in the store. Returns the task's current status.
 * @returns {TaskStatus}
 */
export function flush(): TaskStatus;
/**
 * Says how far the task has come: `done` of `total` units of any kind, with a few words on what is done now, of at most
 * 1 KiB. Both replace what was said before; a total or a note that is absent is not known. Shown to whoever watches the
 * task, and no part of its record. The host keeps the last value, and may hold it for up to 500 ms. Returns the status
 * last known.
 *
 * Throws `invalid-argument` if `done` is larger than `total`, `quota-exceeded` if the note is too long. `progress` calls it
 * for each item of a loop.
 * @param {number | bigint} done a whole number from 0 on; beyond 2^53 - 1 a bigint, up to 2^64 - 1, which QuickJS rounds
 * @param {number | bigint} [total] the same
 * @param {string} [note]
 * @returns {TaskStatus}
 */
export function setProgress(done: number | bigint, total?: number | bigint, note?: string): TaskStatus;
/**
 * Overwrites the result fields that are present and leaves the others alone. Returns the task's current status.
 * @param {TaskResult} change
 * @returns {TaskStatus}
 */
export function updateResult(change: TaskResult): TaskStatus;
/**
 * Replaces the identifiers of the task's jobs. Returns the task's current status.
 * @param {Iterable<string>} jobs
 * @returns {TaskStatus}
 */
export function setActiveJobs(jobs: Iterable<string>): TaskStatus;
/**
 * Whether someone has asked for the task to stop. A plugin that sees true should clean up and return; one that does not is
 * stopped by the host when its grace period ends.
 * @returns {boolean}
 */
export function cancelRequested(): boolean;
export type TaskStatus = import("./errors.js").TaskStatus;
export type TaskRecord = import("./record.js").TaskRecord;
export type TaskResult = import("./record.js").TaskResult;
