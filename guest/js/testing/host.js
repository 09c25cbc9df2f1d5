// The host of one run outside of a component: check the grant, call the store, map the error, in the order of the real host.

import { Denied } from "./grants.js";
import { QuotaExceeded, Usage } from "./quotas.js";
import { Conflict, InvalidTransition, NotFound } from "./store.js";
import { checkStoredId, InvalidValue } from "./values.js";

/** @typedef {import("../src/errors.js").ErrorPayload} ErrorPayload */
/** @typedef {import("../src/errors.js").TaskStatus} TaskStatus */
/** @typedef {import("../src/host/interface.js").Host} Host */
/** @typedef {import("./faults.js").Faults} Faults */
/** @typedef {import("./grants.js").Grants} Grants */
/** @typedef {import("./grants.js").Operation} Operation */
/** @typedef {import("./input.js").Input} Input */
/** @typedef {import("./store.js").Change} Change */
/** @typedef {import("./store.js").MemoryStore} MemoryStore */

/** How far a task has come; numbers that a JavaScript number does not hold are bigints.
 * @typedef {{ done: number | bigint, total: number | bigint | undefined, note: string | undefined }} Progress */

/** The task was deleted, or given to another owner: the real host stops a plugin at its next call, and so does this. */
export class Gone extends Error {
  constructor() {
    super("the task is gone: the host stops the plugin here");
    this.name = "Gone";
  }
}

/** What a run's host knows, and what it lets the plugin do. */
export class RunHost {
  /** @type {Progress | undefined} */
  progress = undefined;
  /** Stays, whatever the plugin saves. */
  isCancelled = false;
  isGone = false;

  #usage = new Usage();

  /**
   * @param {{ store: MemoryStore, task: { taskId: string, service: string, userId: string }, grants: Grants, input: Input }} run
   */
  constructor({ store, task, grants, input }) {
    this.store = store;
    this.task = task;
    this.grants = grants;
    this.input = input;
    /** @type {Faults | undefined} */
    this.faults = undefined;
  }

  /** What the SDK calls. @returns {Host} */
  get calls() {
    return {
      currentTask: this.#currentTask(),
      repository: this.#repository(),
      readInput: (most) => this.input.read(most),
    };
  }

  /** Somebody asks for the task to stop, unless it has ended. */
  askToStop() {
    try {
      this.#saw(this.store.change(this.task.taskId, { status: "cancel-requested" }, () => {}));
    } catch (error) {
      if (!(error instanceof InvalidTransition || error instanceof NotFound)) throw error;
    }
  }

  /** @param {TaskStatus} status in which a call found or left the task */
  #saw(status) {
    if (status === "cancel-requested" || status === "cancelled") this.isCancelled = true;
    return status;
  }

  /**
   * Makes a call of the plugin.
   * @template T
   * @param {string} name
   * @param {() => T} call
   * @returns {T}
   */
  #call(name, call) {
    if (this.isGone) throw new Gone();
    const fault = this.faults?.count(name);
    if (fault !== undefined) throw { payload: fault };
    try {
      return call();
    } catch (error) {
      const payload = payloadOf(error);
      if (payload === undefined) throw error;
      throw { payload };
    }
  }

  /**
   * A call on the task itself. One that does not find it, or not as that of its owner, is the last of the run.
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  #own(call) {
    try {
      return call();
    } catch (error) {
      if (error instanceof InvalidTransition) this.#saw(error.from);
      if (!(error instanceof NotFound || error instanceof Denied)) throw error;
      this.isGone = true;
      throw new Gone();
    }
  }

  /** Only a task of this owner is the run's. @param {{ service: string, userId: string }} task */
  checkOwner = ({ service, userId }) => {
    if (service !== this.task.service) throw new Denied("the task's service is not granted");
    if (userId !== this.task.userId) throw new Denied("the task's user is not granted");
  };

  /** What checks whether a task may be touched. The run's own has to stay its owner's. @param {string | undefined} id */
  #reach(id) {
    return (/** @type {{ service: string, userId: string }} */ task) => {
      this.grants.check(task);
      if (id === this.task.taskId) this.checkOwner(task);
    };
  }

  /** @param {Change} change */
  #changeOwn(change) {
    return this.#own(() => this.#saw(this.store.change(this.task.taskId, change, this.checkOwner)));
  }

  /** @returns {TaskStatus} */
  #ownStatus() {
    return this.#own(() => this.#saw(this.store.get(this.task.taskId, this.checkOwner).status));
  }

  /** @returns {Host["currentTask"]} */
  #currentTask() {
    const call = (/** @type {string} */ name, /** @type {() => any} */ make) => this.#call(`current-task.${name}`, make);
    return {
      get: () =>
        call("get", () => {
          const task = this.#own(() => this.store.get(this.task.taskId, this.checkOwner));
          this.#saw(task.status);
          return task;
        }),
      setStatus: (status, logEntry) =>
        call("set-status", () => {
          this.#usage.admitEntries(given(logEntry));
          return this.#changeOwn({ status, entries: given(logEntry) });
        }),
      log: (message) =>
        call("log", () => {
          this.#usage.admitEntries([message]);
          return this.#changeOwn({ entries: [message] });
        }),
      flush: () => call("flush", () => this.#ownStatus()),
      setProgress: (done, total, note) =>
        call("set-progress", () => {
          this.#usage.admitNote(note ?? "");
          if (total !== undefined && done > total) throw new InvalidValue("progress", `${done}`, `it is more than the total of ${total}`);
          const status = this.#ownStatus();
          this.progress = { done, total, note };
          return status;
        }),
      updateResult: (result) =>
        call("update-result", () => {
          this.#usage.admitResult(result);
          return this.#changeOwn({ result });
        }),
      setActiveJobs: (activeJobs) =>
        call("set-active-jobs", () => {
          this.#usage.admitJobs(activeJobs);
          return this.#changeOwn({ activeJobs });
        }),
      cancelRequested: () =>
        call("cancel-requested", () => {
          if (!this.isCancelled) this.#ownStatus();
          return this.isCancelled;
        }),
    };
  }

  /** @param {string} id @param {Change} change */
  #change(id, change) {
    this.grants.permit("write");
    checkStoredId(id);
    const status = this.store.change(id, change, this.#reach(id));
    return id === this.task.taskId ? this.#saw(status) : status;
  }

  /** @returns {Host["repository"]} */
  #repository() {
    const call = (/** @type {string} */ name, /** @type {() => any} */ make) => this.#call(`repository.${name}`, make);
    return {
      ...this.#reading(call),
      save: (draft, onlyIf) =>
        call("save", () => {
          this.#usage.admitDraft(draft);
          this.grants.permit("write");
          this.grants.permitService(draft.service);
          this.grants.permitUser(draft.userId);
          const isRuns = draft.taskId === this.task.taskId;
          const id = this.store.save(draft, onlyIf, this.#reach(draft.taskId), isRuns);
          if (id === undefined) throw { payload: { tag: "unavailable", val: "the store did not answer in time" } };
          if (id === this.task.taskId) this.#saw(draft.status);
          return id;
        }),
      delete: (id) =>
        call("delete", () => {
          this.grants.permit("delete");
          checkStoredId(id);
          return this.store.delete(id, this.#reach(id));
        }),
      setStatus: (id, status, logEntry) =>
        call("set-status", () => {
          this.#usage.admitEntries(given(logEntry));
          return this.#change(id, { status, entries: given(logEntry) });
        }),
      appendLogs: (id, entries) =>
        call("append-logs", () => {
          this.#usage.admitEntries(entries);
          return this.#change(id, { entries });
        }),
      updateResult: (id, result) =>
        call("update-result", () => {
          this.#usage.admitResult(result);
          return this.#change(id, { result });
        }),
      setActiveJobs: (id, activeJobs) =>
        call("set-active-jobs", () => {
          this.#usage.admitJobs(activeJobs);
          return this.#change(id, { activeJobs });
        }),
      setPriority: (id, priority) => call("set-priority", () => this.#change(id, { priority })),
    };
  }

  /**
   * The calls of the repository that change no task.
   * @param {(name: string, make: () => any) => any} call
   * @returns {Pick<Host["repository"], "nextTaskId" | "peekNextTaskId" | "get" | "listTasks" | "listUsers">}
   */
  #reading(call) {
    const permitted = (/** @type {Operation} */ operation, /** @type {() => any} */ make) => {
      this.grants.permit(operation);
      return make();
    };
    return {
      nextTaskId: () => call("next-task-id", () => permitted("sequence", () => this.store.nextTaskId())),
      peekNextTaskId: () => call("peek-next-task-id", () => permitted("sequence", () => this.store.peekNextTaskId())),
      get: (id) =>
        call("get", () => {
          this.grants.permit("read");
          checkStoredId(id);
          const task = this.store.get(id, this.#reach(id));
          if (id === this.task.taskId) this.#saw(task.status);
          return task;
        }),
      listTasks: (scope, limit, cursor) =>
        call("list-tasks", () => {
          this.grants.permit("list");
          const { tag, val } = scope;
          if (tag === "service") this.grants.permitService(String(val));
          if (tag === "service-user") {
            this.grants.permitService(String(val?.[0]));
            this.grants.permitUser(String(val?.[1]));
          }
          return this.store.list(scope, limit, cursor, (task) => this.grants.refusal(task) === undefined);
        }),
      listUsers: (service) =>
        call("list-users", () => {
          this.grants.permit("list");
          this.grants.permitService(service);
          return this.store.users(service).filter((user) => this.grants.users?.includes(user) ?? true);
        }),
    };
  }
}

/** @param {string | undefined} entry */
function given(entry) {
  return entry === undefined ? [] : [entry];
}

/** An error of the store in the terms of the interface. @param {unknown} error @returns {ErrorPayload | undefined} */
function payloadOf(error) {
  if (error instanceof NotFound) return { tag: "not-found" };
  if (error instanceof InvalidValue) return { tag: "invalid-argument", val: error.message };
  if (error instanceof Denied) return { tag: "denied", val: error.message };
  if (error instanceof Conflict) return { tag: "conflict" };
  if (error instanceof InvalidTransition) return { tag: "invalid-transition", val: error.from };
  if (error instanceof QuotaExceeded) return { tag: "quota-exceeded", val: error.message };
  return undefined;
}
