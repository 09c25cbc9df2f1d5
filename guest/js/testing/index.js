// Testing a plugin on the author's machine, without a host, a store or a network: `node --test` needs nothing else.
//
//     import assert from "node:assert/strict";
//     import { test } from "node:test";
//     import { runTask } from "task-state/testing";
//     import { run } from "../hello.js";
//
//     test("it greets the user", async () => {
//       const { status, logs } = await runTask(run, { userId: "alice" });
//       assert.equal(status, "completed");
//       assert.deepEqual(logs, ["hello, alice"]);
//     });

export { runTask } from "./run.js";

/** @typedef {import("./faults.js").Cancel} Cancel */
/** @typedef {import("./faults.js").Fault} Fault */
/** @typedef {import("./faults.js").FaultError} FaultError */
/** @typedef {import("./grants.js").GrantsOptions} GrantsOptions */
/** @typedef {import("./grants.js").Operation} Operation */
/** @typedef {import("./host.js").Progress} Progress */
/** @typedef {import("./run.js").Ended} Ended */
/** @typedef {import("./run.js").RunOptions} RunOptions */
