// One run of a plugin outside of a component, on a store in memory.

import { describe } from "../runtime/failure.js";
import { stacks } from "../runtime/inspect.js";
import { leftovers, stalled } from "../runtime/leftovers.js";
import { provide } from "../src/host/native.js";
import { draftToWire, fromWire, logEntry } from "../src/record.js";
import { Faults } from "./faults.js";
import { authorsFrames } from "./frames.js";
import { Denied, Grants } from "./grants.js";
import { RunHost } from "./host.js";
import { Input } from "./input.js";
import { cutFailure } from "./output.js";
import { whenStalled } from "./stall.js";
import { MemoryStore, NotFound } from "./store.js";
import { presentWatch, Watch } from "./watch.js";

/** @typedef {import("../src/index.js").Run} Run */
/** @typedef {import("../src/record.js").TaskDraft} TaskDraft */
/** @typedef {import("../src/record.js").TaskRecord} TaskRecord */
/** @typedef {import("./host.js").Progress} Progress */

/**
 * The task that is run, and what is around it.
 * @typedef {object} RunOptions
 * @property {string | undefined} [taskId] the next number of the sequence, if absent
 * @property {string | undefined} [service] `test`, if absent
 * @property {string | undefined} [userId] `tester`, if absent
 * @property {Record<string, any> | string | undefined} [parameters] an object, or the text of a JSON object
 * @property {import("../src/record.js").Priority | undefined} [priority] `low`, if absent
 * @property {string | Uint8Array | undefined} [input] standard input; empty, if absent
 * @property {import("./grants.js").GrantsOptions | undefined} [grants] what the plugin may do; to read and write the tasks
 *   of its service and to take numbers of the sequence, if absent
 * @property {TaskDraft[] | undefined} [tasks] what else is in the store before the run
 * @property {import("./faults.js").Fault[] | undefined} [faults] calls that answer an error
 * @property {import("./faults.js").Cancel | undefined} [cancel] when somebody asks for the task to stop
 */

/**
 * How a run has ended.
 * @typedef {object} Ended
 * @property {import("../src/errors.js").TaskStatus} status the status that the task is in; `cancelled` if it is gone
 * @property {string[]} logs what the entries of its log say, oldest first
 * @property {string} output all that was printed
 * @property {import("../src/record.js").TaskResult} result the task's result, in which the host keeps the output's end
 * @property {Progress | undefined} progress what was said last of how far the task has come
 * @property {TaskRecord | undefined} task the whole record; undefined if the task is gone
 * @property {(taskId: string) => TaskRecord | undefined} get any task of the store, as it was at the end
 */

provide(() => presentWatch()?.host);

const later = globalThis.setTimeout;
const never = globalThis.clearTimeout;

/**
 * Runs a plugin on a new task in a store of its own, with the rules of the host, and says how it has ended. It never throws
 * for what the plugin does: a failure is a task that has failed.
 *
 * ```js
 * const { status, logs } = await runTask(run, { parameters: { greeting: "hello" }, input: "a\nb\n" });
 * ```
 * @param {Run} run what the plugin exports
 * @param {RunOptions} [options]
 * @returns {Promise<Ended>}
 */
export async function runTask(run, options = {}) {
  if (typeof run !== "function") throw new TypeError(`runTask takes the run of a plugin, and this is ${String(run)}`);
  const { store, host } = prepare(options);
  const task = store.get(host.task.taskId, () => {});
  /** @type {(error: { error?: unknown }) => void} */
  let settle = () => {};
  /** @type {Promise<{ error?: unknown }>} */
  const settled = new Promise((resolve) => (settle = resolve));
  const watch = new Watch(host.calls, (error) => settle({ error }));
  const cancel = options.cancel;
  const timer = cancel !== undefined && "after" in cancel ? later(() => host.askToStop(), cancel.after) : undefined;
  watch.begin();
  const frames = stacks.frames;
  stacks.frames = authorsFrames;
  const stopLooking = whenStalled(
    () => watch.timers.size > 0,
    () => settle({ error: new Stalled(stalled(places(watch.calls))) }),
  );
  try {
    watch.within(() => {
      try {
        Promise.resolve(run(fromWire(task))).then(
          () => settle({}),
          (error) => settle({ error }),
        );
      } catch (error) {
        settle({ error });
      }
    });
    const end = await settled;
    stopLooking();
    const left = await leftBehind(watch);
    return ended(store, host, watch, failure(end, left, host));
  } finally {
    stopLooking();
    never(timer);
    watch.end();
    stacks.frames = frames;
  }
}

/** A run that nothing will wake. */
class Stalled extends Error {}

/** @param {RunOptions} options */
function prepare(options) {
  const { service = "test", userId = "tester", taskId, parameters, priority, grants = {}, tasks = [], faults = [], cancel } = options;
  const store = new MemoryStore();
  for (const draft of tasks) store.save(draftToWire(draft), { tag: "none" }, () => {});
  const wire = draftToWire({ taskId, service, userId, parameters, priority, status: "running" });
  const id = String(store.save(wire, { tag: "absent" }, () => {}));
  const host = new RunHost({
    store,
    task: { taskId: id, service, userId },
    grants: new Grants(grants, service),
    input: new Input(options.input ?? ""),
  });
  host.faults = new Faults(faults, cancel, () => host.askToStop());
  return { store, host };
}

/** @param {Map<object, Error>} made */
function places(made) {
  return [...made.values()].map((error) => authorsFrames(error)[0] ?? "an unknown place");
}

/**
 * What the run has left undone, once everything that is due at once is done.
 * @param {Watch} watch
 * @returns {Promise<string | undefined>}
 */
async function leftBehind(watch) {
  /** @type {{ timers: string[], calls: string[] }} */
  const left = await new Promise((resolve) => {
    // A tick comes when all jobs of promises are done, and before any timer.
    process.nextTick(() => resolve({ timers: places(watch.timers), calls: places(watch.calls) }));
  });
  // Node tells of rejections after that.
  await new Promise((resolve) => setImmediate(resolve));
  return leftovers({ ...left, rejections: [...watch.rejections.values()].map((reason) => describe(reason, authorsFrames)) });
}

/**
 * The text that the task fails with, if it does.
 * @param {{ error?: unknown }} end
 * @param {string | undefined} left
 * @param {RunHost} host
 * @returns {string | undefined}
 */
function failure(end, left, host) {
  if (end.error instanceof Stalled) return end.error.message;
  if ("error" in end) return describe(end.error, authorsFrames);
  // Of a run that was asked to stop nobody wants the rest.
  return left !== undefined && !host.isCancelled ? left : undefined;
}

/**
 * Writes the last status, and tells what has become of everything.
 * @param {MemoryStore} store
 * @param {RunHost} host
 * @param {Watch} watch
 * @param {string | undefined} why
 * @returns {Ended}
 */
function ended(store, host, watch, why) {
  const id = host.task.taskId;
  const get = (/** @type {string} */ taskId) => {
    try {
      return fromWire(store.get(taskId, () => {}));
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  };
  if (!host.isGone) {
    const finish = why !== undefined ? "failed" : host.isCancelled ? "cancelled" : "completed";
    const entries = why === undefined ? [] : [cutFailure(why)];
    const { kept } = watch.output;
    try {
      store.change(id, { finish, entries, ...(kept !== undefined && { output: kept }) }, host.checkOwner);
    } catch (error) {
      if (!(error instanceof NotFound || error instanceof Denied)) throw error;
      host.isGone = true;
    }
  }
  const task = host.isGone ? undefined : get(id);
  return {
    status: task?.status ?? "cancelled",
    logs: (task?.logs ?? []).map((entry) => logEntry(entry).message),
    output: watch.output.text,
    result: task?.result ?? {},
    progress: host.progress,
    task,
    get,
  };
}
