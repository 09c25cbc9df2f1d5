// The parts of the runtime, each on its own, next to those of Node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect as nodes } from "node:util";

import { inspect } from "../runtime/inspect.js";
import { drain, TaskPromise } from "../runtime/promise.js";
import { frames, original } from "../runtime/stack.js";
import { TextDecoder as OwnDecoder, TextEncoder as OwnEncoder } from "../runtime/text.js";
import { Timers } from "../runtime/timers.js";

/** Bytes that are as good as random, and the same in every run. @param {number} seed */
function* noise(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 16;
  }
}

/** Bytes among which there are many that begin or go on with a character. @param {number} seed */
function bytesLikeText(seed) {
  const some = [0x61, 0x7f, 0x80, 0xbf, 0xc3, 0xa9, 0xe0, 0xa0, 0xed, 0x9f, 0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0xa6, 0xf4, 0x8f, 0xff, 0xc0];
  const numbers = noise(seed);
  const next = () => Number(numbers.next().value);
  const length = next() % 40;
  return Uint8Array.from({ length }, () => /** @type {number} */ (some[next() % some.length]));
}

test("bytes are decoded as Node decodes them, whole or in pieces", () => {
  for (let seed = 1; seed < 3_000; seed += 1) {
    const bytes = bytesLikeText(seed);
    for (const encoding of ["utf-8", "utf-16le"]) {
      const wanted = new TextDecoder(encoding).decode(bytes);
      assert.equal(new OwnDecoder(encoding).decode(bytes), wanted, `${encoding} ${bytes}`);
      const decoder = new OwnDecoder(encoding);
      const cut = seed % (bytes.length + 1);
      const pieces = [decoder.decode(bytes.subarray(0, cut), { stream: true }), decoder.decode(bytes.subarray(cut), { stream: true }), decoder.decode()];
      assert.equal(pieces.join(""), wanted, `${encoding} ${bytes} cut at ${cut}`);
      const isRefused = (/** @type {any} */ Decoder) => {
        try {
          new Decoder(encoding, { fatal: true }).decode(bytes);
          return false;
        } catch (error) {
          return error instanceof TypeError;
        }
      };
      assert.equal(isRefused(OwnDecoder), isRefused(TextDecoder), `${encoding} ${bytes}`);
    }
  }
});

test("long text goes through the encoder and the decoder", () => {
  const text = `${"a".repeat(5_000)}é${"서울".repeat(3_000)}🦀${"b".repeat(1_023)}é`;
  assert.deepEqual(new OwnEncoder().encode(text), new TextEncoder().encode(text));
  assert.equal(new OwnDecoder().decode(new TextEncoder().encode(text)), text);
  assert.deepEqual(new OwnEncoder().encode("\ud800x\udc00"), new TextEncoder().encode("\ud800x\udc00"));
  assert.deepEqual(new OwnEncoder().encodeInto("aé🦀", new Uint8Array(4)), { read: 2, written: 3 });
  assert.throws(() => new OwnDecoder("latin1"), /the encoding "latin1" is not known/);
});

/** A story of promises that tells in which order its parts come. @param {any} P @param {string[]} order */
function story(P, order) {
  const say = (/** @type {string} */ word) => (/** @type {any} */ value) => {
    order.push(`${word} ${value instanceof Error ? value.message : value}`);
    return value;
  };
  P.resolve(1).then(say("a")).then(say("b")).then(say("c"));
  P.resolve(P.resolve(2)).then(say("d"));
  new P((/** @type {any} */ resolve) => resolve(P.resolve(3))).then(say("e"));
  P.resolve({ then: (/** @type {any} */ resolve) => resolve(4) }).then(say("f"));
  P.reject(new Error("no")).catch(say("g")).finally(() => say("h")(0)).then(say("i"));
  P.all([1, P.resolve(2), { then: (/** @type {any} */ resolve) => resolve(3) }]).then(say("j"));
  P.all([P.reject(new Error("one")), P.reject(new Error("two"))]).catch(say("k"));
  P.any([P.reject(new Error("one")), P.resolve(5)]).then(say("l"));
  P.any([P.reject(new Error("one"))]).catch((/** @type {any} */ error) => say("m")(error.errors.length));
  P.race([new P(() => {}), P.resolve(6)]).then(say("n"));
  P.allSettled([P.resolve(1), P.reject(2)]).then((/** @type {any} */ all) => say("o")(JSON.stringify(all)));
  const loop = new P((/** @type {any} */ resolve) => P.resolve().then(() => resolve(loop)));
  loop.catch((/** @type {any} */ error) => say("p")(error.constructor.name));
  new P(() => {
    throw new Error("thrown");
  }).catch(say("q"));
  P.resolve(7).then(undefined, say("never")).then(say("r"));
  P.resolve(8).finally(() => P.reject(new Error("in finally"))).catch(say("s"));
  P.all([]).then((/** @type {any} */ all) => say("t")(all.length));
}

test("promises come in the order of the engine's own", async () => {
  const [own, engines] = /** @type {[string[], string[]]} */ ([[], []]);
  story(TaskPromise, own);
  drain();
  story(Promise, engines);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(own, engines);
});

test("a promise takes its outcome once, and a job that throws leaves those after it", () => {
  const order = /** @type {unknown[]} */ ([]);
  new TaskPromise((resolve, reject) => {
    resolve(1);
    resolve(2);
    reject(3);
  }).then((/** @type {number} */ value) => order.push(value));
  for (let count = 0; count < 25_000; count += 1) TaskPromise.resolve(count).then(() => order.push("x"));
  drain();
  assert.deepEqual([order[0], order.length], [1, 25_001]);
  assert.throws(() => new TaskPromise(/** @type {any} */ (undefined)), TypeError);
});

test("timers come by their time and then by their order, and not after they are cleared", () => {
  let now = 0;
  const order = /** @type {string[]} */ ([]);
  const timers = new Timers(() => now);
  const say = (/** @type {string} */ word) => order.push(word);
  timers.set(say, 20, ["late"], false);
  timers.set(say, 5, ["first"], false);
  timers.set(say, 5, ["second"], false);
  timers.set(say, NaN, ["at once"], false);
  timers.clear(timers.set(say, 1, ["never"], false));
  const interval = timers.set(say, 8, ["again"], true);
  while (order.length < 7) {
    now += timers.delay() ?? assert.fail("there is no timer");
    timers.fire();
  }
  timers.clear(interval);
  assert.deepEqual(order, ["at once", "first", "second", "again", "again", "late", "again"]);
  assert.equal(timers.delay(), undefined);
  assert.throws(() => timers.set("code", 1, [], false), /a timer calls a function, and this is code/);
});

test("what fits on a line is shown as Node shows it", () => {
  class Point {
    x = 1;
    #secret = 2;
    get secret() {
      return this.#secret;
    }
  }
  for (const value of [
    1, -0, 2n, "it's", null, undefined, true, Symbol("s"), [], {}, [1, "a", [2, [3, [4, [5]]]]], { a: { b: { c: {} } }, "b-c": [undefined] },
    new Map([["a", { b: 1 }]]), new Set(["x", 1]), new Point(), Object.create(null), new Date(0), /x/g, () => {}, function named() {}, class Named {},
    new Uint8Array([1, 2]), [..."abc"].map((letter) => ({ letter })), { [Symbol("k")]: 1 }, new Number(3), "a\nb", ["a\nb\\"], { get getter() { return 1; } },
  ]) {
    assert.equal(inspect(value), nodes(value, { depth: 3, breakLength: Infinity, compact: true }), String(nodes(value)));
  }
});

test("frames of every engine are read", () => {
  const told = (/** @type {string} */ line) => frames(`Error: x\n${line}`).map(({ name, file, line: at, column }) => [name, file, at, column]);
  assert.deepEqual(told("    at async Promise.all (file:///a/b.js:3:9)"), [["Promise.all", "file:///a/b.js", 3, 9]]);
  assert.deepEqual(told("    at /a/b.js:3:9"), [["", "/a/b.js", 3, 9]]);
  assert.deepEqual(told("    at run (bundle.js:3)"), [["run", "bundle.js", 3, 1]]);
  assert.deepEqual(told("run/<@bundle.js:3:9"), [["run", "bundle.js", 3, 9]]);
  assert.deepEqual(told("    at native"), []);
});

test("a place of the bundle is looked up in its map", () => {
  const map = { sources: ["a.ts", "b.ts"], mappings: "AAAA;;ACCA,IAAI;ADDA" };
  const place = (/** @type {number} */ line, /** @type {number} */ column) => {
    const found = original(map, { name: "f", file: "bundle.js", line, column });
    return found && [found.file, found.line, found.column];
  };
  assert.deepEqual([place(1, 1), place(2, 1), place(3, 2), place(3, 6), place(4, 1)], [
    ["a.ts", 1, 1],
    undefined,
    ["b.ts", 2, 1],
    ["b.ts", 2, 5],
    ["a.ts", 1, 5],
  ]);
});
