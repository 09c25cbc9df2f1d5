export * as currentTask from "./current-task.js";
export * as input from "./input.js";
export { parameter } from "./parameter.js";
export { progress } from "./progress.js";
export { logEntry } from "./record.js";
export * as repository from "./repository.js";
export { sleep } from "./sleep.js";
export type ErrorPayload = import("./errors.js").ErrorPayload;
export type TaskStatus = import("./errors.js").TaskStatus;
export type Priority = import("./record.js").Priority;
export type TaskDraft = import("./record.js").TaskDraft;
export type TaskRecord = import("./record.js").TaskRecord;
export type TaskResult = import("./record.js").TaskResult;
export type Page = import("./repository.js").Page;
export type Precondition = import("./repository.js").Precondition;
export type Scope = import("./repository.js").Scope;
/**
 * What a plugin exports as `run`: carries out one task, in an instance of the component that runs nothing else before or
 * after. The host has set the task `running` before.
 */
export type Run = (task: TaskRecord) => void | Promise<void>;
export { Failure, TaskStateError } from "./errors.js";
