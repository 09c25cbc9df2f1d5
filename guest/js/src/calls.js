// A call to the host: what it throws becomes a `TaskStateError`.

import { TaskStateError } from "./errors.js";

/**
 * @template T
 * @param {() => T} call
 * @returns {T}
 */
export function answer(call) {
  try {
    return call();
  } catch (thrown) {
    const payload = /** @type {any} */ (thrown)?.payload;
    if (thrown instanceof TaskStateError || typeof payload?.tag !== "string") throw thrown;
    throw new TaskStateError(payload);
  }
}
