// The export of a component: `run` of the plugin, driven to its end. What the host is told of it follows one rule, whichever
// the engine: see `leftovers.js`.

import { connect } from "../src/host/component.js";
import { fromWire } from "../src/record.js";
import { calls } from "./async-calls.js";
import { describe } from "./failure.js";
import { timers } from "./globals.js";
import { leftovers, stalled } from "./leftovers.js";
import { nativeClearTimeout, NativePromise, nativeSetTimeout } from "./native.js";
import { drain, hasJobs, queue, rejections, TaskPromise } from "./promise.js";
import { ownFrames } from "./stack.js";
import { block, connectSystem, readInput } from "./system.js";

/** @typedef {import("../src/record.js").WireTask} WireTask */
/** @typedef {import("./system.js").SystemImports} SystemImports */
/** @typedef {Omit<SystemImports, "u64"> & { repository: any, currentTask: any }} Imports */

/**
 * How many turns of its own an engine is given to settle its promises, once nothing of the runtime is left to wait for.
 */
const IDLE_TURNS = 20;

/** One call of `run`. */
class Drive {
  /** @type {{ error?: unknown } | undefined} */
  end = undefined;

  /**
   * @param {(task: any) => unknown} run
   * @param {any} task
   */
  begin(run, task) {
    this.attempt(() => {
      const returned = /** @type {any} */ (run(task));
      if (typeof returned?.then !== "function") {
        this.end = {};
        return;
      }
      TaskPromise.resolve(returned).then(
        () => (this.end ??= {}),
        (/** @type {unknown} */ error) => (this.end ??= { error }),
      );
    });
  }

  /** Does something of the plugin; what it throws ends the run. @param {() => void} step */
  attempt(step) {
    try {
      step();
    } catch (error) {
      if (this.end === undefined || !("error" in this.end)) this.end = { error };
    }
  }

  /** Throws what the task failed with, if it did. */
  finish() {
    if (this.end !== undefined && "error" in this.end) throw describe(this.end.error, ownFrames);
    if (timers.waiting.length + calls.size + rejections.size === 0 || isCancelled()) return;
    throw leftovers({
      timers: timers.waiting.map(({ made }) => where(made)),
      calls: [...calls].map(where),
      rejections: [...rejections.values()].map((reason) => describe(reason, ownFrames)),
    });
  }
}

/** Of a run that was asked to stop nobody wants the rest. */
function isCancelled() {
  return Boolean(imported?.currentTask.cancelRequested());
}

/** Where something was made. @param {Error} made */
function where(made) {
  return ownFrames(made)[0] ?? "an unknown place";
}

/** @type {Imports | undefined} */
let imported;

/** @param {Imports} imports @param {(value: number | bigint) => any} u64 */
function connectAll(imports, u64) {
  imported = imports;
  connectSystem({ ...imports, u64 });
  const { currentTask, repository } = imports;
  const setProgress = (/** @type {any} */ done, /** @type {any} */ total, /** @type {any} */ note) => {
    if (currentTask.setProgress === undefined) throw new Error("this plugin was built for an interface without set-progress");
    return currentTask.setProgress(u64(done), total === undefined ? undefined : u64(total), note);
  };
  connect({ currentTask: { ...currentTask, setProgress }, repository, readInput });
}

/**
 * The worker of a component on QuickJS, whose exports return when they return.
 * @param {Imports} imports
 * @param {(task: any) => unknown} run
 */
export function synchronousWorker(imports, run) {
  checkRun(run);
  return {
    run(/** @type {WireTask} */ wire) {
      connectAll(imports, Number);
      const drive = new Drive();
      drive.begin(run, fromWire(wire));
      for (;;) {
        drive.attempt(drain);
        if (drive.end !== undefined) break;
        const delay = timers.delay();
        if (delay === undefined) throw stalled([...calls].map(where));
        if (delay > 0) block(delay);
        drive.attempt(() => timers.fire());
      }
      drive.attempt(drain);
      drive.finish();
    },
  };
}

/**
 * The worker of a component on an engine with an event loop of its own, whose promises settle in its turns.
 * @param {Imports} imports
 * @param {(task: any) => unknown} run
 */
export function asynchronousWorker(imports, run) {
  checkRun(run);
  return {
    run: (/** @type {WireTask} */ wire) =>
      new NativePromise((resolve, reject) => {
        connectAll(imports, BigInt);
        const drive = new Drive();
        let idle = 0;
        /** @type {unknown} */
        let next;
        const schedule = (/** @type {number} */ ms) => {
          nativeClearTimeout?.(next);
          next = nativeSetTimeout?.(() => turn(), ms);
        };
        const turn = (isFirst = false) => {
          queue.wake = () => {};
          // However late a timer is, it does not come before the jobs that were there when it was due. The engine's own come
          // between two turns.
          if (isFirst || hasJobs()) {
            drive.attempt(drain);
          } else if (timers.delay() === 0) {
            drive.attempt(() => timers.fire());
            drive.attempt(drain);
          }
          if (drive.end !== undefined) {
            settle();
            return;
          }
          const delay = timers.delay();
          idle = delay === undefined ? idle + 1 : 0;
          if (idle > IDLE_TURNS) {
            reject(stalled([...calls].map(where)));
            return;
          }
          queue.wake = () => {
            idle = 0;
            schedule(0);
          };
          schedule(delay ?? 0);
        };
        const settle = () => {
          // What a job that threw has left.
          drive.attempt(drain);
          try {
            drive.finish();
            resolve(undefined);
          } catch (text) {
            reject(text);
          }
        };
        drive.begin(run, fromWire(wire));
        turn(true);
      }),
  };
}

/** @param {unknown} run */
function checkRun(run) {
  if (typeof run !== "function") throw new TypeError("the plugin exports no function run");
}
