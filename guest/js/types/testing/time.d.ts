/**
 * Reads an ISO 8601 date and time that names its offset.
 * @param {string} text
 * @returns {Time}
 */
export function parseTime(text: string): Time;
/**
 * The time at which a task was registered, as the store spells it.
 * @param {string} text
 * @returns {string}
 */
export function parseCreatedAt(text: string): string;
/** Whether every reader of the store can hold it. @param {Time} time */
export function isPortable({ micros }: Time): boolean;
/**
 * Six digits of fraction, or none when they are zero, and a numeric offset.
 * @param {Time} time
 * @returns {string}
 */
export function spellTime({ micros, offset }: Time): string;
/** Now; its fraction is never zero, so that a spelled time always has the same width. @returns {Time} */
export function now(): Time;
/**
 * Now, or the microsecond after a time if that is later: a change leaves a record with a later time than it found.
 * @param {string} before
 * @returns {Time}
 */
export function laterThan(before: string): Time;
/**
 * `offset` in minutes east of Greenwich
 */
export type Time = {
    micros: bigint;
    offset: number;
};
