// What a plugin may do.

import { quoted } from "./values.js";

/**
 * The operations of the repository, as grants name them.
 *
 * | operation | calls |
 * |---|---|
 * | `read` | `get` |
 * | `write` | `save`, `setStatus`, `appendLogs`, `updateResult`, `setActiveJobs`, `setPriority` |
 * | `delete` | `delete` |
 * | `list` | `listTasks`, `listUsers` |
 * | `sequence` | `nextTaskId`, `peekNextTaskId` |
 * @typedef {"read" | "write" | "delete" | "list" | "sequence"} Operation
 */

/**
 * What a plugin may do through the repository: these operations, on tasks of these services that are also of these users.
 * @typedef {object} GrantsOptions
 * @property {string[] | undefined} [services] the service of the task, if absent
 * @property {string[] | undefined} [users] any, if absent
 * @property {Operation[] | undefined} [operations] `read`, `write` and `sequence`, if absent
 */

/** @type {readonly Operation[]} */
const OPERATIONS = ["read", "write", "delete", "list", "sequence"];

/** @type {readonly Operation[]} */
const USUAL = ["read", "write", "sequence"];

/** A call that the grants do not cover. */
export class Denied extends Error {}

export class Grants {
  /** @param {GrantsOptions} options @param {string} service of the task */
  constructor({ services, users, operations = [...USUAL] }, service) {
    const unknown = operations.find((operation) => !OPERATIONS.includes(operation));
    if (unknown !== undefined) throw new TypeError(`there is no operation "${unknown}"; there are ${OPERATIONS.join(", ")}`);
    this.services = services ?? [service];
    this.users = users;
    this.operations = operations;
  }

  /** @param {Operation} operation */
  permit(operation) {
    if (!this.operations.includes(operation)) throw new Denied(`operation "${operation}" is not granted`);
  }

  /** @param {string} service */
  permitService(service) {
    if (!this.services.includes(service)) throw new Denied(`service ${quoted(service)} is not granted`);
  }

  /** @param {string} user */
  permitUser(user) {
    if (this.users !== undefined && !this.users.includes(user)) throw new Denied(`user ${quoted(user)} is not granted`);
  }

  /** Why a task of this owner may not be touched, if so. @param {{ service: string, userId: string }} task */
  refusal({ service, userId }) {
    if (!this.services.includes(service)) return "the task's service is not granted";
    if (this.users !== undefined && !this.users.includes(userId)) return "the task's user is not granted";
    return undefined;
  }

  /** @param {{ service: string, userId: string }} task */
  check(task) {
    const refusal = this.refusal(task);
    if (refusal !== undefined) throw new Denied(refusal);
  }
}
