// The host outside of a component: a run of `task-state/testing`, if there is one.

/** @typedef {import("./interface.js").Host} Host */

// One for the whole process, should the SDK be loaded twice (from node_modules and from a folder).
const KEY = Symbol.for("task-state.native-host");

/** @returns {Host} */
export function host() {
  const found = /** @type {any} */ (globalThis)[KEY]?.();
  if (found === undefined) {
    throw new Error("there is no task here: outside of a component a plugin is run by runTask of task-state/testing");
  }
  return found;
}

/**
 * Says what finds the host of the code that is running.
 * @param {() => Host | undefined} find
 */
export function provide(find) {
  /** @type {any} */ (globalThis)[KEY] = find;
}
