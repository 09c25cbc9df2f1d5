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
  const { promise, resolve, reject } = TaskPromise.withResolvers();
  const fail = (/** @type {any} */ error) => {
    calls.delete(made);
    reject(error);
  };
  /** @type {Generator<any, any, any>} */
  let generator;
  const goOn = (/** @type {IteratorResult<any, any>} */ { done, value }) => {
    if (done) {
      calls.delete(made);
      resolve(value);
      return;
    }
    TaskPromise.resolve(value).then(
      (/** @type {any} */ result) => step("next", result),
      (/** @type {any} */ error) => step("throw", error),
    );
  };
  const step = (/** @type {"next" | "throw"} */ way, /** @type {any} */ value) => {
    let reached;
    try {
      reached = generator[way](value);
    } catch (error) {
      fail(error);
      return;
    }
    goOn(reached);
  };
  // Not by way of `step`: what is called before the first await stands on the stack whole, and an engine's is small.
  let reached;
  try {
    generator = body.apply(self, args);
    reached = generator.next();
  } catch (error) {
    fail(error);
    return promise;
  }
  goOn(reached);
  return promise;
}
