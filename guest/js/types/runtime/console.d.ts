/** @typedef {(text: string) => void} Write takes a whole line, with its end */
/**
 * @param {Write} out
 * @param {Write} err
 * @param {() => number} now milliseconds of a clock that never goes back
 * @returns {Record<string, (...values: any[]) => void>}
 */
export function makeConsole(out: Write, err: Write, now: () => number): Record<string, (...values: any[]) => void>;
/**
 * takes a whole line, with its end
 */
export type Write = (text: string) => void;
