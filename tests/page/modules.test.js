// What the page's modules promise without a browser.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

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

test("how long something lasted is told in two units", async () => {
  const { lasting } = await page("times.js");
  const told = [0, 4_260, 59_999, 60_000, 3_599_999, 3_600_000, 200_000_000].map(lasting);
  assert.deepEqual(told, ["0.0 s", "4.3 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 d 7 h"]);
});
