/**
 * Runs a plugin on a new task in a store of its own, with the rules of the host, and says how it has ended. It never throws
 * for what the plugin does: a failure is a task that has failed.
 *
 * ```js
 * const { status, logs } = await runTask(run, { parameters: { greeting: "hello" }, input: "a\nb\n" });
 * ```
 * @param {Run} run what the plugin exports
 * @param {RunOptions} [options]
 * @returns {Promise<Ended>}
 */
export function runTask(run: Run, options?: RunOptions): Promise<Ended>;
export type Run = import("../src/index.js").Run;
export type TaskDraft = import("../src/record.js").TaskDraft;
export type TaskRecord = import("../src/record.js").TaskRecord;
export type Progress = import("./host.js").Progress;
/**
 * The task that is run, and what is around it.
 */
export type RunOptions = {
    /**
     * the next number of the sequence, if absent
     */
    taskId?: string | undefined;
    /**
     * `test`, if absent
     */
    service?: string | undefined;
    /**
     * `tester`, if absent
     */
    userId?: string | undefined;
    /**
     * an object, or the text of a JSON object
     */
    parameters?: Record<string, any> | string | undefined;
    /**
     * `low`, if absent
     */
    priority?: import("../src/record.js").Priority | undefined;
    /**
     * standard input; empty, if absent
     */
    input?: string | Uint8Array | undefined;
    /**
     * what the plugin may do; to read and write the tasks
     * of its service and to take numbers of the sequence, if absent
     */
    grants?: import("./grants.js").GrantsOptions | undefined;
    /**
     * what else is in the store before the run
     */
    tasks?: TaskDraft[] | undefined;
    /**
     * calls that answer an error
     */
    faults?: import("./faults.js").Fault[] | undefined;
    /**
     * when somebody asks for the task to stop
     */
    cancel?: import("./faults.js").Cancel | undefined;
};
/**
 * How a run has ended.
 */
export type Ended = {
    /**
     * the status that the task is in; `cancelled` if it is gone
     */
    status: import("../src/errors.js").TaskStatus;
    /**
     * what the entries of its log say, oldest first
     */
    logs: string[];
    /**
     * all that was printed
     */
    output: string;
    /**
     * the task's result, in which the host keeps the output's end
     */
    result: import("../src/record.js").TaskResult;
    /**
     * what was said last of how far the task has come
     */
    progress: Progress | undefined;
    /**
     * the whole record; undefined if the task is gone
     */
    task: TaskRecord | undefined;
    /**
     * any task of the store, as it was at the end
     */
    get: (taskId: string) => TaskRecord | undefined;
};
