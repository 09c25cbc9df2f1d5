/**
 * Calls `stalled` once nothing is left that could wake a run but what was there when it began. Returns what ends the watch.
 * @param {() => boolean} hasTimers
 * @param {() => void} stalled
 * @returns {() => void}
 */
export function whenStalled(hasTimers: () => boolean, stalled: () => void): () => void;
