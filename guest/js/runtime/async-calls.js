// Calls of async functions. The build lowers `async` to generators, which are carried on here, so that the runtime knows
// which calls have not come to their end when `run` has.

import { TaskPromise } from "./promise.js";

/** Calls that have not settled, each with an error that knows where it was made. @type {Set<Error>} */
export const calls = new Set();

/** What the lowered code calls. */
export const ASYNC_CALL = "__taskStateAsyncCall";

/**
 * Calls an async function.
 * @param {any} self
 * @param {any} args
 * @param {(...args: any[]) => Generator<any, any, any>} body
 * @returns {TaskPromise}
 */
export function asyncCall(self, args, body) {
  const made = new Error();
  calls.add(made);
  return new TaskPromise((resolve, reject) => {
    /** @type {Generator<any, any, any>} */
    let generator;
    const fail = (/** @type {any} */ error) => {
      calls.delete(made);
      reject(error);
    };
    const step = (/** @type {"next" | "throw"} */ way, /** @type {any} */ value) => {
      let reached;
      try {
        reached = generator[way](value);
      } catch (error) {
        fail(error);
        return;
      }
      if (reached.done) {
        calls.delete(made);
        resolve(reached.value);
        return;
      }
      TaskPromise.resolve(reached.value).then(
        (/** @type {any} */ result) => step("next", result),
        (/** @type {any} */ error) => step("throw", error),
      );
    };
    try {
      generator = body.apply(self, args);
    } catch (error) {
      fail(error);
      return;
    }
    step("next", undefined);
  });
}
