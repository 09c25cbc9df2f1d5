// How far a loop has come, told as it goes.

import { mistyped } from "./check.js";
import * as currentTask from "./current-task.js";
import { TaskStateError } from "./errors.js";

/** How long nothing is said after something was, in milliseconds. The host passes on no more than two values a second. */
const INTERVAL = 100;

/**
 * @template T
 * @typedef {object} ProgressOptions
 * @property {number | undefined} [total] how many items there are; the `length` or `size` of what is walked over, if absent
 * @property {string | ((item: T) => string) | undefined} [note] a few words on what is done now, the same throughout or of
 *   each item
 */

/**
 * The same items, where the task's progress is told as they are taken: before the first, at most ten times a second after
 * that, and after the last. An item counts as done when the next one is asked for. A refusal ends no loop. For `for … of`, and
 * for `for await … of` where the items come asynchronously.
 *
 * ```js
 * for (const row of progress(rows, { note: "importing" })) importRow(row);
 * for await (const page of progress(pages(), { total: 12 })) importPage(page);
 * ```
 * @template T
 * @param {Iterable<T> | AsyncIterable<T>} items
 * @param {ProgressOptions<T>} [options]
 * @returns {Iterable<T> & AsyncIterable<T>}
 */
export function progress(items, options = {}) {
  const walked = /** @type {any} */ (items);
  const isIterable = typeof walked?.[Symbol.iterator] === "function";
  const isAsync = typeof walked?.[Symbol.asyncIterator] === "function";
  if (!isIterable && !isAsync) throw mistyped("items", items, "something to iterate over");
  return {
    [Symbol.iterator]: () => {
      if (!isIterable) throw new TypeError("the items come asynchronously: use for await … of");
      return walk(walked, new Teller(items, options));
    },
    [Symbol.asyncIterator]: () => walkAsync(walked, new Teller(items, options)),
  };
}

/**
 * @template T
 * @param {Iterable<T>} items
 * @param {Teller<T>} teller
 */
function* walk(items, teller) {
  try {
    for (const item of items) {
      teller.begin(item);
      yield item;
      teller.done += 1;
    }
  } finally {
    teller.end();
  }
}

/**
 * @template T
 * @param {AsyncIterable<T>} items
 * @param {Teller<T>} teller
 */
async function* walkAsync(items, teller) {
  try {
    for await (const item of items) {
      teller.begin(item);
      yield item;
      teller.done += 1;
    }
  } finally {
    teller.end();
  }
}

/**
 * What is told of one walk.
 * @template T
 */
class Teller {
  /**
   * @param {unknown} items
   * @param {ProgressOptions<T>} options
   */
  constructor(items, { total, note }) {
    const known = /** @type {any} */ (items);
    this.done = 0;
    this.total = total ?? [known.length, known.size].find((count) => typeof count === "number");
    this.note = note;
    /** What was told last: how much, and when. @type {{ done: number, at: number } | undefined} */
    this.told = undefined;
    /** @type {string | undefined} */
    this.words = typeof note === "string" ? note : undefined;
  }

  /** @param {T} item */
  begin(item) {
    const now = performance.now();
    if (this.told !== undefined && now - this.told.at < INTERVAL) return;
    if (typeof this.note === "function") this.words = this.note(item);
    this.tell(now);
  }

  end() {
    if (this.told?.done !== this.done) this.tell(performance.now());
  }

  /** @param {number} at */
  tell(at) {
    // More items than were announced are no reason to fail: the total is not known, then.
    const total = this.total !== undefined && this.total < this.done ? undefined : this.total;
    try {
      currentTask.setProgress(this.done, total, this.words);
    } catch (error) {
      // Progress is not worth the end of a loop.
      if (!(error instanceof TaskStateError)) throw error;
    }
    this.told = { done: this.done, at };
  }
}
