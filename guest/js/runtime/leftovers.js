// What a run may leave undone, in words. The rule is the same in a component and on the author's machine: when `run` has
// returned and everything that is due at once is done, there is no timer that is still to come, no call of an async function
// that has not settled, and no rejection that nobody has handled. A promise that merely nobody resolves is no work.

/**
 * @typedef {object} Leftovers
 * @property {string[]} timers where each was set
 * @property {string[]} calls where each was made
 * @property {string[]} rejections what each says
 */

/** How many of a kind are named. */
const MOST = 5;

/**
 * @param {Leftovers} left
 * @returns {string | undefined} undefined if nothing was left
 */
export function leftovers({ timers, calls, rejections }) {
  const parts = [
    part(calls, "call of an async function that has not settled", "calls of async functions that have not settled"),
    part(timers, "timer that is still to come", "timers that are still to come"),
    part(rejections, "rejection that nobody has handled", "rejections that nobody has handled"),
  ].filter((text) => text !== "");
  if (parts.length === 0) return undefined;
  return `run returned and left work undone; await it, or end it before\n${parts.join("\n")}`;
}

/**
 * What is said of a run that nothing will wake.
 * @param {string[]} calls where the calls that wait were made
 * @returns {string}
 */
export function stalled(calls) {
  const waiting = part(calls, "call of an async function waits", "calls of async functions wait");
  return `run never settles: it waits for a promise that nothing is left to resolve\n${waiting}`.trimEnd();
}

/**
 * @param {string[]} items
 * @param {string} one
 * @param {string} many
 */
function part(items, one, many) {
  if (items.length === 0) return "";
  const named = items.slice(0, MOST).map((item) => `    ${item.replaceAll("\n", "\n    ")}`);
  if (items.length > MOST) named.push(`    and ${items.length - MOST} more`);
  return `${items.length} ${items.length === 1 ? one : many}:\n${named.join("\n")}`;
}
