/** A text in quotes, on one line. @param {string} text */
export function quoted(text: string): string;
/** @param {string} text */
export function byteLength(text: string): number;
/**
 * A name as a save takes it.
 * @param {string} what
 * @param {string} name
 */
export function checkName(what: string, name: string): void;
/**
 * The id of a task that may be there already.
 * @param {string} id
 */
export function checkStoredId(id: string): void;
/** A value that the store cannot hold. */
export class InvalidValue extends Error {
    /**
     * @param {string} what what it was meant to be, such as `task id`
     * @param {string} value
     * @param {string} why
     */
    constructor(what: string, value: string, why: string);
}
