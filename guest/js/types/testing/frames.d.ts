/**
 * @param {unknown} error
 * @returns {string[]} each as `name (file:line:column)`
 */
export function authorsFrames(error: unknown): string[];
