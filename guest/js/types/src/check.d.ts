/**
 * The error for a value that is not what a call wants.
 * @param {string} what
 * @param {unknown} value
 * @param {string} wanted
 * @returns {TypeError}
 */
export function mistyped(what: string, value: unknown, wanted: string): TypeError;
/**
 * A text, in which U+FFFD stands for each lone surrogate: the other side knows none.
 * @param {string} what
 * @param {unknown} value
 * @returns {string}
 */
export function text(what: string, value: unknown): string;
/**
 * @param {string} what
 * @param {unknown} value
 * @returns {string | undefined}
 */
export function optionalText(what: string, value: unknown): string | undefined;
/**
 * @param {string} what
 * @param {unknown} value any iterable of strings, but no string
 * @returns {string[]}
 */
export function texts(what: string, value: unknown): string[];
/**
 * @template {string} W
 * @param {string} what
 * @param {unknown} value
 * @param {readonly W[]} words
 * @returns {W}
 */
export function oneOf<W extends string>(what: string, value: unknown, words: readonly W[]): W;
/** @param {unknown} value @returns {TaskStatus} */
export function status(value: unknown): TaskStatus;
/** @param {unknown} value @returns {Priority} */
export function priority(value: unknown): Priority;
/**
 * A whole number of 64 bits: a number where that holds it exactly, else a bigint.
 * @param {string} what
 * @param {unknown} value
 * @returns {number | bigint}
 */
export function count(what: string, value: unknown): number | bigint;
/**
 * An object whose names are all known: a misspelt one would be left out without a word.
 * @param {string} what
 * @param {unknown} value
 * @param {readonly string[]} names
 * @returns {Record<string, unknown>}
 */
export function fields(what: string, value: unknown, names: readonly string[]): Record<string, unknown>;
/** @typedef {import("./errors.js").TaskStatus} TaskStatus */
/** @typedef {import("./record.js").Priority} Priority */
/** Every status, in the order in which a task goes through them. @type {readonly TaskStatus[]} */
export const STATUSES: readonly TaskStatus[];
export type TaskStatus = import("./errors.js").TaskStatus;
export type Priority = import("./record.js").Priority;
