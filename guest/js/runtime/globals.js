// The globals that a plugin may use, alike in every engine: what the engine lacks, and what it has in a way that does not
// fit a component whose export is called once.

import { ASYNC_CALL, asyncCall } from "./async-calls.js";
import { ASYNC_GENERATOR, asyncGenerator, AWAIT, awaiting, DELEGATE, delegate } from "./async-generators.js";
import { makeConsole } from "./console.js";
import { stacks } from "./inspect.js";
import { nativeRandom } from "./native.js";
import { enqueue, TaskPromise } from "./promise.js";
import { ownFrames } from "./stack.js";
import { now, randomBytes, writeErr, writeOut } from "./system.js";
import { TextDecoder, TextEncoder } from "./text.js";
import { Timers } from "./timers.js";

/** The timers of the run. */
export const timers = new Timers(now);

/** How many random bytes the host is asked for at once. */
const RANDOM_BYTES = 1024;

/** The most bytes that `crypto.getRandomValues` fills. */
const MAX_RANDOM = 65_536;

/** @type {Uint32Array} */
let pool = new Uint32Array(0);
let taken = 0;

/**
 * A number from 0 up to 1. The engine's own would be the same in every run: its seed is part of the built component.
 * @returns {number}
 */
function random() {
  if (taken + 2 > pool.length) {
    try {
      pool = new Uint32Array(randomBytes(RANDOM_BYTES).buffer);
      taken = 0;
    } catch {
      return nativeRandom();
    }
  }
  const [high = 0, low = 0] = [pool[taken], pool[taken + 1]];
  taken += 2;
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** @template {ArrayBufferView} A @param {A} array @returns {A} */
function getRandomValues(array) {
  if (array.byteLength > MAX_RANDOM) throw new RangeError(`getRandomValues fills at most ${MAX_RANDOM} bytes, not ${array.byteLength}`);
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(randomBytes(array.byteLength));
  return array;
}

function randomUUID() {
  const bytes = randomBytes(16);
  bytes[6] = (Number(bytes[6]) & 0x0f) | 0x40;
  bytes[8] = (Number(bytes[8]) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * @param {any} items
 * @param {(item: any, index: number) => any} [map]
 */
async function fromAsync(items, map) {
  const all = [];
  const isIterable = items[Symbol.asyncIterator] !== undefined || items[Symbol.iterator] !== undefined;
  for await (const item of isIterable ? items : Array.from(items)) all.push(map === undefined ? item : await map(item, all.length));
  return all;
}

/** @param {object} target @param {Record<string, unknown>} values */
function define(target, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

stacks.frames = ownFrames;

define(globalThis, {
  [ASYNC_CALL]: asyncCall,
  [ASYNC_GENERATOR]: asyncGenerator,
  [AWAIT]: awaiting,
  [DELEGATE]: delegate,
  Promise: TaskPromise,
  queueMicrotask: (/** @type {() => void} */ job) => {
    if (typeof job !== "function") throw new TypeError(`queueMicrotask takes a function, and this is ${String(job)}`);
    enqueue(() => job());
  },
  setTimeout: (/** @type {unknown} */ call, /** @type {unknown} */ ms, /** @type {unknown[]} */ ...args) => timers.set(call, ms, args, false),
  setInterval: (/** @type {unknown} */ call, /** @type {unknown} */ ms, /** @type {unknown[]} */ ...args) => timers.set(call, ms, args, true),
  clearTimeout: (/** @type {unknown} */ id) => timers.clear(id),
  clearInterval: (/** @type {unknown} */ id) => timers.clear(id),
  console: makeConsole(writeOut, writeErr, now),
  performance: { now },
  TextDecoder,
  TextEncoder,
});
if (/** @type {any} */ (globalThis).crypto === undefined) define(globalThis, { crypto: {} });
define(/** @type {any} */ (globalThis).crypto, { getRandomValues, randomUUID });
define(Math, { random });
define(Array, { fromAsync });
