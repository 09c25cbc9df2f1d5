// What a host is to the SDK: the imports of the WIT in their own shapes, and standard input.

/** @typedef {import("../errors.js").TaskStatus} TaskStatus */
/** @typedef {import("../record.js").Priority} Priority */
/** @typedef {import("../record.js").WireDraft} WireDraft */
/** @typedef {import("../record.js").WireTask} WireTask */
/** @typedef {import("../repository.js").WireScope} WireScope */

/** @typedef {{ podStatus: string | undefined, launcherOutput: string | undefined }} WireChange */

/**
 * @typedef {object} CurrentTaskHost
 * @property {() => WireTask} get
 * @property {(status: TaskStatus, logEntry: string | undefined) => TaskStatus} setStatus
 * @property {(message: string) => TaskStatus} log
 * @property {() => TaskStatus} flush
 * @property {(done: number | bigint, total: number | bigint | undefined, note: string | undefined) => TaskStatus} setProgress
 * @property {(change: WireChange) => TaskStatus} updateResult
 * @property {(jobs: string[]) => TaskStatus} setActiveJobs
 * @property {() => boolean} cancelRequested
 */

/**
 * @typedef {object} RepositoryHost
 * @property {() => string} nextTaskId
 * @property {() => string} peekNextTaskId
 * @property {(draft: WireDraft, onlyIf: { tag: string, val?: string }) => string} save
 * @property {(taskId: string) => WireTask} get
 * @property {(taskId: string) => boolean} delete
 * @property {(taskId: string, status: TaskStatus, logEntry: string | undefined) => TaskStatus} setStatus
 * @property {(taskId: string, messages: string[]) => TaskStatus} appendLogs
 * @property {(taskId: string, change: WireChange) => TaskStatus} updateResult
 * @property {(taskId: string, jobs: string[]) => TaskStatus} setActiveJobs
 * @property {(taskId: string, priority: Priority) => TaskStatus} setPriority
 * @property {(scope: WireScope, limit: number, cursor: string | undefined) => { tasks: WireTask[], next?: string | null | undefined }} listTasks
 * @property {(service: string) => string[]} listUsers
 */

/**
 * @typedef {object} Host
 * @property {CurrentTaskHost} currentTask
 * @property {RepositoryHost} repository
 * @property {(most: number) => Uint8Array | undefined} readInput at most so many bytes of standard input; undefined at its
 *   end
 */

export {};
