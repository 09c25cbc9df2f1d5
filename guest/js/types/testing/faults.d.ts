/** @typedef {import("../src/errors.js").ErrorPayload} ErrorPayload */
/**
 * An error as a fault names it: a text for a case without a payload (`"not-found"`, `"conflict"`), else an object of one
 * field (`{ denied: "…" }`, `{ "invalid-transition": "completed" }`). Spelled as in the fixtures of `task-state test`.
 * @typedef {"not-found" | "conflict" | { "invalid-argument": string } | { denied: string }
 *   | { "invalid-transition": import("../src/errors.js").TaskStatus } | { "quota-exceeded": string }
 *   | { unavailable: string } | { internal: string }} FaultError
 */
/**
 * The `nth` call of a function, from 1, answers this error and does nothing. Each function is counted by itself, under its
 * name in the WIT: `current-task.log`, `repository.append-logs`.
 * @typedef {{ call: string, nth?: number, error: FaultError }} Fault `nth` is 1, if absent
 */
/**
 * When somebody asks for the task to stop: right before this call of the run, from 1 and of any function, or so many
 * milliseconds after its start.
 * @typedef {{ beforeCall: number } | { after: number }} Cancel
 */
/** The functions that can fail, as the WIT names them. */
export const FUNCTIONS: string[];
/** The calls of a run, counted. */
export class Faults {
    /** @param {Fault[]} faults @param {Cancel | undefined} cancel @param {() => void} ask what asks for the task to stop */
    constructor(faults: Fault[], cancel: Cancel | undefined, ask: () => void);
    faults: {
        call: string;
        nth: number;
        payload: import("../src/errors.js").ErrorPayload;
    }[];
    before: number | undefined;
    ask: () => void;
    /** Counts a call. Returns the error that it is to answer, if it is. @param {string} call @returns {ErrorPayload | undefined} */
    count(call: string): ErrorPayload | undefined;
    #private;
}
export type ErrorPayload = import("../src/errors.js").ErrorPayload;
/**
 * An error as a fault names it: a text for a case without a payload (`"not-found"`, `"conflict"`), else an object of one
 * field (`{ denied: "…" }`, `{ "invalid-transition": "completed" }`). Spelled as in the fixtures of `task-state test`.
 */
export type FaultError = "not-found" | "conflict" | {
    "invalid-argument": string;
} | {
    denied: string;
} | {
    "invalid-transition": import("../src/errors.js").TaskStatus;
} | {
    "quota-exceeded": string;
} | {
    unavailable: string;
} | {
    internal: string;
};
/**
 * `nth` is 1, if absent
 */
export type Fault = {
    call: string;
    nth?: number;
    error: FaultError;
};
/**
 * When somebody asks for the task to stop: right before this call of the run, from 1 and of any function, or so many
 * milliseconds after its start.
 */
export type Cancel = {
    beforeCall: number;
} | {
    after: number;
};
