// What the double adds to the table of cases: how a test sets a run up, what it sees of it, and that runs do not meet.

import assert from "node:assert/strict";
import { test } from "node:test";

import { currentTask, input, parameter, progress, repository, sleep, TaskStateError } from "task-state";
import { runTask } from "task-state/testing";

test("a call outside of a run is an error, and no end of the process", async () => {
  assert.throws(() => currentTask.log("x"), /there is no task here: outside of a component a plugin is run by runTask of task-state\/testing/);
  const { status } = await runTask(() => void currentTask.log("x"));
  assert.equal(status, "completed");
  assert.throws(() => currentTask.log("x"), /there is no task here/);
});

test("a run has the task, parameters, input and neighbours that it is given", async () => {
  const { status, logs, task, get } = await runTask(
    (given) => {
      currentTask.log(`${given.taskId} ${given.service} ${given.userId} ${given.priority} ${parameter(given, "n", Number)}`);
      currentTask.log([...input.lines()].join("|"));
      currentTask.log(String(repository.get("other")?.logs.length));
      repository.appendLogs("other", ["b"]);
    },
    {
      taskId: "t1",
      service: "analytics",
      userId: "alice",
      priority: "high",
      parameters: '{"n": 7}',
      input: new TextEncoder().encode("x\ny"),
      tasks: [{ taskId: "other", service: "analytics", userId: "bob", logs: ["a"] }],
    },
  );
  assert.deepEqual([status, logs], ["completed", ["t1 analytics alice high 7", "x|y", "1"]]);
  assert.deepEqual([task?.taskId, task?.parametersText, get("other")?.logs.length, get("none")], ["t1", '{"n":7}', 2, undefined]);
});

test("every case of the interface can be made the answer of a call", async () => {
  const errors = /** @type {const} */ ([
    "not-found",
    "conflict",
    { "invalid-argument": "a" },
    { denied: "b" },
    { "invalid-transition": "completed" },
    { "quota-exceeded": "c" },
    { unavailable: "d" },
    { internal: "e" },
  ]);
  const { logs } = await runTask(
    () => {
      for (const _ of errors) {
        try {
          currentTask.flush();
        } catch (error) {
          assert.ok(error instanceof TaskStateError);
          currentTask.log(`${error.tag} ${error.val}: ${error.message}`);
        }
      }
    },
    { faults: errors.map((error, index) => ({ call: "current-task.flush", nth: index + 1, error })) },
  );
  assert.deepEqual(logs, [
    "not-found undefined: no such task",
    "conflict undefined: the task is not as the save's precondition wants it",
    "invalid-argument a: a",
    "denied b: denied: b",
    "invalid-transition completed: the task is completed and may not move to that status",
    "quota-exceeded c: quota exceeded: c",
    "unavailable d: the store is unavailable: d",
    "internal e: the store could not do it: e",
  ]);
});

test("a cancellation comes at a call or after a time", async () => {
  const run = async () => {
    while (!currentTask.cancelRequested()) await sleep(1);
    currentTask.log("seen");
  };
  for (const cancel of [{ beforeCall: 3 }, { after: 5 }]) {
    const { status, logs } = await runTask(run, { cancel });
    assert.deepEqual([status, logs], ["cancelled", ["seen"]]);
  }
});

test("a plugin that goes on after its task is gone is stopped at its next call", async () => {
  let reached = false;
  const { status, task } = await runTask(
    (given) => {
      repository.delete(given.taskId);
      currentTask.flush();
      reached = true;
    },
    { grants: { operations: ["delete"] } },
  );
  assert.deepEqual([status, task, reached], ["cancelled", undefined, false]);
});

test("what a test cannot mean is refused", async () => {
  const nothing = () => {};
  for (const [options, text] of /** @type {[any, RegExp][]} */ ([
    [{ faults: [{ call: "current-task.logs", error: "conflict" }] }, /there is no call "current-task\.logs" that can fail/],
    [{ faults: [{ call: "current-task.cancel-requested", error: "conflict" }] }, /that can fail/],
    [{ faults: [{ call: "current-task.log", error: "denied" }] }, /"denied" is no error of the interface/],
    [{ faults: [{ call: "current-task.log", error: { "invalid-transition": "done" } }] }, /no error of the interface/],
    [{ faults: [{ call: "current-task.log", nth: 0, error: "conflict" }] }, /nth is 0, and must be a whole number from 1 on/],
    [{ cancel: { beforeCall: 1.5 } }, /beforeCall is 1.5/],
    [{ grants: { operations: ["reed"] } }, /there is no operation "reed"/],
    [{ taskId: "a:b" }, /invalid task id "a:b"/],
    [{ parameters: "[]" }, /invalid parameters "\[\]": it is not a JSON object/],
  ])) {
    await assert.rejects(runTask(nothing, options), text);
  }
  await assert.rejects(runTask(/** @type {any} */ ({ run: nothing })), /runTask takes the run of a plugin/);
});

test("causes are told once each, and what is thrown together is told whole", async () => {
  const circle = new Error("round");
  circle.cause = new Error("and", { cause: circle });
  const { logs } = await runTask(() => {
    throw circle;
  });
  assert.deepEqual(String(logs[0]).match(/^(?:caused by )?Error: .*$/gm), ["Error: round", "caused by Error: and"]);
  const both = await runTask(() => Promise.any([Promise.reject(new Error("one")), Promise.reject(new Error("two"))]));
  assert.match(String(both.logs[0]), /^AggregateError: .*\n(?:.*\n)* {2}- Error: one\n(?:.*\n)* {2}- Error: two\n/);
});

test("what is printed is output, and its end is kept in the result", async () => {
  const { output, result } = await runTask(() => {
    console.log("to one", { a: 1 });
    console.error("to the other");
    process.stdout.write("as bytes");
  });
  assert.equal(output, "to one { a: 1 }\nto the other\nas bytes");
  assert.equal(result.launcherOutput, output);

  const long = await runTask(() => console.log(`é${"x".repeat(70_000)}é`));
  assert.equal(long.output.length, 70_003);
  assert.ok(long.result.launcherOutput?.startsWith("[4469 bytes of earlier output were cut]\nxxx"), long.result.launcherOutput?.slice(0, 60));

  const own = await runTask(() => {
    console.log("printed");
    currentTask.updateResult({ launcherOutput: "set" });
  });
  assert.equal(own.result.launcherOutput, "set");
});

test("progress is told as the loop goes, and at its end", async () => {
  const { progress: told } = await runTask(() => {
    for (const _ of progress(new Set(["a", "b", "c"]), { note: (item) => `at ${item}` }));
  });
  assert.deepEqual(told, { done: 3, total: 3, note: "at a" });

  const broken = await runTask(() => {
    for (const item of progress([1, 2, 3])) if (item === 3) break;
  });
  assert.deepEqual(broken.progress, { done: 2, total: 3, note: undefined });

  const more = await runTask(() => {
    for (const _ of progress([1, 2], { total: 1 }));
  });
  assert.deepEqual(more.progress, { done: 2, total: undefined, note: undefined });

  const empty = await runTask(() => {
    for (const _ of progress([]));
  });
  assert.deepEqual(empty.progress, { done: 0, total: 0, note: undefined });
  assert.throws(() => progress(/** @type {any} */ (7)), /items is 7, and must be something to iterate over/);
});

test("a loop goes on when its progress is refused", async () => {
  const faults = [{ call: "current-task.set-progress", error: { unavailable: "away" } }];
  const { status, logs } = await runTask(async () => {
    for (const item of progress(["a", "b"])) currentTask.log(item);
    for await (const item of progress(["c"])) currentTask.log(item);
  }, { faults });
  assert.deepEqual([status, logs], ["completed", ["a", "b", "c"]]);
  const long = await runTask(() => {
    for (const item of progress(["a"], { note: "x".repeat(2_000) })) currentTask.log(item);
  });
  assert.deepEqual([long.status, long.logs], ["completed", ["a"]]);
  const wrong = await runTask(() => {
    for (const _ of progress(["a"], { total: 1.5 }));
  });
  assert.match(String(wrong.logs[0]), /^TypeError: total is 1.5/);
});

test("runs side by side do not see one another", async () => {
  const run = async (/** @type {import("task-state").TaskRecord} */ task) => {
    for (let turn = 0; turn < 3; turn += 1) {
      console.log(`${task.userId} ${turn}`);
      currentTask.log(`${task.userId} ${turn}`);
      await sleep(1);
    }
    if (task.userId === "u1") setTimeout(() => {}, 60_000);
  };
  const all = await Promise.all([0, 1, 2].map((number) => runTask(run, { userId: `u${number}` })));
  for (const [number, { status, logs, output }] of all.entries()) {
    const lines = [0, 1, 2].map((turn) => `u${number} ${turn}`);
    assert.equal(status, number === 1 ? "failed" : "completed");
    assert.deepEqual(logs.slice(0, 3), lines);
    assert.equal(output, lines.map((line) => `${line}\n`).join(""));
  }
});

test("a run leaves the process as it was", async () => {
  const globals = () => [setTimeout, setInterval, clearTimeout, queueMicrotask, console.log, process.stdout.write, process.listeners("unhandledRejection").length];
  const before = globals();
  await runTask(async () => {
    Promise.reject(new Error("left behind"));
    await sleep(1);
  });
  assert.deepEqual(globals(), before);
});
