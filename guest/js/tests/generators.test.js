// Generators in components, which are lowered when they are built, next to those of Node, which are not.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { play, skipHost } from "./places.js";

const PLUGIN = fileURLToPath(new URL("plugins/generators.js", import.meta.url));

for (const engine of /** @type {const} */ (["quickjs", "starlingmonkey"])) {
  describe(`on ${engine}`, { skip: skipHost }, () => {
    test("generators do what they do in Node, and in the same order", async () => {
      const [here, there] = await Promise.all([play("the author's machine", PLUGIN), play(engine, PLUGIN)]);
      assert.equal(here.status, "completed", here.logs.join("\n"));
      assert.ok(here.logs.length > 15);
      assert.deepEqual(there.logs, here.logs);
      assert.equal(there.status, "completed");
    });

    test("a plain iterable that an async generator walks over is closed when it is left", async () => {
      const { logs } = await play(engine, PLUGIN, { parameters: { programs: "later" } });
      const item = (/** @type {unknown} */ value) => ["next", { value, done: false }];
      const end = ["outer closed", ["next", { done: true }], ["next", { done: true }]];
      const refused = [["outer caught", "a TypeError"], ["throw", { value: "caught", done: false }], ...end];
      const asked = ["next", 1, null];
      assert.deepEqual(logs.map((entry) => JSON.parse(entry.slice(entry.indexOf(": ") + 2))), [
        [asked, item(1), "return", ...refused, asked, item(1), "return", ...refused, item(1), ...refused, null],
        [asked, "return", ["outer caught", "rejected"], item("caught"), ...end.slice(0, 2), null],
      ]);
    });

    test("what a generator throws where it returns has the place that it has in a function", async () => {
      const places = async (/** @type {string} */ programs) => {
        const { status, logs } = await play(engine, PLUGIN, { parameters: { programs } });
        assert.equal(status, "failed");
        return [...String(logs.at(-1)).matchAll(/generators\.js:(\d+):(\d+)/g)].map(([, line, column]) => [Number(line), Number(column)]);
      };
      const [thrown, called] = await places("in a function");
      const [sameThrown, sameCalled] = await places("in a generator");
      assert.ok(thrown !== undefined && called !== undefined);
      assert.deepEqual(sameThrown, thrown);
      // One line below, and one character to the right.
      assert.deepEqual(sameCalled, [Number(called[0]) + 1, Number(called[1]) + 1]);
    });
  });
}
