/**
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
export function answer<T>(call: () => T): T;
