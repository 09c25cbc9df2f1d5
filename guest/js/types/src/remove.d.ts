/**
 * Removes a task. False if there was none.
 * @param {string} taskId
 * @returns {boolean}
 */
export function remove(taskId: string): boolean;
