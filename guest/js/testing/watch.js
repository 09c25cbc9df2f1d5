// What a run does beside returning: its timers, its calls of async functions, its rejections and what it prints. Everything is
// told apart by the run that it belongs to, so that tests may run side by side.

import { AsyncLocalStorage } from "node:async_hooks";
import { promiseHooks } from "node:v8";

import { makeConsole } from "../runtime/console.js";
import { frames } from "../runtime/stack.js";
import { authorsFrames } from "./frames.js";
import { Output } from "./output.js";

/** @typedef {import("../src/host/interface.js").Host} Host */

/** @type {AsyncLocalStorage<Watch>} */
const present = new AsyncLocalStorage();

/** The runs that go on. @type {Set<Watch>} */
const watches = new Set();

/** The run that a promise belongs to. @type {WeakMap<object, Watch>} */
const owners = new WeakMap();

const node = { setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask };

/** What is watched of one run. */
export class Watch {
  /** Timers that are still to come, each with an error that knows where it was set. @type {Map<object, Error>} */
  timers = new Map();
  /** Calls of async functions that have not settled, in the same way. @type {Map<object, Error>} */
  calls = new Map();
  /** Rejections that nobody has handled. @type {Map<object, unknown>} */
  rejections = new Map();
  output = new Output();

  /** @param {Host} host @param {(error: unknown) => void} crash takes what is thrown where nobody can catch it */
  constructor(host, crash) {
    this.host = host;
    this.crash = crash;
    const write = (/** @type {string} */ text) => this.output.write(text);
    this.console = makeConsole(write, write, () => performance.now());
  }

  /**
   * Calls something of the run.
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  within(call) {
    return present.run(this, call);
  }

  begin() {
    if (watches.size === 0) startWatching();
    watches.add(this);
  }

  end() {
    watches.delete(this);
    for (const timer of this.timers.keys()) node.clearTimeout(/** @type {any} */ (timer));
    if (watches.size === 0) stopWatching();
  }
}

/** The run of the code that is running, if it belongs to one. */
export function presentWatch() {
  return present.getStore();
}

/** @type {(() => void)[]} */
let undo = [];

function stopWatching() {
  for (const step of undo.splice(0).reverse()) step();
}

function startWatching() {
  undo.push(watchPromises(), watchRejections(), ...watchTimers(), ...watchOutput());
}

/** @param {any} target @param {string} name @param {unknown} value @returns {() => void} what puts back what was there */
function replace(target, name, value) {
  const before = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { configurable: true, enumerable: true, writable: true, value });
  return () => {
    if (before === undefined) delete target[name];
    else Object.defineProperty(target, name, before);
  };
}

function watchPromises() {
  const onInit = (/** @type {object} */ promise, /** @type {object | undefined} */ parent) => {
    const watch = present.getStore();
    if (watch === undefined) return;
    owners.set(promise, watch);
    if (parent !== undefined) return;
    const made = new Error();
    if (isAsyncCall(made)) watch.calls.set(promise, made);
  };
  const stopInit = promiseHooks.onInit(/** @type {any} */ (onInit));
  const stopSettled = promiseHooks.onSettled((promise) => void owners.get(promise)?.calls.delete(promise));
  return () => {
    stopInit();
    stopSettled();
  };
}

/**
 * Whether a promise, made where this error was, is that of a call of an async function: the innermost frame is then the
 * function itself, and not a constructor or a function of the engine. @param {Error} made
 */
function isAsyncCall(made) {
  const lines = String(made.stack).split("\n    at ").slice(1);
  const first = lines.find((line) => !line.includes(import.meta.url) && !line.includes("node:internal/promise_hooks"));
  const [frame] = frames(`    at ${first}`);
  return frame !== undefined && !frame.file.startsWith("node:") && authorsFrames(made).length > 0;
}

function watchRejections() {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const onRejection = (/** @type {unknown} */ reason, /** @type {Promise<unknown>} */ promise) => {
    const watch = owners.get(promise);
    if (watch !== undefined) watch.rejections.set(promise, reason);
    else if (others.length > 0) for (const other of others) other.call(process, reason, promise);
    else throw reason;
  };
  const onHandled = (/** @type {Promise<unknown>} */ promise) => void owners.get(promise)?.rejections.delete(promise);
  process.on("unhandledRejection", onRejection);
  process.on("rejectionHandled", onHandled);
  return () => {
    process.off("unhandledRejection", onRejection);
    process.off("rejectionHandled", onHandled);
    for (const other of others) process.on("unhandledRejection", other);
  };
}

function watchTimers() {
  const setter = (/** @type {any} */ set, /** @type {boolean} */ repeats) =>
    Object.assign((/** @type {any} */ call, /** @type {any} */ ms, /** @type {any[]} */ ...args) => {
      const watch = present.getStore();
      if (watch === undefined || typeof call !== "function") return set(call, ms, ...args);
      const timer = set(() => {
        if (!repeats) watch.timers.delete(timer);
        try {
          call(...args);
        } catch (error) {
          watch.crash(error);
        }
      }, ms);
      watch.timers.set(timer, new Error());
      return timer;
    }, set);
  const clear = (/** @type {any} */ timer) => {
    for (const watch of watches) {
      for (const known of watch.timers.keys()) if (known === timer || Number(known) === timer) watch.timers.delete(known);
    }
    node.clearTimeout(timer);
  };
  const later = (/** @type {any} */ job) => {
    const watch = present.getStore();
    if (watch === undefined || typeof job !== "function") return node.queueMicrotask(job);
    node.queueMicrotask(() => {
      try {
        job();
      } catch (error) {
        watch.crash(error);
      }
    });
  };
  return [
    replace(globalThis, "setTimeout", setter(node.setTimeout, false)),
    replace(globalThis, "setInterval", setter(node.setInterval, true)),
    replace(globalThis, "clearTimeout", clear),
    replace(globalThis, "clearInterval", clear),
    replace(globalThis, "queueMicrotask", later),
  ];
}

function watchOutput() {
  const steps = [];
  for (const name of Object.keys(makeConsole(() => {}, () => {}, () => 0))) {
    const usual = /** @type {any} */ (console)[name];
    const print = (/** @type {unknown[]} */ ...values) => (present.getStore()?.console[name] ?? usual).apply(console, values);
    steps.push(replace(console, name, print));
  }
  for (const stream of [process.stdout, process.stderr]) {
    const usual = stream.write;
    steps.push(
      replace(stream, "write", (/** @type {any} */ piece, /** @type {any[]} */ ...rest) => {
        const watch = present.getStore();
        if (watch === undefined) return usual.call(stream, piece, ...rest);
        watch.output.write(piece);
        rest.find((value) => typeof value === "function")?.();
        return true;
      }),
    );
  }
  return steps;
}
