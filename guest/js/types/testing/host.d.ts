/** @typedef {import("../src/errors.js").ErrorPayload} ErrorPayload */
/** @typedef {import("../src/errors.js").TaskStatus} TaskStatus */
/** @typedef {import("../src/host/interface.js").Host} Host */
/** @typedef {import("./faults.js").Faults} Faults */
/** @typedef {import("./grants.js").Grants} Grants */
/** @typedef {import("./grants.js").Operation} Operation */
/** @typedef {import("./input.js").Input} Input */
/** @typedef {import("./store.js").Change} Change */
/** @typedef {import("./store.js").MemoryStore} MemoryStore */
/** How far a task has come; numbers that a JavaScript number does not hold are bigints.
 * @typedef {{ done: number | bigint, total: number | bigint | undefined, note: string | undefined }} Progress */
/** The task was deleted, or given to another owner: the real host stops a plugin at its next call, and so does this. */
export class Gone extends Error {
    constructor();
}
/** What a run's host knows, and what it lets the plugin do. */
export class RunHost {
    /**
     * @param {{ store: MemoryStore, task: { taskId: string, service: string, userId: string }, grants: Grants, input: Input }} run
     */
    constructor({ store, task, grants, input }: {
        store: MemoryStore;
        task: {
            taskId: string;
            service: string;
            userId: string;
        };
        grants: Grants;
        input: Input;
    });
    /** @type {Progress | undefined} */
    progress: Progress | undefined;
    /** Stays, whatever the plugin saves. */
    isCancelled: boolean;
    isGone: boolean;
    store: import("./store.js").MemoryStore;
    task: {
        taskId: string;
        service: string;
        userId: string;
    };
    grants: import("./grants.js").Grants;
    input: import("./input.js").Input;
    /** @type {Faults | undefined} */
    faults: Faults | undefined;
    /** What the SDK calls. @returns {Host} */
    get calls(): Host;
    /** Somebody asks for the task to stop, unless it has ended. */
    askToStop(): void;
    /** Only a task of this owner is the run's. @param {{ service: string, userId: string }} task */
    checkOwner: ({ service, userId }: {
        service: string;
        userId: string;
    }) => void;
    #private;
}
export type ErrorPayload = import("../src/errors.js").ErrorPayload;
export type TaskStatus = import("../src/errors.js").TaskStatus;
export type Host = import("../src/host/interface.js").Host;
export type Faults = import("./faults.js").Faults;
export type Grants = import("./grants.js").Grants;
export type Operation = import("./grants.js").Operation;
export type Input = import("./input.js").Input;
export type Change = import("./store.js").Change;
export type MemoryStore = import("./store.js").MemoryStore;
/**
 * How far a task has come; numbers that a JavaScript number does not hold are bigints.
 */
export type Progress = {
    done: number | bigint;
    total: number | bigint | undefined;
    note: string | undefined;
};
