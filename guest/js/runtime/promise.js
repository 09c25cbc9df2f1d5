// A Promise whose jobs the runtime carries out itself. An export of a component is called once and must have finished when it
// returns, but an engine keeps the jobs of its own promises for later. It also knows what an engine does not tell: which
// rejections nobody has handled.

/** What is still to be done, in order. @type {(() => void)[]} */
const jobs = [];

/** Rejected promises that nobody waits for, and why they were rejected. @type {Map<object, unknown>} */
export const rejections = new Map();

/** Called when a job comes into the empty queue. @type {{ wake: () => void }} */
export const queue = { wake: () => {} };

/**
 * Puts a job at the end of the queue.
 * @param {() => void} job
 */
export function enqueue(job) {
  jobs.push(job);
  if (jobs.length === 1) queue.wake();
}

/** Whether there is something to be done. */
export function hasJobs() {
  return jobs.length > 0;
}

/** Carries out jobs, those that they bring about included, until there is none. */
export function drain() {
  for (let at = 0; at < jobs.length; at += 1) {
    const job = /** @type {() => void} */ (jobs[at]);
    // What is done need not be remembered while the rest goes on.
    if (at === 10_000) at = (jobs.splice(0, at + 1), -1);
    try {
      job();
    } catch (error) {
      jobs.splice(0, at + 1);
      throw error;
    }
  }
  jobs.length = 0;
}

/** @typedef {"pending" | "fulfilled" | "rejected"} State */

/**
 * What the capability of a promise is made of.
 * @typedef {{ promise: any, resolve: (value?: any) => void, reject: (reason?: any) => void }} Capability
 */

/**
 * @param {any} constructor
 * @returns {Capability}
 */
function capabilityOf(constructor) {
  const made = /** @type {Capability} */ ({});
  made.promise = new constructor((/** @type {any} */ resolve, /** @type {any} */ reject) => {
    made.resolve = resolve;
    made.reject = reject;
  });
  return made;
}

export class TaskPromise {
  /** @type {State} */
  #state = "pending";
  /** @type {any} */
  #value;
  /** @type {(() => void)[]} */
  #waiting = [];
  #isHandled = false;

  /** @param {(resolve: (value?: any) => void, reject: (reason?: any) => void) => void} executor */
  constructor(executor) {
    if (typeof executor !== "function") throw new TypeError(`Promise resolver ${String(executor)} is not a function`);
    const { resolve, reject } = this.#resolvers();
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  #resolvers() {
    let isDone = false;
    const reject = (/** @type {any} */ reason) => {
      if (isDone) return;
      isDone = true;
      this.#settle("rejected", reason);
    };
    const resolve = (/** @type {any} */ value) => {
      if (isDone) return;
      isDone = true;
      this.#follow(value);
    };
    return { resolve, reject };
  }

  /** @param {any} value */
  #follow(value) {
    if (value === this) {
      this.#settle("rejected", new TypeError("Chaining cycle detected for promise"));
      return;
    }
    if (value === null || (typeof value !== "object" && typeof value !== "function")) {
      this.#settle("fulfilled", value);
      return;
    }
    let then;
    try {
      then = value.then;
    } catch (error) {
      this.#settle("rejected", error);
      return;
    }
    if (typeof then !== "function") {
      this.#settle("fulfilled", value);
      return;
    }
    enqueue(() => {
      const { resolve, reject } = this.#resolvers();
      try {
        then.call(value, resolve, reject);
      } catch (error) {
        reject(error);
      }
    });
  }

  /**
   * @param {State} state
   * @param {any} value
   */
  #settle(state, value) {
    this.#state = state;
    this.#value = value;
    if (state === "rejected" && !this.#isHandled) rejections.set(this, value);
    for (const job of this.#waiting) enqueue(job);
    this.#waiting = [];
  }

  /**
   * @param {any} [onFulfilled]
   * @param {any} [onRejected]
   * @returns {any}
   */
  then(onFulfilled, onRejected) {
    const species = /** @type {any} */ (this.constructor)?.[Symbol.species] ?? TaskPromise;
    const next = capabilityOf(species);
    const react = () => {
      const isFulfilled = this.#state === "fulfilled";
      const reaction = isFulfilled ? onFulfilled : onRejected;
      if (typeof reaction !== "function") {
        (isFulfilled ? next.resolve : next.reject)(this.#value);
        return;
      }
      let result;
      try {
        result = reaction(this.#value);
      } catch (error) {
        next.reject(error);
        return;
      }
      next.resolve(result);
    };
    this.#isHandled = true;
    rejections.delete(this);
    if (this.#state === "pending") this.#waiting.push(react);
    else enqueue(react);
    return next.promise;
  }

  /** @param {any} [onRejected] */
  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  /** @param {any} [onFinally] */
  finally(onFinally) {
    if (typeof onFinally !== "function") return this.then(onFinally, onFinally);
    const constructor = /** @type {any} */ (this.constructor)?.[Symbol.species] ?? TaskPromise;
    return this.then(
      (/** @type {any} */ value) => constructor.resolve(onFinally()).then(() => value),
      (/** @type {any} */ reason) =>
        constructor.resolve(onFinally()).then(() => {
          throw reason;
        }),
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }

  static get [Symbol.species]() {
    return this;
  }

  /** @param {any} [value] */
  static resolve(value) {
    if (value instanceof TaskPromise && value.constructor === this) return value;
    const { promise, resolve } = capabilityOf(this);
    resolve(value);
    return promise;
  }

  /** @param {any} [reason] */
  static reject(reason) {
    const { promise, reject } = capabilityOf(this);
    reject(reason);
    return promise;
  }

  static withResolvers() {
    return capabilityOf(this);
  }

  /**
   * @param {(...args: any[]) => any} call
   * @param {any[]} args
   */
  static try(call, ...args) {
    return new this((resolve) => resolve(call(...args)));
  }

  /** @param {Iterable<any>} items */
  static all(items) {
    return collect(this, items, (results, index, settled, { reject }) => [
      (value) => {
        results[index] = value;
        settled();
      },
      reject,
    ]);
  }

  /** @param {Iterable<any>} items */
  static allSettled(items) {
    return collect(this, items, (results, index, settled) => {
      const as = (/** @type {(value: any) => object} */ describe) => (/** @type {any} */ value) => {
        results[index] = describe(value);
        settled();
      };
      return [as((value) => ({ status: "fulfilled", value })), as((reason) => ({ status: "rejected", reason }))];
    });
  }

  /** @param {Iterable<any>} items */
  static any(items) {
    const reasons = /** @type {any[]} */ ([]);
    const fail = (/** @type {any} */ _, /** @type {Capability} */ { reject }) => {
      reject(new AggregateError(reasons, "All promises were rejected"));
    };
    const each = (/** @type {any[]} */ _, /** @type {number} */ index, /** @type {() => void} */ settled, /** @type {Capability} */ { resolve }) =>
      /** @type {[any, any]} */ ([
        resolve,
        (/** @type {any} */ reason) => {
          reasons[index] = reason;
          settled();
        },
      ]);
    return collect(this, items, each, fail);
  }

  /** @param {Iterable<any>} items */
  static race(items) {
    return new this((resolve, reject) => {
      for (const item of items) this.resolve(item).then(resolve, reject);
    });
  }
}

Object.defineProperty(TaskPromise, "name", { value: "Promise" });

/**
 * A promise of what becomes of many.
 * @param {any} constructor
 * @param {Iterable<any>} items
 * @param {(results: any[], index: number, settled: () => void, whole: Capability) => [(value: any) => void, (reason: any) => void]} each
 *   what is done when one settles
 * @param {(results: any[], whole: Capability) => void} [end] what is done when all have
 */
function collect(constructor, items, each, end = (results, { resolve }) => resolve(results)) {
  const whole = capabilityOf(constructor);
  try {
    /** @type {any[]} */
    const results = [];
    let [index, left] = [0, 1];
    const settled = () => {
      left -= 1;
      if (left === 0) end(results, whole);
    };
    for (const item of items) {
      results[index] = undefined;
      left += 1;
      let isSettled = false;
      const once = () => {
        if (!isSettled) settled();
        isSettled = true;
      };
      const [onFulfilled, onRejected] = each(results, index, once, whole);
      constructor.resolve(item).then(onFulfilled, onRejected);
      index += 1;
    }
    settled();
  } catch (error) {
    whole.reject(error);
  }
  return whole.promise;
}
