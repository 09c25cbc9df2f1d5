// What a plugin may rely on, wherever it runs: on the author's machine, on QuickJS and on StarlingMonkey the same.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { play, PLACES, skipHost } from "./places.js";

const PLUGIN = fileURLToPath(new URL("plugins/behaviour.js", import.meta.url));

/** A place in the plugin. */
const AT = /behaviour\.js:\d+:\d+/;

/**
 * @param {import("./places.js").Place} place
 * @param {string} name
 * @param {import("./places.js").Playing} [playing]
 */
function playCase(place, name, playing) {
  return play(place, PLUGIN, { ...playing, parameters: { case: name, ...playing?.parameters } });
}

/** The entries of a run that has to complete, each as the JSON that it is. @param {Pick<import("./places.js").Played, "status" | "logs">} played */
function told({ status, logs }) {
  assert.equal(status, "completed", logs.join("\n"));
  return logs.map((entry) => JSON.parse(entry));
}

/**
 * A run that has to fail, and the text of its failure.
 * @param {import("./places.js").Played} played
 */
function failure({ status, logs }) {
  assert.equal(status, "failed", logs.join("\n"));
  return String(logs.at(-1));
}

for (const place of PLACES) {
  describe(`on ${place}`, { skip: place !== "the author's machine" && skipHost }, () => {
    const run = (/** @type {string} */ name, /** @type {import("./places.js").Playing | undefined} */ playing = undefined) => playCase(place, name, playing);

    test("a run that returns is completed without an entry or output", async () => {
      const { status, logs, output } = await run("nothing");
      assert.deepEqual([status, logs, output], ["completed", [], null]);
    });

    test("an error fails the task with its name, message, place and causes", async () => {
      const text = failure(await run("throws at once"));
      assert.match(text, /^RangeError: at once\n {4}at .*behaviour\.js:\d+:\d+/);
      assert.match(text, /\ncaused by Error: the cause\n {4}at .*behaviour\.js:\d+:\d+/);
    });

    test("an error after the first await fails the task with message and place", async () => {
      assert.match(failure(await run("throws late")), /^TypeError: too late\n {4}at .*behaviour\.js:\d+:\d+/);
    });

    test("a failure fails the task with its text and that of its causes alone", async () => {
      assert.equal(failure(await run("throws a failure")), "line 3 is broken: no comma");
    });

    test("what is thrown and is no error is told", async () => {
      assert.equal(failure(await run("throws a text")), "just a text");
      assert.equal(failure(await run("throws an object")), "run threw { code: 7 }");
    });

    test("a refused call that nobody catches fails the task with the refusal", async () => {
      const text = failure(await run("throws a refusal"));
      assert.match(text, /^TaskStateError: denied: service "elsewhere" is not granted\n {4}at /);
    });

    test("an error that nobody can catch fails the task at once", async () => {
      assert.match(failure(await run("throws in a timer")), /^Error: in a timer\n/);
      const played = await run("throws in a microtask");
      assert.match(failure(played), /^Error: in a microtask\n/);
      assert.equal(played.logs[0], '"after it"');
    });

    test("a run that waits for what nothing will bring fails and says where", async () => {
      const text = failure(await run("never settles"));
      assert.match(text, /^run never settles: it waits for a promise that nothing is left to resolve\n/);
      assert.match(text, /async function.*wait.*:\n {4,}.*behaviour\.js:\d+:\d+/);
    });

    test("a run that waits for a timer for ever is ended by the host's limit of time", { skip: place === "the author's machine" && "it has no such limit" }, async () => {
      assert.equal(failure(await run("waits for ever", { flags: ["--time-limit", "1s"] })), "wall-clock limit of 1s exceeded");
    });

    test("a run that leaves a call of an async function behind fails and says which", async () => {
      const text = failure(await run("leaves a call"));
      assert.match(text, /^run returned and left work undone/);
      assert.match(text, /1 call of an async function that has not settled:\n {4}slow .*behaviour\.js:\d+:\d+/);
      assert.match(text, /1 timer that is still to come:\n {4}.*behaviour\.js:\d+:\d+/);
      assert.match(failure(await run("leaves a stuck call")), /1 call of an async function that has not settled:\n {4}stuck /);
    });

    test("a run that leaves a timer behind fails and says where it was set", async () => {
      const text = failure(await run("leaves a timer"));
      assert.match(text, /1 timer that is still to come:\n {4}.*behaviour\.js:\d+:\d+\)?$/);
    });

    test("a run that leaves a rejection behind fails and says which", async () => {
      const text = failure(await run("leaves a rejection"));
      assert.match(text, /1 rejection that nobody has handled:\n {4}Error: nobody cares\n/);
      assert.match(text, AT);
      assert.match(failure(await run("leaves a rejected call")), /1 rejection that nobody has handled:\n {4}TypeError: too late\n/);
    });

    test("a run that was asked to stop may leave work behind", async () => {
      // However slow the machine is, it ends before its grace does.
      const { status, logs } = await run("leaves a call when it was asked to stop", { flags: ["--grace", "10m"] });
      assert.deepEqual([status, logs], ["cancelled", []]);
    });

    test("what comes to its end at once, what nobody resolves and what is handled late is no work left undone", async () => {
      for (const [name, entries] of /** @type {const} */ ([
        ["lets a call end at once", ["in time"]],
        ["leaves a mere promise", []],
        ["handles a rejection late", ["handled"]],
        ["clears its timers", []],
      ])) {
        const { status, logs } = await run(name);
        assert.deepEqual([name, status, logs], [name, "completed", entries]);
      }
    });

    test("promises, timers and async iteration come in their order", async () => {
      assert.deepEqual(told(await run("async")), [
        ["at once", "microtask", "promise", "timer", 1, 2, 3, "fast", 1, 2, 3],
        ["rejected", "fulfilled"],
        "any",
        "finally",
        "too late",
        [true, true, "Promise"],
        3,
      ]);
    });

    test("an async function may call itself five hundred deep before it waits", async () => {
      assert.deepEqual(told(await run("calls itself deep")), [500]);
    });

    test("text is encoded and decoded, and there are random values, a clock and the time", async () => {
      const [bytes, text, broken, refused, ...rest] = told(await run("globals"));
      assert.deepEqual(bytes, [0x61, 0xc3, 0xa9, 0xec, 0x84, 0x9c, 0xf0, 0x9f, 0xa6, 0x80, 0xef, 0xbf, 0xbd]);
      assert.deepEqual([text, broken, refused], ["aé서🦀\ufffd", "a\ufffd\ufffdA\ufffd", "TypeError"]);
      assert.deepEqual(rest, [
        [4, true, true],
        [49_995_000, true, true],
        [false, true],
      ]);
    });

    test("no two runs have the same random numbers", async () => {
      const [first, second] = [await run("random"), await run("random")];
      assert.equal(first.status, "completed");
      assert.notDeepEqual(first.logs, second.logs);
    });

    test("what is printed is the same wherever it is printed", async () => {
      const { output } = await run("console");
      const here = await playCase("the author's machine", "console");
      assert.equal(output?.trimEnd(), here.output?.trimEnd());
      for (const line of [
        "a text 1 -0 2n null undefined true Symbol(s)",
        "{ a: 1, 'b-c': [ 'x', \"it's\" ], d: { e: { f: { g: [Object] } } } }",
        "[ 1, [ 2, [ 3 ] ], [], {} ] Map(1) { 'k' => { v: 1 } } Set(2) { 1, 'two' }",
        "half is 50% of { all: 100 } and more",
        "1970-01-01T00:00:00.000Z /re/g [Function (anonymous)] [class Named] Uint8Array(2) [ 1, 2 ]",
        "to standard error",
        "a group\n  inside\n  of it",
        "Assertion failed: one is less",
        "default: 2",
        "(index)  a   b\n0        1   'x'\n1        22",
        "{ name: 'circle', self: [Circular *1] }",
      ]) {
        assert.ok(output?.includes(`${line}\n`) || output?.endsWith(line), `${line}\nis not in\n${output}`);
      }
    });

    test("an error that is printed shows its place", async () => {
      const { output } = await run("console of an error");
      assert.match(String(output), /^TypeError: shown\n {4}at .*behaviour\.js:\d+:\d+/);
    });

    test("standard input comes as lines, text or bytes", async () => {
      const lines = (/** @type {string | Uint8Array | undefined} */ input) => run("lines", input === undefined ? {} : { input }).then(told);
      assert.deepEqual(await lines("one\r\ntwo\n\n서울"), ["one", "two", "", "서울"]);
      assert.deepEqual(await lines(undefined), []);
      assert.deepEqual(await lines("\ufeffa\rb\n"), ["a\rb"]);
      const long = "é".repeat(50_000);
      assert.deepEqual(await lines(`${long}\n${long}`), [long, long]);
      assert.deepEqual(told(await run("text", { input: new Uint8Array([0x61, 0xff, 0x0a, 0x62]) })), ["a\ufffd\nb"]);
      assert.deepEqual(told(await run("bytes", { input: new Uint8Array(200_000).fill(7) })), [[200_000, true, 7], []]);
      assert.deepEqual(told(await run("bytes")), [[0, true, null], []]);
    });

    test("a refused call throws the case and the payload of the interface", async () => {
      assert.deepEqual(told(await run("errors")), [
        true,
        ["TaskStateError", "invalid-argument", 'invalid task id "": it is empty', true],
        ["TaskStateError", "not-found", null, true],
        ["TaskStateError", "denied", 'service "elsewhere" is not granted', true],
        ["TaskStateError", "denied", 'operation "list" is not granted', true],
        ["TaskStateError", "invalid-transition", "running", true],
        ["TaskStateError", "conflict", null, true],
        ["TaskStateError", "quota-exceeded", "300000 bytes are more than the quota of 256 KiB for one log entry", true],
      ]);
    });

    test("an argument of the wrong type is named with its value, and the run goes on", async () => {
      const { status, logs } = await run("arguments");
      const answers = told({ status, logs: logs.slice(0, -2) });
      assert.deepEqual(
        answers.map(([name, message]) => `${name}: ${message}`),
        [
          "TypeError: message is 42, and must be a string",
          "TypeError: message is undefined, and must be a string",
          'TypeError: status is "done", and must be one of pending, dispatching, running, completed, failed, cancel-requested, cancelled',
          'TypeError: jobs is "job", and must be a list of strings',
          "TypeError: jobs[1] is 1, and must be a string",
          "TypeError: done is -1, and must be a whole number from 0 to 2^53 - 1, or a bigint to 2^64 - 1",
          "TypeError: done is 1.5, and must be a whole number from 0 to 2^53 - 1, or a bigint to 2^64 - 1",
          'TypeError: the result has no field "podstatus"; it may have podStatus, launcherOutput',
          "TypeError: taskId is 7, and must be a string",
          "TypeError: userId is undefined, and must be a string",
          'TypeError: priority is "urgent", and must be one of high, low',
          'TypeError: onlyIf is "always", and must be "absent" or { unchangedSince }',
          'TypeError: priority is "urgent", and must be one of high, low',
          "TypeError: priority is undefined, and must be one of high, low",
          'TypeError: the scope is {"ids":["1"],"user":"a"}, and must be of ids, or of a service and a user',
          "TypeError: limit is 1099511627776, and must be a whole number from 1 to 1000",
        ],
      );
      assert.deepEqual(logs.slice(-2), ["a lone surrogate: \ufffd", '"running"']);
    });

    test("records come as objects, and go back", async () => {
      const big = "123456789012345678901234567890";
      const parameters = { big, case: "records", none: null };
      const [task, number, isAbsent, saved, ...rest] = told(await run("records", { parameters: /** @type {any} */ (parameters) }));
      assert.match(task.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+09:00$/);
      const { createdAt, updatedAt, ...fields } = task;
      assert.deepEqual(fields, {
        taskId: "1",
        service: "analytics",
        userId: "alice",
        status: "running",
        parameters,
        activeJobs: [],
        logs: [],
        result: {},
        priority: "low",
      });
      assert.deepEqual([number, isAbsent], [big, true]);
      assert.deepEqual(saved, [{ n: [1, null] }, '{"n":[1,null]}', ["no time"], { podStatus: "up" }, "pending", "low"]);
      assert.deepEqual(rest, [
        true,
        ["pending", "pending", "pending"],
        ["pending", "low", "pending"],
        "completed",
        [["no time", "a", "b", "done"], ["j"], { podStatus: "up", launcherOutput: "out" }, "high"],
        ["running", "running", { podStatus: "own" }, false],
        true,
      ]);
    });

    test("tasks are listed in pages or walked over", async () => {
      const operations = /** @type {const} */ (["read", "write", "list", "delete"]);
      assert.deepEqual(told(await run("listing", { operations: [...operations] })), [
        [["9", "10"], "10"],
        [["b"]],
        ["9", "10", "b"],
        ["9"],
        ["alice", "dave"],
        [true, false],
      ]);
    });

    test("what the engine alone brings is driven as well", { skip: place === "quickjs" && "it brings nothing" }, async () => {
      assert.deepEqual(told(await run("the engine's own")), ["ba7816bf", "https://example.org/b", [1, 2], "AbortError", ["promise", "timer"]]);
    });

    test("the items of a loop come as they are while their progress is told", async () => {
      const whole = await run("progress");
      assert.deepEqual(told(whole), ["a", "b", 1, 2, 3]);
      const broken = await run("progress that breaks off");
      assert.equal(broken.status, "completed");
      const none = await run("progress of nothing");
      assert.equal(none.status, "completed");
      assert.deepEqual(told(await run("progress that is refused")), [1, 2]);
      if (place === "the author's machine") return;
      assert.match(whole.printed, /^progress 3 of 3 \(100 %\), numbers$/m);
      assert.match(broken.printed, /^progress 2 of 3 \(66 %\)$/m);
      assert.match(none.printed, /^progress 0 of 0/m);
    });
  });
}
