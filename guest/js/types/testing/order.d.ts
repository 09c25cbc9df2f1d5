/** @param {string} a @param {string} b */
export function byCodePoint(a: string, b: string): 0 | 1 | -1;
/**
 * @param {string} a
 * @param {string} b
 * @returns {number}
 */
export function compareIds(a: string, b: string): number;
