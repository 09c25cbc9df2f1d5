// The host of a component: the imports, which `runtime/` connects when the component is built.

/** @typedef {import("./interface.js").Host} Host */

/** @type {Host | undefined} */
let connected;
let isRunning = false;

/** @returns {Host} */
export function host() {
  if (connected === undefined || !isRunning) {
    throw new Error("there is no task yet: what stands outside of run is carried out when the plugin is built");
  }
  return connected;
}

/**
 * Makes the imports what calls reach, from the start of `run` on.
 * @param {Host} imports
 */
export function connect(imports) {
  connected = imports;
  isRunning = true;
}
