// Async generators. The build lowers them to generators as well: what such a one yields is a value for whoever asked, or one of
// the signals below for what drives it.

import { TaskPromise } from "./promise.js";

/** What the lowered code calls in the place of an async generator, of its `await`, and of the iterable of its `yield*`. */
export const ASYNC_GENERATOR = "__taskStateAsyncGenerator";
export const AWAIT = "__taskStateAwait";
export const DELEGATE = "__taskStateDelegate";

/** The generator waits for `value`. */
class Await {
  /** @param {any} value */
  constructor(value) {
    this.value = value;
  }
}

/** A value of the iterable of a `yield*`: how the generator is asked to go on after it is for that iterable to know. */
class Delegated {
  /** @param {any} value */
  constructor(value) {
    this.value = value;
  }
}

/** The iterable of a `yield*` has come to its end because the generator was asked to return: now that returns too. */
class Returned {
  /** @param {any} value */
  constructor(value) {
    this.value = value;
  }
}

/** @typedef {"next" | "throw" | "return"} Way */

/**
 * What somebody asks a generator for.
 * @typedef {{ way: Way, value: any, resolve: (value: any) => void, reject: (reason: any) => void }} Request
 */

class AsyncGenerator {
  /** @type {Generator<any, any, any>} */
  #body;
  /** One at a time is carried out, the first. @type {Request[]} */
  #requests = [];
  /** Whether it stands in a `yield*`, at a value of the iterable there. */
  #isDelegating = false;

  /** @param {Generator<any, any, any>} body */
  constructor(body) {
    this.#body = body;
  }

  /** @param {any} [value] */
  next(value) {
    return this.#ask("next", value);
  }

  /** @param {any} [reason] */
  throw(reason) {
    return this.#ask("throw", reason);
  }

  /** @param {any} [value] */
  return(value) {
    return this.#ask("return", value);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  get [Symbol.toStringTag]() {
    return "AsyncGenerator";
  }

  /** @param {Way} way @param {any} value */
  #ask(way, value) {
    // Not in an executor: what generators call within one another stands on the stack whole, and an engine's is small.
    const { promise, resolve, reject } = TaskPromise.withResolvers();
    this.#requests.push({ way, value, resolve, reject });
    if (this.#requests.length === 1) this.#work();
    return promise;
  }

  /** Carries out the requests up to one that has to wait. */
  #work() {
    for (let request; (request = this.#requests[0]) !== undefined; ) {
      if (request.way === "return") {
        this.#wait(request.value, (value) => this.#goOn("return", value));
        return;
      }
      if (!this.#step(request.way, request.value)) return;
    }
  }

  /** @param {any} value @param {boolean} done */
  #answer(value, done) {
    this.#requests.shift()?.resolve({ value, done });
  }

  /** What is waited for in vain is thrown where the generator stands. @param {any} value @param {(value: any) => void} then */
  #wait(value, then) {
    TaskPromise.resolve(value).then(then, (/** @type {any} */ reason) => this.#goOn("throw", reason));
  }

  /** @param {Way} way @param {any} value */
  #goOn(way, value) {
    if (this.#step(way, value)) this.#work();
  }

  /**
   * Lets the generator go on to where it stops next.
   * @param {Way} way
   * @param {any} value
   * @returns {boolean} whether that has answered the request
   */
  #step(way, value) {
    let reached;
    try {
      reached = this.#isDelegating ? this.#body.next({ way, value }) : this.#body[way](value);
    } catch (error) {
      this.#isDelegating = false;
      this.#requests.shift()?.reject(error);
      return true;
    }
    const { done, value: given } = reached;
    this.#isDelegating = given instanceof Delegated;
    // The build lets a `return` wait where it stands.
    if (done) this.#answer(given, true);
    else if (given instanceof Delegated) this.#answer(given.value, false);
    // With `next` also in the `finally` of a generator that returns: it knows itself that it does.
    else if (given instanceof Await) this.#wait(given.value, (result) => this.#goOn("next", result));
    else if (given instanceof Returned) return this.#step("return", given.value);
    else this.#wait(given, (item) => (this.#answer(item, false), this.#work()));
    return done || given instanceof Delegated;
  }
}

/**
 * Calls an async generator.
 * @param {any} self
 * @param {any} args
 * @param {(...args: any[]) => Generator<any, any, any>} body
 */
export function asyncGenerator(self, args, body) {
  return new AsyncGenerator(body.apply(self, args));
}

/** @param {any} value */
export function awaiting(value) {
  return new Await(value);
}

/** @param {any} result what an iterator has given, or its promise */
function checked(result) {
  if (Object(result) !== result) throw new TypeError(`an iterator gives objects, and this is ${String(result)}`);
  return result;
}

const withoutThrow = () => new TypeError("the iterator of a yield* has no method throw");

/** A method that an object need not have. @param {any} object @param {string | symbol} name */
const method = (object, name) => object[name] ?? undefined;

/**
 * An iterator as an async one, which gives what the promises among its values bring.
 * @param {Iterator<any, any, any>} iterator
 */
function asynchronous(iterator) {
  const close = () => method(iterator, "return")?.call(iterator);
  const waiting = (/** @type {any} */ result, /** @type {boolean} */ closes) => {
    const { done, value } = checked(result);
    return TaskPromise.resolve(value).then(
      (/** @type {any} */ value) => ({ value, done }),
      (/** @type {any} */ reason) => {
        try {
          if (closes && !done) close();
        } catch {
          // What was wrong first is told.
        }
        throw reason;
      },
    );
  };
  const { next } = iterator;
  /** @type {Record<Way, (value: any) => any>} */
  const ways = {
    next: (value) => waiting(next.call(iterator, value), true),
    throw(reason) {
      const call = method(iterator, "throw");
      if (call !== undefined) return waiting(call.call(iterator, reason), true);
      if (method(iterator, "return") !== undefined) checked(close());
      throw withoutThrow();
    },
    return(value) {
      const call = method(iterator, "return");
      return call === undefined ? { value, done: true } : waiting(call.call(iterator, value), false);
    },
  };
  const promised = (/** @type {Way} */ way) => (/** @type {any} */ value) => {
    try {
      return ways[way](value);
    } catch (error) {
      return TaskPromise.reject(error);
    }
  };
  return { next: promised("next"), throw: promised("throw"), return: promised("return") };
}

/** @param {any} iterable @returns {any} */
function asyncIterator(iterable) {
  const call = method(iterable, Symbol.asyncIterator);
  return call === undefined ? asynchronous(checked(iterable[Symbol.iterator]())) : checked(call.call(iterable));
}

/**
 * What a `yield*` walks over: the values of an iterable.
 * @param {any} iterable
 * @returns {Generator<Await | Delegated | Returned, any, any>}
 */
export function* delegate(iterable) {
  const iterator = asyncIterator(iterable);
  const { next } = iterator;
  /** @type {{ way: Way, value: any }} */
  let asked = { way: "next", value: undefined };
  for (;;) {
    const { way, value } = asked;
    const call = way === "next" ? next : method(iterator, way);
    if (call === undefined && way === "return") {
      yield new Returned(yield new Await(value));
      return;
    }
    if (call === undefined) {
      const close = method(iterator, "return");
      if (close !== undefined) checked(yield new Await(close.call(iterator)));
      throw withoutThrow();
    }
    const { done, value: given } = checked(yield new Await(call.call(iterator, value)));
    if (!done) asked = yield new Delegated(given);
    else if (way === "return") yield new Returned(given);
    else return given;
  }
}
