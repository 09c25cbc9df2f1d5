/**
 * A stage in the life of a task. A status moves forward only, in this order; steps may be skipped. `completed`, `failed`
 * and `cancelled` are terminal.
 * @typedef {"pending" | "dispatching" | "running" | "completed" | "failed" | "cancel-requested" | "cancelled"} TaskStatus
 */
/**
 * Why a call to the host gave no answer, as the WIT interface has it. Nothing was written, except where a case says
 * otherwise.
 *
 * | `tag` | `val` | |
 * |---|---|---|
 * | `not-found` | | no such task: never saved, deleted or expired |
 * | `invalid-argument` | text | an argument that the store cannot hold; the text says which and why |
 * | `denied` | text | the plugin holds no grant for this; the text names the missing grant |
 * | `conflict` | | the task is not as the save's precondition wants it |
 * | `invalid-transition` | status | the task may not move to that status from the one it is in, which is the payload |
 * | `quota-exceeded` | text | the plugin has used up a quota; the text names it and its limit |
 * | `unavailable` | text | no answer in time; the call may have taken effect, at most once, and may succeed later |
 * | `internal` | text | the store refused, or holds something that cannot be read; trying again will not help |
 * @typedef {{ tag: "not-found" }
 *   | { tag: "invalid-argument", val: string }
 *   | { tag: "denied", val: string }
 *   | { tag: "conflict" }
 *   | { tag: "invalid-transition", val: TaskStatus }
 *   | { tag: "quota-exceeded", val: string }
 *   | { tag: "unavailable", val: string }
 *   | { tag: "internal", val: string }} ErrorPayload
 */
/**
 * A call to the host that gave no answer. `error.tag` is the WIT case and `error.val` its payload:
 *
 * ```js
 * try {
 *   repository.save(draft, "absent");
 * } catch (error) {
 *   if (!(error instanceof TaskStateError && error.tag === "conflict")) throw error;
 * }
 * ```
 */
export class TaskStateError extends Error {
    /** @param {ErrorPayload} payload the WIT error */
    constructor(payload: ErrorPayload);
    /** The WIT error whole, for `switch (error.payload.tag)` with types. @type {ErrorPayload} */
    payload: ErrorPayload;
    /** The WIT case, such as `denied`. @type {ErrorPayload["tag"]} */
    get tag(): ErrorPayload["tag"];
    /** The payload of the case: a text, the task's status for `invalid-transition`, else undefined. @type {string | undefined} */
    get val(): string | undefined;
}
/**
 * Fails the task with this text alone. Any other error that `run` throws fails it with its stack as well: throw a
 * `Failure` for what is wrong with the input or the world, and leave the rest to errors.
 */
export class Failure extends Error {
    /**
     * @param {string} message the last entry of the task's log
     * @param {{ cause?: unknown }} [options] what led to it; its text follows after a colon
     */
    constructor(message: string, options?: {
        cause?: unknown;
    });
}
/**
 * A stage in the life of a task. A status moves forward only, in this order; steps may be skipped. `completed`, `failed`
 * and `cancelled` are terminal.
 */
export type TaskStatus = "pending" | "dispatching" | "running" | "completed" | "failed" | "cancel-requested" | "cancelled";
/**
 * Why a call to the host gave no answer, as the WIT interface has it. Nothing was written, except where a case says
 * otherwise.
 *
 * | `tag` | `val` | |
 * |---|---|---|
 * | `not-found` | | no such task: never saved, deleted or expired |
 * | `invalid-argument` | text | an argument that the store cannot hold; the text says which and why |
 * | `denied` | text | the plugin holds no grant for this; the text names the missing grant |
 * | `conflict` | | the task is not as the save's precondition wants it |
 * | `invalid-transition` | status | the task may not move to that status from the one it is in, which is the payload |
 * | `quota-exceeded` | text | the plugin has used up a quota; the text names it and its limit |
 * | `unavailable` | text | no answer in time; the call may have taken effect, at most once, and may succeed later |
 * | `internal` | text | the store refused, or holds something that cannot be read; trying again will not help |
 */
export type ErrorPayload = {
    tag: "not-found";
} | {
    tag: "invalid-argument";
    val: string;
} | {
    tag: "denied";
    val: string;
} | {
    tag: "conflict";
} | {
    tag: "invalid-transition";
    val: TaskStatus;
} | {
    tag: "quota-exceeded";
    val: string;
} | {
    tag: "unavailable";
    val: string;
} | {
    tag: "internal";
    val: string;
};
