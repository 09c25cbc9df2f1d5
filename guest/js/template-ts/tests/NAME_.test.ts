import assert from "node:assert/strict";
import { test } from "node:test";

import { runTask } from "task-state/testing";

import { run } from "../NAME_.ts";

test("it greets the user and counts the lines", async () => {
  const { status, logs, output, progress } = await runTask(run, {
    userId: "alice",
    parameters: { greeting: "good morning" },
    input: "one\ntwo\nthree",
  });
  assert.equal(status, "completed");
  assert.deepEqual(logs, ["good morning, alice", "3 lines"]);
  assert.equal(output, "3 characters\n3 characters\n5 characters\n");
  assert.equal(progress?.done, 3);
});

test("it stops when it is asked to", async () => {
  const { status, logs } = await runTask(run, { input: "one\ntwo", cancel: { beforeCall: 2 } });
  assert.equal(status, "cancelled");
  assert.deepEqual(logs, ["hello, tester"]);
});

test("it fails when its log cannot be written", async () => {
  const { status, logs } = await runTask(run, { faults: [{ call: "current-task.log", error: { unavailable: "away" } }] });
  assert.equal(status, "failed");
  assert.match(String(logs.at(-1)), /^TaskStateError: the store is unavailable: away/);
});
