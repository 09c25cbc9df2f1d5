// What the page's modules promise without a browser.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

/** Waits until what can go on without a timer has done so. */
const settled = () => new Promise(setImmediate);

const page = (name) => import(join(import.meta.dirname, "../../host/serve/src/http/page", name));

const STREAM = [
  ": a comment\n",
  "retry: 2000\n\n",
  "event: entries\nid: 7\ndata: {\"start\":0,\ndata:  \"entries\":[]}\n\n",
  "event: status\r\ndata: {\"status\":\"running\"}\r\n\r\n",
  "id: é✓😀\ndata:x\n\n",
  "event: nothing\n\n",
  "data: never whole",
].join("");

const EVENTS = [
  { name: "message", data: null, id: null, retry: 2000 },
  { name: "entries", data: '{"start":0,\n "entries":[]}', id: "7", retry: null },
  { name: "status", data: '{"status":"running"}', id: null, retry: null },
  { name: "message", data: "x", id: "é✓😀", retry: null },
];

test("events are the same in whatever pieces they come", async () => {
  const { EventParser } = await page("event-parser.js");
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.parse(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `in pieces of ${size}`);
  }
});

test("ids are in the order of the store's listings", async () => {
  const { compareIds } = await page("ids.js");
  const order = JSON.parse(await readFile(join(import.meta.dirname, "../vectors/listing-order.json"), "utf8"));
  assert.deepEqual(order.input.toSorted(compareIds), order.sorted);
});

test("a part of a log that could not be read is read again while somebody looks at it", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { LogModel } = await page("parts/log-model.js");
  const all = Array.from({ length: 600 }, (_, number) => ({ time: null, message: `entry ${number}` }));
  let asked = 0;
  const read = async (start, limit) => {
    asked += 1;
    if (asked < 3) throw Object.assign(new Error("the platform is away"), { status: asked === 1 ? 0 : 503 });
    return { start, total: all.length, entries: all.slice(start, start + limit) };
  };
  const model = new LogModel(read, () => model.at(0));
  model.begin({ start: 599, total: 600, entries: all.slice(599) });
  for (const times of [1, 2, 3]) {
    await settled();
    assert.equal(asked, times);
    mock.timers.tick(1_000);
  }
  assert.equal(model.at(0).message, "entry 0");
});

test("a part of a log that is not to be had is not asked for again by itself", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { LogModel } = await page("parts/log-model.js");
  let asked = 0;
  const read = async () => {
    asked += 1;
    throw Object.assign(new Error("there is no such task"), { status: 404 });
  };
  const model = new LogModel(read, () => model.at(0));
  model.begin({ start: 599, total: 600, entries: [{ time: null, message: "the last" }] });
  for (let second = 0; second < 5; second++) {
    await settled();
    mock.timers.tick(1_000);
  }
  await settled();
  assert.equal(asked, 1);
});

test("a long log holds no more entries than its blocks, and reads again what it let go", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const entry = (number) => ({ time: null, message: `entry ${number}` });
  const all = Array.from({ length: 100_000 }, (_, number) => entry(number));
  let asked = 0;
  const read = async (start, limit) => {
    asked += 1;
    return { start, total: all.length, entries: all.slice(start, start + limit) };
  };
  const model = new LogModel(read, () => {});
  for (let start = 0; start < all.length; start += 500) model.put(start, all.slice(start, start + 500));
  assert.equal(model.total, all.length);
  assert.equal(model.at(99_999).message, "entry 99999");
  assert.equal(model.at(0), null, "the oldest was let go");
  await new Promise(setImmediate);
  assert.equal(model.at(0).message, "entry 0");
  assert.equal(asked, 1);
});

test("a search finds every line of a log once, also those that come while it looks", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const { LogSearch } = await page("parts/log-search.js");
  const all = Array.from({ length: 2_345 }, (_, number) => ({ time: null, message: number % 10 === 0 ? "Needle" : "hay" }));
  const read = async (start, limit) => ({ start, total: all.length, entries: all.slice(start, start + limit) });
  const model = new LogModel(read, () => search?.goOn());
  const search = new LogSearch(model, () => {});
  model.put(2_002, all.slice(2_002));
  search.look("nEEDLE");
  model.put(all.length, [{ time: null, message: "one more needle" }]);
  all.push({ time: null, message: "one more needle" });
  while (search.isBusy) await new Promise(setImmediate);
  assert.equal(search.found.length, 236);
  assert.equal(new Set(search.found).size, 236);
  assert.equal(search.found.at(-1), 2_345);
});

/** Entries whose messages are these. */
const entries = (...messages) => messages.map((message) => ({ time: null, message }));

/** The messages of a model, nothing for those that are not here. */
const messages = (model) => Array.from({ length: model.total }, (_, number) => model.at(number)?.message ?? null);

/** Reads from what stands in `log` when the answer comes. */
const reader = (log) => async (start, limit) => ({ start: Math.min(start, log.length), total: log.length, entries: log.slice(start, start + limit) });

test("what the stream tells takes the place of all entries from there on", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const told = [];
  const model = new LogModel(() => new Promise(() => {}), (from) => told.push(from));
  model.put(0, entries("a", "b", "c", "d", "e"));
  model.put(5, entries("f"));
  model.put(2, entries("x"));
  assert.deepEqual(messages(model), ["a", "b", "x"]);
  model.put(0, []);
  assert.equal(model.total, 0);
  assert.deepEqual(told, [undefined, undefined, 2, 0]);
  model.put(0, entries(...Array.from({ length: 1_700 }, (_, number) => `old ${number}`)));
  model.put(600, entries("new"));
  assert.equal(model.total, 601);
  model.put(1_700, entries("far"));
  assert.deepEqual(messages(model).filter((message) => message !== null).slice(599), ["old 599", "new", "far"]);
});

test("a page that was read fills in what is missing, and takes nothing away", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const log = entries("a", "b", "c", "d");
  const model = new LogModel(reader(log), () => {});
  model.begin({ start: 3, total: 4, entries: log.slice(3) });
  model.put(4, entries("e"));
  model.at(0);
  await new Promise(setImmediate);
  assert.deepEqual(messages(model), ["a", "b", "c", "d", "e"]);
});

test("a page that was on its way when the log was written anew is left out", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const answers = [];
  const model = new LogModel((start, limit) => new Promise((answer) => answers.push((all) => answer({ start, total: all.length, entries: all.slice(start, start + limit) }))), () => {});
  model.begin({ start: 3, total: 3, entries: [] });
  model.at(0);
  model.put(1, entries("B"));
  model.at(0);
  answers[0](entries("old a", "old b", "old c"));
  await new Promise(setImmediate);
  assert.deepEqual(messages(model), [null, "B"]);
  answers[1](entries("A", "B"));
  await new Promise(setImmediate);
  assert.deepEqual(messages(model), ["A", "B"]);
});

test("a search forgets what it found of a log that was written anew", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const { LogSearch } = await page("parts/log-search.js");
  const answers = [];
  const model = new LogModel((start, limit) => new Promise((answer) => answers.push(() => answer({ start, total: 0, entries: entries("needle", "needle").slice(start, start + limit) }))), (from) => search.goOn(from));
  const search = new LogSearch(model, () => {});
  const settled = async () => { while (search.isBusy) await new Promise(setImmediate); };
  model.put(0, entries("needle 0", "hay", "needle 2", "needle 3"));
  search.look("needle");
  await settled();
  assert.deepEqual(search.found, [0, 2, 3]);
  model.put(2, entries("hay", "hay", "needle 4"));
  await settled();
  assert.deepEqual(search.found, [0, 4]);
  assert.deepEqual([0, 2, 3, 4].filter((number) => search.has(number)), [0, 4]);
  // What it is reading when the log is written anew is of the old one.
  model.put(0, []);
  model.begin({ start: 2, total: 2, entries: [] });
  search.goOn();
  model.put(0, entries("hay", "hay"));
  answers.forEach((answer) => answer());
  await settled();
  assert.deepEqual(search.found, []);
});

/** Reads as the platform does where entries are long: no more than `most` of them at once. Counts the answers. */
function sparing(log, most) {
  const read = async (start, limit) => {
    read.asked += 1;
    return reader(log)(start, Math.min(limit, most));
  };
  read.asked = 0;
  return read;
}

test("pages that hold less than a block are read on from where they end", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const log = entries(...Array.from({ length: 1_200 }, (_, number) => `entry ${number}`));
  const read = sparing(log, 100);
  const model = new LogModel(read, () => model.at(999));
  model.begin({ start: 700, total: 1_200, entries: log.slice(700, 800) });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(model.at(999)?.message, "entry 999");
  assert.equal(read.asked, 4, "500 to 700, and 800 to 1000");
  model.at(1_199);
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(model.at(1_199)?.message, "entry 1199");
});

test("what is not to be had is not asked for without end", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const read = sparing(entries("a", "b"), 100);
  const model = new LogModel(read, () => model.at(3));
  model.begin({ start: 5, total: 5, entries: [] });
  for (let turn = 0; turn < 100; turn++) {
    model.at(3);
    await new Promise(setImmediate);
  }
  assert.deepEqual(messages(model).slice(0, 2), ["a", "b"]);
  assert.equal(read.asked, 2, "the two that there are, and once more");
});

test("a search goes through a log whose pages hold less than a block", async () => {
  const { LogModel } = await page("parts/log-model.js");
  const { LogSearch } = await page("parts/log-search.js");
  const log = entries(...Array.from({ length: 1_100 }, (_, number) => (number % 100 === 99 ? "needle" : "hay")));
  const model = new LogModel(sparing(log, 30), () => {});
  model.begin({ start: 1_100, total: 1_100, entries: [] });
  const search = new LogSearch(model, () => {});
  search.look("needle");
  while (search.isBusy) await new Promise(setImmediate);
  assert.equal(search.found.length, 11);
  assert.equal(search.share, 1);
});

test("the later one of two times is told, whatever their zones", async () => {
  const { later } = await page("times.js");
  const [first, second] = ["2026-11-24T09:00:00+09:00", "2026-11-24T00:00:01Z"];
  assert.deepEqual([later(first, second), later(second, first)], [second, second]);
  assert.deepEqual([later(first, null), later(first, undefined), later(null, first), later(null, null)], [first, first, first, null]);
});

test("how long something lasted is told in two units", async () => {
  const { lasting } = await page("times.js");
  const told = [0, 4_260, 59_999, 60_000, 3_599_999, 3_600_000, 200_000_000].map(lasting);
  assert.deepEqual(told, ["0.0 s", "4.3 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 d 7 h"]);
});
