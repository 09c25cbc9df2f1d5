// The SDK for plugins in JavaScript and TypeScript. A plugin is a module that exports `run`:
//
//     import { currentTask } from "task-state";
//
//     export function run(task) {
//       currentTask.log(`hello, ${task.userId}`);
//     }
//
// `run` may be async. When it returns the task is completed, when it throws the task has failed. In a component the calls
// reach the host; anywhere else they work in a run of `task-state/testing`.

export * as currentTask from "./current-task.js";
export { Failure, TaskStateError } from "./errors.js";
export * as input from "./input.js";
export { parameter } from "./parameter.js";
export { progress } from "./progress.js";
export { logEntry } from "./record.js";
export * as repository from "./repository.js";
export { sleep } from "./sleep.js";

/** @typedef {import("./errors.js").ErrorPayload} ErrorPayload */
/** @typedef {import("./errors.js").TaskStatus} TaskStatus */
/** @typedef {import("./record.js").Priority} Priority */
/** @typedef {import("./record.js").TaskDraft} TaskDraft */
/** @typedef {import("./record.js").TaskRecord} TaskRecord */
/** @typedef {import("./record.js").TaskResult} TaskResult */
/** @typedef {import("./repository.js").Page} Page */
/** @typedef {import("./repository.js").Precondition} Precondition */
/** @typedef {import("./repository.js").Scope} Scope */

/**
 * What a plugin exports as `run`: carries out one task, in an instance of the component that runs nothing else before or
 * after. The host has set the task `running` before.
 * @callback Run
 * @param {TaskRecord} task
 * @returns {void | Promise<void>}
 */
