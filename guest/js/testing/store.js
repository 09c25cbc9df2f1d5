// A store of tasks in memory, with the rules of the host's: transitions, preconditions, the order of listings, times that
// only go forward. It knows neither grants nor runs.

import { byCodePoint, compareIds } from "./order.js";
import { compactObject } from "./json.js";
import { isPortable, laterThan, now, parseCreatedAt, parseTime, spellTime } from "./time.js";
import { byteLength, checkName, InvalidValue } from "./values.js";

/** @typedef {import("../src/errors.js").TaskStatus} TaskStatus */
/** @typedef {import("../src/record.js").Priority} Priority */
/** @typedef {import("../src/record.js").WireDraft} WireDraft */
/** @typedef {import("../src/record.js").WireTask} WireTask */
/** @typedef {import("../src/repository.js").WireScope} WireScope */
/** @typedef {(task: { service: string, userId: string }) => void} Check throws what the task may not be touched for */

/** There is no such task. */
export class NotFound extends Error {}

/** The task is not as the precondition wants it. */
export class Conflict extends Error {}

/** The task may not move from the status that it is in. */
export class InvalidTransition extends Error {
  /** @param {TaskStatus} from */
  constructor(from) {
    super(from);
    this.from = from;
  }
}

/** @typedef {object} Change any combination, made in one step
 * @property {TaskStatus} [status] where the task moves to, if the rule allows it
 * @property {TaskStatus} [finish] the end of a run: to this status, unless the task is in a terminal one, which stands
 * @property {string[]} [entries]
 * @property {{ podStatus?: string | null | undefined, launcherOutput?: string | null | undefined }} [result]
 * @property {string[]} [activeJobs]
 * @property {Priority} [priority]
 * @property {string} [output] becomes `launcherOutput` if that was never set
 */

/** @type {Record<TaskStatus, readonly TaskStatus[]>} */
const MOVES = {
  pending: ["dispatching", "running", "completed", "failed", "cancel-requested", "cancelled"],
  dispatching: ["running", "completed", "failed", "cancel-requested", "cancelled"],
  running: ["completed", "failed", "cancel-requested", "cancelled"],
  "cancel-requested": ["completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
};

/** The most tasks of a page, and the bytes of records after which one ends, unless it would be empty. */
const [MAX_PAGE, MAX_PAGE_BYTES] = [1_000, 4 * 2 ** 20];

/** How many numbers in a row a search for a free id tries before its steps get longer, and how many it tries at all. */
const [IN_A_ROW, MAX_TRIES] = [16, 100];

export class MemoryStore {
  /** @type {Map<string, WireTask>} */
  #tasks = new Map();
  #sequence = 0n;

  nextTaskId() {
    this.#sequence += 1n;
    return String(this.#sequence);
  }

  peekNextTaskId() {
    return String(this.#sequence + 1n);
  }

  /** Undefined if every number that was tried belongs to a task. */
  #freeId() {
    for (let tried = 0; tried < MAX_TRIES; tried += 1) {
      const most = 2 ** Math.min(tried - IN_A_ROW + 1, 20);
      if (tried >= IN_A_ROW) this.#sequence += BigInt(Math.floor(Math.random() * most));
      const id = this.nextTaskId();
      if (!this.#tasks.has(id)) return id;
    }
    return undefined;
  }

  /**
   * The task of an id, a copy of it.
   * @param {string} id
   * @param {Check} check
   * @returns {WireTask}
   */
  get(id, check) {
    return structuredClone(this.#find(id, check));
  }

  /** @param {string} id @param {Check} check */
  #find(id, check) {
    const task = this.#tasks.get(id);
    if (task === undefined) throw new NotFound();
    check(task);
    return task;
  }

  /**
   * Registers a task, or replaces the one with its id. Undefined if no free id was found.
   * @param {WireDraft} draft
   * @param {{ tag: string, val?: string }} onlyIf
   * @param {Check} check what may be saved, and in the place of what
   * @param {boolean} [isRuns] whether it is a run that saves its own task
   * @returns {string | undefined}
   */
  save(draft, onlyIf, check, isRuns = false) {
    if (draft.taskId !== undefined) checkName("task id", draft.taskId);
    const parameters = compactObject(draft.parameters);
    const createdAt = draft.createdAt === undefined ? undefined : parseTime(draft.createdAt);
    checkName("service", draft.service);
    checkName("user id", draft.userId);
    const since = onlyIf.tag === "unchanged-since" ? parseTime(String(onlyIf.val)) : undefined;
    if (createdAt !== undefined && !isPortable(createdAt)) {
      throw new InvalidValue("created_at", String(draft.createdAt), "its year in UTC is not between 1 and 9999");
    }
    const id = draft.taskId ?? this.#freeId();
    if (id === undefined) return undefined;
    const old = this.#tasks.get(id);
    check(draft);
    if (old !== undefined) check(old);
    if (isRuns) keepsEnd(old, draft);
    const holds =
      onlyIf.tag === "none" || (onlyIf.tag === "absent" ? old === undefined : old !== undefined && parseTime(old.updatedAt).micros === since?.micros);
    if (!holds) throw new Conflict();
    const at = spellTime(old === undefined ? now() : laterThan(old.updatedAt));
    const result = { podStatus: draft.result.podStatus, launcherOutput: draft.result.launcherOutput };
    this.#tasks.set(id, {
      ...structuredClone(draft),
      taskId: id,
      parameters,
      createdAt: draft.createdAt === undefined ? at : parseCreatedAt(draft.createdAt),
      updatedAt: at,
      result,
    });
    return id;
  }

  /**
   * False if there was none.
   * @param {string} id
   * @param {Check} check
   */
  delete(id, check) {
    const task = this.#tasks.get(id);
    if (task !== undefined) check(task);
    return this.#tasks.delete(id);
  }

  /**
   * Returns the status that the task is in afterwards.
   * @param {string} id
   * @param {Change} change
   * @param {Check} check
   * @returns {TaskStatus}
   */
  change(id, { status, finish, entries = [], result = {}, activeJobs, priority, output }, check) {
    const task = this.#find(id, check);
    if (status !== undefined && status !== task.status && !MOVES[task.status].includes(status)) throw new InvalidTransition(task.status);
    if (status !== undefined) task.status = status;
    if (finish !== undefined && MOVES[task.status].length > 0) {
      task.status = finish === "completed" && task.status === "cancel-requested" ? "cancelled" : finish;
    }
    const at = laterThan(task.updatedAt);
    const stamp = spellTime(now());
    for (const message of entries) task.logs.push(`${stamp},${message}`);
    task.result.podStatus = result.podStatus ?? task.result.podStatus;
    task.result.launcherOutput = result.launcherOutput ?? task.result.launcherOutput ?? output;
    if (activeJobs !== undefined) task.activeJobs = [...activeJobs];
    if (priority !== undefined) task.priority = priority;
    task.updatedAt = spellTime(at);
    return task.status;
  }

  /**
   * @param {WireScope} scope
   * @param {number} limit
   * @param {string | undefined} cursor
   * @param {(task: WireTask) => boolean} shown
   * @returns {{ tasks: WireTask[], next: string | undefined }}
   */
  list(scope, limit, cursor, shown) {
    if (limit < 1 || limit > MAX_PAGE) throw new InvalidValue("limit", String(limit), `it is a number from 1 to ${MAX_PAGE}`);
    const ids = [...this.#tasks.keys()].filter((id) => cursor === undefined || compareIds(id, cursor) > 0).sort(compareIds);
    const page = /** @type {WireTask[]} */ ([]);
    let bytes = 0;
    for (const id of ids) {
      const task = /** @type {WireTask} */ (this.#tasks.get(id));
      if (!covers(scope, task) || !shown(task)) continue;
      const size = byteLength(JSON.stringify({ ...task, parameters: null })) + byteLength(task.parameters);
      if (page.length === limit || (page.length > 0 && bytes + size > MAX_PAGE_BYTES)) return { tasks: page, next: page.at(-1)?.taskId };
      bytes += size;
      page.push(structuredClone(task));
    }
    return { tasks: page, next: undefined };
  }

  /** The users that have tasks with a service, by code point. @param {string} service */
  users(service) {
    const users = [...this.#tasks.values()].filter((task) => task.service === service).map(({ userId }) => userId);
    return [...new Set(users)].sort(byCodePoint);
  }
}

/**
 * A run cannot take back that its task was asked to stop, or has ended, nor bring it back: the status only moves forward,
 * and the log is kept.
 * @param {WireTask | undefined} stored
 * @param {WireDraft} draft
 */
function keepsEnd(stored, { status, logs }) {
  if (stored === undefined) throw new NotFound();
  if (["pending", "dispatching", "running"].includes(stored.status)) return;
  if (status !== stored.status && !MOVES[stored.status].includes(status)) throw new InvalidTransition(stored.status);
  if (stored.logs.some((entry, index) => entry !== logs[index])) throw new Conflict();
}

/** @param {WireScope} scope @param {WireTask} task */
function covers({ tag, val }, { taskId, service, userId }) {
  switch (tag) {
    case "service":
      return service === val;
    case "user":
      return userId === val;
    case "service-user":
      return service === val?.[0] && userId === val[1];
    case "ids":
      return /** @type {string[]} */ (val).includes(taskId);
    default:
      return true;
  }
}
