/** The run of the code that is running, if it belongs to one. */
export function presentWatch(): Watch | undefined;
/** What is watched of one run. */
export class Watch {
    /** @param {Host} host @param {(error: unknown) => void} crash takes what is thrown where nobody can catch it */
    constructor(host: Host, crash: (error: unknown) => void);
    /** Timers that are still to come, each with an error that knows where it was set. @type {Map<object, Error>} */
    timers: Map<object, Error>;
    /** Calls of async functions that have not settled, in the same way. @type {Map<object, Error>} */
    calls: Map<object, Error>;
    /** Rejections that nobody has handled. @type {Map<object, unknown>} */
    rejections: Map<object, unknown>;
    output: Output;
    host: import("../src/host/interface.js").Host;
    crash: (error: unknown) => void;
    console: Record<string, (...values: any[]) => void>;
    /**
     * Calls something of the run.
     * @template T
     * @param {() => T} call
     * @returns {T}
     */
    within<T>(call: () => T): T;
    begin(): void;
    end(): void;
}
export type Host = import("../src/host/interface.js").Host;
import { Output } from "./output.js";
