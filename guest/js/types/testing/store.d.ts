/** @typedef {import("../src/errors.js").TaskStatus} TaskStatus */
/** @typedef {import("../src/record.js").Priority} Priority */
/** @typedef {import("../src/record.js").WireDraft} WireDraft */
/** @typedef {import("../src/record.js").WireTask} WireTask */
/** @typedef {import("../src/repository.js").WireScope} WireScope */
/** @typedef {(task: { service: string, userId: string }) => void} Check throws what the task may not be touched for */
/** There is no such task. */
export class NotFound extends Error {
}
/** The task is not as the precondition wants it. */
export class Conflict extends Error {
}
/** The task may not move from the status that it is in. */
export class InvalidTransition extends Error {
    /** @param {TaskStatus} from */
    constructor(from: TaskStatus);
    from: import("../src/errors.js").TaskStatus;
}
export class MemoryStore {
    nextTaskId(): string;
    peekNextTaskId(): string;
    /**
     * The task of an id, a copy of it.
     * @param {string} id
     * @param {Check} check
     * @returns {WireTask}
     */
    get(id: string, check: Check): WireTask;
    /**
     * Registers a task, or replaces the one with its id. Undefined if no free id was found.
     * @param {WireDraft} draft
     * @param {{ tag: string, val?: string }} onlyIf
     * @param {Check} check what may be saved, and in the place of what
     * @param {boolean} [isRuns] whether it is a run that saves its own task
     * @returns {string | undefined}
     */
    save(draft: WireDraft, onlyIf: {
        tag: string;
        val?: string;
    }, check: Check, isRuns?: boolean): string | undefined;
    /**
     * False if there was none.
     * @param {string} id
     * @param {Check} check
     */
    delete(id: string, check: Check): boolean;
    /**
     * Returns the status that the task is in afterwards.
     * @param {string} id
     * @param {Change} change
     * @param {Check} check
     * @returns {TaskStatus}
     */
    change(id: string, { status, finish, entries, result, activeJobs, priority, output }: Change, check: Check): TaskStatus;
    /**
     * @param {WireScope} scope
     * @param {number} limit
     * @param {string | undefined} cursor
     * @param {(task: WireTask) => boolean} shown
     * @returns {{ tasks: WireTask[], next: string | undefined }}
     */
    list(scope: WireScope, limit: number, cursor: string | undefined, shown: (task: WireTask) => boolean): {
        tasks: WireTask[];
        next: string | undefined;
    };
    /** The users that have tasks with a service, by code point. @param {string} service */
    users(service: string): string[];
    #private;
}
export type TaskStatus = import("../src/errors.js").TaskStatus;
export type Priority = import("../src/record.js").Priority;
export type WireDraft = import("../src/record.js").WireDraft;
export type WireTask = import("../src/record.js").WireTask;
export type WireScope = import("../src/repository.js").WireScope;
/**
 * throws what the task may not be touched for
 */
export type Check = (task: {
    service: string;
    userId: string;
}) => void;
/**
 * any combination, made in one step
 */
export type Change = {
    /**
     * where the task moves to, if the rule allows it
     */
    status?: TaskStatus;
    /**
     * the end of a run: to this status, unless the task is in a terminal one, which stands
     */
    finish?: TaskStatus;
    entries?: string[];
    result?: {
        podStatus?: string | null | undefined;
        launcherOutput?: string | null | undefined;
    };
    activeJobs?: string[];
    priority?: Priority;
    /**
     * becomes `launcherOutput` if that was never set
     */
    output?: string;
};
