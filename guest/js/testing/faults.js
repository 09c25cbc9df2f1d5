// What a test makes happen: calls that answer an error, and somebody who asks for the task to stop.

import { STATUSES } from "../src/check.js";

/** @typedef {import("../src/errors.js").ErrorPayload} ErrorPayload */

/**
 * An error as a fault names it: a text for a case without a payload (`"not-found"`, `"conflict"`), else an object of one
 * field (`{ denied: "…" }`, `{ "invalid-transition": "completed" }`). Spelled as in the fixtures of `task-state test`.
 * @typedef {"not-found" | "conflict" | { "invalid-argument": string } | { denied: string }
 *   | { "invalid-transition": import("../src/errors.js").TaskStatus } | { "quota-exceeded": string }
 *   | { unavailable: string } | { internal: string }} FaultError
 */

/**
 * The `nth` call of a function, from 1, answers this error and does nothing. Each function is counted by itself, under its
 * name in the WIT: `current-task.log`, `repository.append-logs`.
 * @typedef {{ call: string, nth?: number, error: FaultError }} Fault `nth` is 1, if absent
 */

/**
 * When somebody asks for the task to stop: right before this call of the run, from 1 and of any function, or so many
 * milliseconds after its start.
 * @typedef {{ beforeCall: number } | { after: number }} Cancel
 */

/** The functions that can fail, as the WIT names them. */
export const FUNCTIONS = [
  ...["get", "set-status", "log", "flush", "set-progress", "update-result", "set-active-jobs"].map((name) => `current-task.${name}`),
  ...["next-task-id", "peek-next-task-id", "save", "get", "delete", "set-status", "append-logs", "update-result"].map((name) => `repository.${name}`),
  ...["set-active-jobs", "set-priority", "list-tasks", "list-users"].map((name) => `repository.${name}`),
];

const WITHOUT_PAYLOAD = ["not-found", "conflict"];
const WITH_TEXT = ["invalid-argument", "denied", "quota-exceeded", "unavailable", "internal"];

/** The calls of a run, counted. */
export class Faults {
  /** @type {Map<string, number>} */
  #counts = new Map();
  #total = 0;

  /** @param {Fault[]} faults @param {Cancel | undefined} cancel @param {() => void} ask what asks for the task to stop */
  constructor(faults, cancel, ask) {
    this.faults = faults.map(({ call, nth = 1, error }) => {
      if (!FUNCTIONS.includes(call)) throw new TypeError(`there is no call "${call}" that can fail; there are ${FUNCTIONS.join(", ")}`);
      if (!Number.isInteger(nth) || nth < 1) throw new TypeError(`nth is ${nth}, and must be a whole number from 1 on`);
      return { call, nth, payload: payloadOf(error) };
    });
    this.before = cancel !== undefined && "beforeCall" in cancel ? cancel.beforeCall : undefined;
    if (this.before !== undefined && (!Number.isInteger(this.before) || this.before < 1)) {
      throw new TypeError(`beforeCall is ${this.before}, and must be a whole number from 1 on`);
    }
    this.ask = ask;
  }

  /** Counts a call. Returns the error that it is to answer, if it is. @param {string} call @returns {ErrorPayload | undefined} */
  count(call) {
    this.#total += 1;
    if (this.#total === this.before) this.ask();
    const nth = (this.#counts.get(call) ?? 0) + 1;
    this.#counts.set(call, nth);
    return this.faults.find((fault) => fault.call === call && fault.nth === nth)?.payload;
  }
}

/** @param {FaultError} error @returns {ErrorPayload} */
function payloadOf(error) {
  const [tag, val] = typeof error === "string" ? [error, undefined] : (Object.entries(error)[0] ?? []);
  const isKnown =
    (val === undefined && WITHOUT_PAYLOAD.includes(String(tag))) ||
    (typeof val === "string" && WITH_TEXT.includes(String(tag))) ||
    (tag === "invalid-transition" && STATUSES.some((status) => status === val));
  if (!isKnown) throw new TypeError(`${JSON.stringify(error)} is no error of the interface`);
  return /** @type {ErrorPayload} */ (val === undefined ? { tag } : { tag, val });
}
