/**
 * @param {WireTask} wire
 * @returns {TaskRecord}
 */
export function fromWire(wire: WireTask): TaskRecord;
/**
 * @param {TaskDraft} draft
 * @returns {WireDraft}
 */
export function draftToWire(draft: TaskDraft): WireDraft;
/**
 * @param {unknown} result
 * @returns {{ podStatus: string | undefined, launcherOutput: string | undefined }}
 */
export function resultToWire(result: unknown): {
    podStatus: string | undefined;
    launcherOutput: string | undefined;
};
/**
 * An entry of a task's log, taken apart. `at` is when it was made: empty if the entry, which anyone may have written, has
 * no comma.
 * @param {string} entry
 * @returns {{ at: string, message: string }}
 */
export function logEntry(entry: string): {
    at: string;
    message: string;
};
export type TaskStatus = import("./errors.js").TaskStatus;
/**
 * How urgently the platform should schedule a task.
 */
export type Priority = "high" | "low";
/**
 * What the workload left behind. A field that was never set is undefined; as a change it overwrites the fields that are
 * present and leaves the others alone.
 */
export type TaskResult = {
    /**
     * a snapshot of the workload's pod, as text
     */
    podStatus?: string | undefined;
    /**
     * standard output and standard error of the workload, as one text
     */
    launcherOutput?: string | undefined;
};
/**
 * A task as the store holds it. Times are ISO 8601 with a numeric offset, such as `2025-11-17T10:00:16.515926+09:00`.
 */
export type TaskRecord = {
    /**
     * its id, unique in the store
     */
    taskId: string;
    /**
     * the service that it belongs to
     */
    service: string;
    /**
     * the user for whom it is done
     */
    userId: string;
    /**
     * where it is in its life
     */
    status: TaskStatus;
    /**
     * its parameters
     */
    parameters: Record<string, any>;
    /**
     * the same as the text of a JSON object, which may hold numbers that JavaScript cannot;
     * not enumerable, so that `{ ...task }` is a draft
     */
    parametersText: string;
    /**
     * identifiers that external schedulers gave to the task's jobs
     */
    activeJobs: string[];
    /**
     * when it was registered
     */
    createdAt: string;
    /**
     * when it was last changed
     */
    updatedAt: string;
    /**
     * entries of the form `<time>,<message>`, oldest first; `logEntry` takes one apart
     */
    logs: string[];
    /**
     * what the workload left behind
     */
    result: TaskResult;
    /**
     * how urgent it is
     */
    priority: Priority;
};
/**
 * A task as a plugin saves it; a `TaskRecord` is one too. The host stamps `updatedAt`.
 */
export type TaskDraft = {
    /**
     * 1 to 128 bytes without `:`, `{`, `}`, white space and control characters; the
     * next number of the store's sequence, if absent
     */
    taskId?: string | undefined;
    /**
     * the service that it belongs to
     */
    service: string;
    /**
     * the user for whom it is done
     */
    userId: string;
    /**
     * any status, for a save is no transition; `pending` if absent
     */
    status?: TaskStatus | undefined;
    /**
     * an object, or the text of a JSON object, which is
     * saved as it is; `{}` if absent
     */
    parameters?: Record<string, any> | string | undefined;
    /**
     * identifiers that external schedulers gave to the task's jobs
     */
    activeJobs?: Iterable<string> | undefined;
    /**
     * when it was registered, ISO 8601 with an offset; now, if absent
     */
    createdAt?: string | undefined;
    /**
     * not looked at: the host stamps it
     */
    updatedAt?: string | undefined;
    /**
     * entries of the form `<time>,<message>`, oldest first
     */
    logs?: Iterable<string> | undefined;
    /**
     * what the workload left behind
     */
    result?: TaskResult | undefined;
    /**
     * `low` if absent
     */
    priority?: Priority | undefined;
};
/**
 * A task on the wire: `parameters` as text, an absent option null or undefined.
 */
export type WireTask = {
    taskId: string;
    service: string;
    userId: string;
    status: TaskStatus;
    parameters: string;
    activeJobs: string[];
    createdAt: string;
    updatedAt: string;
    logs: string[];
    result: WireResult;
    priority: Priority;
};
export type WireResult = {
    podStatus?: string | null | undefined;
    launcherOutput?: string | null | undefined;
};
export type WireDraft = Omit<WireTask, "taskId" | "createdAt" | "updatedAt"> & {
    taskId: string | undefined;
    createdAt: string | undefined;
};
