// The double passes the table of cases that the host passes, played through the SDK.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { currentTask, Failure, logEntry, repository, TaskStateError } from "task-state";
import { runTask } from "task-state/testing";

const FOLDER = process.env.TASK_STATE_CASES ?? fileURLToPath(new URL("../../../tests/cases", import.meta.url));

/** Reads JSON; numbers that a JavaScript number does not hold become bigints. @param {string} text */
function readExact(text) {
  const marked = text.replace(/("(?:[^"\\]|\\.)*")|(-?\d{16,})(?![\d.eE])/g, (_, string, digits) => string ?? `{"$bigint":"${digits}"}`);
  return JSON.parse(marked, (_, value) => (typeof value?.$bigint === "string" ? BigInt(value.$bigint) : value));
}

/** The text of a value, with bigints as they are. @param {any} value @returns {string} */
function writeExact(value) {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(writeExact).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${writeExact(item)}`).join(",")}}`;
}

/** @param {string} name */
const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

/** @param {any} draft */
function toDraft(draft) {
  const fields = Object.entries(draft).map(([name, value]) => [camel(name), value ?? undefined]);
  const made = Object.fromEntries(fields);
  if (typeof made.parameters === "object") made.parameters = writeExact(made.parameters);
  if (made.result !== undefined) made.result = toResult(made.result);
  return made;
}

/** @param {any} result */
function toResult(result) {
  return Object.fromEntries(Object.entries(result).map(([name, value]) => [camel(name), value ?? undefined]));
}

/** @param {any} scope */
function toScope(scope) {
  if (scope === "all") return {};
  if ("service-user" in scope) return { service: scope["service-user"][0], user: scope["service-user"][1] };
  return scope;
}

/** @param {any} onlyIf */
function toPrecondition(onlyIf) {
  if (onlyIf === undefined || onlyIf === "none") return undefined;
  return onlyIf === "absent" ? "absent" : { unchangedSince: onlyIf["unchanged-since"] };
}

/** What each call of the table is in the SDK. @type {Record<string, (args: any) => any>} */
const CALLS = {
  "current-task.get": () => currentTask.get(),
  "current-task.set-status": (args) => currentTask.setStatus(args.status, args["log-entry"]),
  "current-task.log": (args) => currentTask.log(args.message),
  "current-task.flush": () => currentTask.flush(),
  "current-task.set-progress": (args) => currentTask.setProgress(args.done, args.total, args.note),
  "current-task.update-result": (args) => currentTask.updateResult(toResult(args.change)),
  "current-task.set-active-jobs": (args) => currentTask.setActiveJobs(args.jobs),
  "current-task.cancel-requested": () => currentTask.cancelRequested(),
  "repository.next-task-id": () => repository.nextTaskId(),
  "repository.peek-next-task-id": () => repository.peekNextTaskId(),
  "repository.save": (args) => repository.save(toDraft(args.task), toPrecondition(args["only-if"])),
  "repository.get": (args) => {
    const task = repository.get(args["task-id"]);
    if (task === undefined) throw new TaskStateError({ tag: "not-found" });
    return task;
  },
  "repository.delete": (args) => repository.delete(args["task-id"]),
  "repository.set-status": (args) => repository.setStatus(args["task-id"], args.status, args["log-entry"]),
  "repository.append-logs": (args) => repository.appendLogs(args["task-id"], args.messages),
  "repository.update-result": (args) => repository.updateResult(args["task-id"], toResult(args.change)),
  "repository.set-active-jobs": (args) => repository.setActiveJobs(args["task-id"], args.jobs),
  "repository.set-priority": (args) => repository.setPriority(args["task-id"], args.priority),
  "repository.list-tasks": (args) => repository.listTasks(toScope(args.scope), { limit: args.limit, cursor: args.cursor ?? undefined }),
  "repository.list-users": (args) => repository.listUsers(args.service),
};

/**
 * Puts the texts that stand for others in their places.
 * @param {any} value
 * @param {Map<string, string>} seen the times of the last records that were read
 * @returns {any}
 */
function resolved(value, seen) {
  if (Array.isArray(value)) return value.map((item) => resolved(item, seen));
  if (typeof value !== "object" || value === null) return value;
  if (value.$repeat !== undefined) {
    const [before, text, times, after] = value.$repeat;
    return before + text.repeat(times) + after;
  }
  if (value["$updated-at"] !== undefined) return seen.get(value["$updated-at"]);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolved(item, seen)]));
}

/**
 * Compares what is with what the table wants: of an object the fields that are named.
 * @param {any} actual
 * @param {any} wanted
 * @param {string} where
 */
function compare(actual, wanted, where) {
  if (wanted === "*") assert.equal(typeof actual, "string", where);
  else if (Array.isArray(wanted)) {
    assert.equal(actual?.length, wanted.length, `${where} has another length: ${JSON.stringify(actual)}`);
    wanted.forEach((item, index) => compare(actual[index], item, `${where}[${index}]`));
  } else if (typeof wanted === "object" && wanted !== null) {
    for (const [name, value] of Object.entries(wanted)) compareField(actual, name, value, where);
  } else assert.deepEqual(actual ?? null, wanted, where);
}

/** @param {any} actual @param {string} name @param {any} wanted @param {string} where */
function compareField(actual, name, wanted, where) {
  const place = `${where}.${name}`;
  if (name === "logs") {
    compare(actual.logs.map((/** @type {string} */ entry) => logEntry(entry).message), wanted, place);
  } else if (name === "parameters") {
    if (typeof wanted === "string") assert.equal(actual.parametersText, wanted, place);
    else assert.deepEqual(readExact(actual.parametersText), wanted, place);
  } else compare(actual?.[camel(name)], wanted, place);
}

/** An error as the table spells it. @param {TaskStateError} error */
function spelled({ payload }) {
  return "val" in payload ? { [payload.tag]: payload.val } : payload.tag;
}

/** @param {any} given one case */
async function play(given) {
  /** @type {Map<string, string>} */
  const seen = new Map();
  /** @type {unknown} */
  let mistake;
  const run = () => {
    for (const [index, step] of given.steps.entries()) {
      try {
        playStep(step, `step ${index + 1}, ${step.call}`, seen);
      } catch (error) {
        mistake ??= error;
      }
    }
    if (given.end !== undefined) throw new Failure(resolved(given.end.error, seen));
  };
  const { task, grants, tasks, faults, cancel } = given;
  const ended = await runTask(run, {
    ...toDraft(task),
    ...(grants !== undefined && { grants }),
    ...(tasks !== undefined && { tasks: resolved(tasks, seen).map(toDraft) }),
    ...(faults !== undefined && { faults }),
    ...(cancel !== undefined && { cancel: { beforeCall: cancel["before-call"] } }),
  });
  if (mistake !== undefined) throw mistake;
  for (const wanted of resolved(given.records ?? [], seen)) {
    const { "task-id": id, absent, progress, ...fields } = wanted;
    const record = ended.get(id);
    if (absent) {
      assert.equal(record, undefined, `the record of ${id}`);
      continue;
    }
    assert.notEqual(record, undefined, `there is no record of ${id}`);
    compare(record, fields, `the record of ${id}`);
    if (progress !== undefined) compare(ended.progress, progress, "the progress");
  }
}

/** @param {any} step @param {string} where @param {Map<string, string>} seen */
function playStep(step, where, seen) {
  const call = CALLS[step.call];
  assert.notEqual(call, undefined, `the table has a call that the SDK has not: ${step.call}`);
  const args = resolved(step.args ?? {}, seen);
  let answer;
  try {
    answer = call?.(args);
  } catch (error) {
    if (!(error instanceof TaskStateError)) throw error;
    assert.notEqual(step.error, undefined, `${where} failed: ${error.message}`);
    compareError(spelled(error), step.error, where);
    return;
  }
  assert.equal(step.error, undefined, `${where} did not fail`);
  if (typeof answer?.updatedAt === "string") seen.set(answer.taskId, answer.updatedAt);
  if ("ok" in step) compare(answer, resolved(step.ok, seen), where);
}

/** @param {any} actual @param {any} wanted @param {string} where */
function compareError(actual, wanted, where) {
  if (typeof wanted === "string") {
    assert.equal(actual, wanted, where);
    return;
  }
  const [tag] = Object.keys(wanted);
  assert.deepEqual(Object.keys(actual), [tag], where);
  compare(actual[String(tag)], wanted[String(tag)], where);
}

const isThere = existsSync(FOLDER);

test("the table of cases is there", { skip: !isThere && !process.env.CI && `there is no ${FOLDER}` }, () => {
  assert.ok(isThere, FOLDER);
});

for (const file of isThere ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : []) {
  describe(`the cases of ${file}`, () => {
    for (const given of readExact(readFileSync(join(FOLDER, file), "utf8"))) test(given.name, () => play(given));
  });
}
