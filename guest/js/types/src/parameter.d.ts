/**
 * One of the task's parameters, read from its text; undefined if it is absent or null.
 *
 * The text of a JSON string is what it says, that of any other value is its JSON as it was given, so that `10` and `"10"`
 * (which is what `task-state run --param every=10` gives) are both read as `10`, and no digit of a long number is lost.
 * For parameters of more structure there is `task.parameters`.
 *
 * ```js
 * const name = parameter(task, "name") ?? "world";
 * const rows = parameter(task, "rows", BigInt);
 * ```
 *
 * Throws a `Failure` that names the parameter and its value, if `read` throws; its message says why.
 * @template [T=string]
 * @param {TaskRecord} task
 * @param {string} name
 * @param {(text: string) => T} [read] makes a value of the text; the text itself, if absent
 * @returns {T | undefined}
 */
export function parameter<T = string>(task: TaskRecord, name: string, read?: (text: string) => T): T | undefined;
export type TaskRecord = import("./record.js").TaskRecord;
