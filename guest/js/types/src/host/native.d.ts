/** @returns {Host} */
export function host(): Host;
/**
 * Says what finds the host of the code that is running.
 * @param {() => Host | undefined} find
 */
export function provide(find: () => Host | undefined): void;
export type Host = import("./interface.js").Host;
