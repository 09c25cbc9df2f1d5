// setTimeout and its kin. Nothing goes on beside a component: the one that is due next is carried out when all jobs are done.

/**
 * @typedef {object} Timer
 * @property {number} id
 * @property {number} at when it is due, in milliseconds of the clock
 * @property {number | undefined} every the time between two calls, for an interval
 * @property {() => void} call
 * @property {Error} made knows where it was set
 */

/** The longest delay; the engines of browsers and Node take a longer one for the shortest. */
const MAX_DELAY = 2 ** 31 - 1;

/** The timers of a run, in the order in which they are due. */
export class Timers {
  /** @param {() => number} now milliseconds of a clock that never goes back */
  constructor(now) {
    this.now = now;
    /** @type {Timer[]} */
    this.waiting = [];
    this.last = 0;
  }

  /**
   * @param {unknown} call
   * @param {unknown} delay
   * @param {unknown[]} args
   * @param {boolean} repeats
   * @returns {number}
   */
  set(call, delay, args, repeats) {
    if (typeof call !== "function") throw new TypeError(`a timer calls a function, and this is ${String(call)}`);
    const wanted = Math.trunc(Number(delay));
    const ms = wanted >= 1 && wanted <= MAX_DELAY ? wanted : 1;
    this.last += 1;
    this.#insert({
      id: this.last,
      at: this.now() + ms,
      every: repeats ? ms : undefined,
      call: () => call(...args),
      made: new Error(),
    });
    return this.last;
  }

  /** @param {unknown} id */
  clear(id) {
    const index = this.waiting.findIndex((timer) => timer.id === id);
    if (index >= 0) this.waiting.splice(index, 1);
  }

  /** How long it is until a timer is due, in milliseconds; undefined if there is none. */
  delay() {
    const next = this.waiting[0];
    return next === undefined ? undefined : Math.max(0, next.at - this.now());
  }

  /** Carries out the timer that is due next. */
  fire() {
    const timer = this.waiting.shift();
    if (timer === undefined) return;
    if (timer.every !== undefined) this.#insert({ ...timer, at: this.now() + timer.every });
    timer.call();
  }

  /** @param {Timer} timer */
  #insert(timer) {
    let [low, high] = [0, this.waiting.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Timer} */ (this.waiting[middle]).at <= timer.at) low = middle + 1;
      else high = middle;
    }
    this.waiting.splice(low, 0, timer);
  }
}
