// The examples, natively and on the host.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { component, play, playOnHost, skipHost } from "./places.js";

const example = (/** @type {string} */ name) => fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
const CSV_PROFILE = example("csv-profile/csv-profile.ts");

/** Where the examples run; csv-profile needs classes of Unicode in its regular expressions, which StarlingMonkey lacks. */
const PLACES = /** @type {const} */ (["the author's machine", "quickjs"]);

const CITIES = "city,people,,note\n서울,9411000,1.5,\"two\nlines\"\nZürich,+443000,n/a,\nAachen,,2,a text that is a good deal wider than a cell may be\n";

for (const place of PLACES) {
  describe(`on ${place}`, { skip: place !== "the author's machine" && skipHost }, () => {
    /** @param {string | Uint8Array} input @param {Record<string, any>} [parameters] */
    const profile = (input, parameters = {}) => play(place, CSV_PROFILE, { input, parameters });

    for (const name of ["quickstart.js", "quickstart.ts"]) {
      test(`${name} completes`, async () => {
        const { status, logs } = await play(place, example(name));
        assert.deepEqual([status, logs], ["completed", []]);
      });
    }

    test("quickstart fails where its service is not granted", async () => {
      const { status, logs } = await play(place, example("quickstart.js"), { service: "sync" });
      assert.equal(status, "failed");
      assert.match(String(logs.at(-1)), /^TaskStateError: denied: service "analytics" is not granted\n/);
    });

    test("csv-profile prints a table and tells how far it is", async () => {
      const { status, logs, output } = await profile(CITIES, { log_every: 2 });
      assert.deepEqual([status, logs], ["completed", ["profiling 4 columns", "2 rows, line 4", "profiled 3 rows"]]);
      assert.equal(
        output?.trimEnd(),
        [
          "3 rows, 4 columns",
          "column      kind    count  empty  distinct                       min        max     mean",
          "city        text        3      0         3                    Aachen       서울",
          "people      number      2      1         2                   +443000    9411000  4927000",
          "(column 3)  mixed       3      0         3                       1.5          2     1.75",
          "note        text        2      1         2  a text that is a good d…  two·lines",
        ].join("\n"),
      );
    });

    test("csv-profile prints JSON with every digit", async () => {
      const { output } = await profile("id,n\n12345678901234567890,+7\n1,\n", { format: "json" });
      const column = (/** @type {string} */ rest) => `{"name":${rest}}`;
      assert.equal(
        output?.trimEnd(),
        `{"rows":2,"columns":[${column('"id","kind":"number","count":2,"empty":0,"distinct":2,"distinct_is_exact":true,"numbers":2,"min":1,"max":12345678901234567890,"mean":6.172839450617284e+18')},` +
          `${column('"n","kind":"number","count":1,"empty":1,"distinct":1,"distinct_is_exact":true,"numbers":1,"min":7.0,"max":7.0,"mean":7.0')}]}`,
      );
    });

    test("csv-profile names the line of what is no CSV, and the parameter that it does not know", async () => {
      for (const [input, parameters, text] of /** @type {[string | Uint8Array, Record<string, any>, string][]} */ ([
        ["", {}, "the input is empty; it starts with a row of column names"],
        ["a,b\r\n1,2\r\n1,2,3", {}, "line 3: the row has 3 fields, but there are 2 columns"],
        ["a,b\n1,2\n3,\"4\n5,6\n", {}, "line 3: a quote is opened in this row and never closed"],
        [new Uint8Array([0x61, 0x2c, 0x62, 0x0a, 0x0a, 0x33, 0x2c, 0xb0, 0x0a]), {}, "line 3: field 2 is not UTF-8 text"],
        [`a\n1\n${"x".repeat(1_100_000)}\n2\n`, {}, "line 3: the row is longer than 1048576 bytes; perhaps a quote is not closed"],
        ["a", { format: "xml" }, 'the parameter "format" is "xml": it is one of table, json'],
        ["a", { log_every: 0 }, 'the parameter "log_every" is 0: number would be zero for non-zero type'],
        ["a", { log_every: "x" }, 'the parameter "log_every" is "x": invalid digit found in string'],
      ])) {
        const { status, logs } = await profile(input, parameters);
        assert.deepEqual([status, logs.at(-1)], ["failed", text]);
      }
    });
  });
}

test("quickstart leaves a completed task with three entries", async () => {
  const { runTask } = await import("task-state/testing");
  const { run } = await import("../examples/quickstart.js");
  const task = (await runTask(run, { service: "analytics" })).get("external-1");
  assert.equal(task?.status, "completed");
  assert.deepEqual(task?.logs.map((entry) => entry.replace(/^[^,]*,/, "")), ["worker started", "processed input payload", "worker finished"]);
});

test("csv-profile profiles a file of many pieces as it does one of a few", { skip: skipHost }, async () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => `${index},"name, ${index % 7}",${index / 8}\n`).join("");
  const parameters = { format: "json" };
  const input = `id,name,part\n${rows}`;
  assert.ok(input.length > 2 ** 18);
  const here = await play("the author's machine", CSV_PROFILE, { input, parameters });
  const there = await playOnHost(await component(CSV_PROFILE, "quickjs"), { input, parameters });
  assert.equal(there.output?.trimEnd(), here.output?.trimEnd());
  assert.match(String(there.output), /^\{"rows":20000,/);
});

test("the sample of the other examples is profiled", async () => {
  const sample = readFileSync(new URL("../../examples/csv-profile/sample.csv", import.meta.url), "utf8");
  const { status, output } = await play("the author's machine", CSV_PROFILE, { input: sample });
  assert.equal(status, "completed");
  assert.match(String(output), /^35 rows, 7 columns\n/);
});
