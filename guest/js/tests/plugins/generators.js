// Programs whose generators are lowered when the component is built. What they tell, they tell wherever they run: the engine of
// Node carries them out as they stand.

import { currentTask, parameter, progress, sleep } from "task-state";

/** @type {unknown[]} */
let told = [];

/** @param {unknown} value */
function tell(value) {
  told.push(value);
}

/** What becomes of a promise, in short. @param {unknown} promise */
async function end(promise) {
  try {
    return await promise;
  } catch (error) {
    return `threw ${error instanceof TypeError ? "a TypeError" : spelled(error)}`;
  }
}

/** @param {unknown} error */
const spelled = (error) => (error instanceof Error ? error.message : String(error));

/** Asks a generator one thing after another. @param {AsyncGenerator<any, any, any>} generator @param {...[("next" | "return" | "throw"), unknown?]} asked */
async function ask(generator, ...asked) {
  for (const [way, value] of asked) tell([way, await end(value === undefined ? generator[way](undefined) : generator[way](value))]);
}

/** Asks all at once. @param {AsyncGenerator<any, any, any>} generator @param {...[("next" | "return" | "throw"), unknown?]} asked */
async function askAtOnce(generator, ...asked) {
  await Promise.all(asked.map(([way, value], index) => end(generator[way](value)).then((result) => tell([index, way, result]))));
}

const late = async (/** @type {unknown} */ value, ms = 1) => (await sleep(ms), value);
const failing = async (/** @type {string} */ message) => {
  await sleep(1);
  throw new Error(message);
};

/** Waits, and tells what happens to it. @param {string} name @returns {AsyncGenerator<any, any, any>} */
async function* careful(name, last = 2) {
  try {
    for (let number = 1; number <= last; number += 1) tell([name, "got", (yield `${name}${number}`) ?? null]);
    return late(`the end of ${name}`);
  } catch (error) {
    tell([name, "caught", spelled(error)]);
    await sleep(1);
    yield `${name} after all`;
    tell([name, "goes on"]);
  } finally {
    tell([name, "closing"]);
    await sleep(1);
    tell([name, "closed"]);
  }
}

/** @param {any} inner @returns {AsyncGenerator<any, any, any>} */
async function* around(inner) {
  try {
    tell(["inner gave", yield* inner]);
    yield "more";
  } catch (error) {
    tell(["outer caught", error instanceof TypeError ? "a TypeError" : spelled(error)]);
    yield "caught";
  } finally {
    await null;
    tell("outer closed");
  }
}

/** An iterable that tells what it is asked, and has these methods besides `next`. @param {unknown[]} items @param {Record<string, any>} methods */
function spy(items, methods, symbol = Symbol.asyncIterator) {
  const left = [...items];
  return {
    [symbol]: () => ({
      next(/** @type {unknown} */ value) {
        tell(["next", arguments.length, value ?? null]);
        return left.length > 0 ? { value: left.shift(), done: false } : { value: "spy's end", done: true };
      },
      ...methods,
    }),
  };
}

const BOTH = {
  *[Symbol.iterator]() {
    yield* ["plain", "items"];
  },
  async *[Symbol.asyncIterator]() {
    yield* ["async", "items"];
  },
};

/** @param {Iterable<any>} items @returns {Generator<any, any, any>} */
function* plain(items) {
  try {
    return yield* items;
  } finally {
    tell("plain closed");
  }
}

/** Names and literals that a reader of the text might stumble over. @param {any} x */
function* odd(x) {
  const o = { if: () => ({ return: 8 }), return() { return "m"; }, get of() { return 4; } };
  yield* [`${`}${x / 2}`}yield* __yieldStar(`, /[/\]})]yield\* [(]/.source, o.if().return / 2, o.return(), o.of / 2 / 1, "return yield"];
  for (const part of / [)}]/[Symbol.split]("a )b")) yield* [...(/[^`]/.exec(part) ?? []), part];
  if (x) / return [(]/.test("x");
  yield* [.../[}`]/.source, x++ / 2 / 1];
  return { async *m() { yield* [x / 2 / 1, ") {"]; return / a;/.source; } };
}

/** @type {Record<string, () => Promise<unknown>>} */
const PROGRAMS = {
  "every item, and what it ends with": () => ask(careful("a"), ["next", "lost"], ["next", "x"], ["next", "y"], ["next"], ["return", 3], ["throw", "late"]),
  "asked to return at each point": async () => {
    for (const before of [0, 1, 2, 3]) {
      const generator = careful("a");
      for (let time = 0; time < before; time += 1) await generator.next();
      await ask(generator, ["return", late(5)], ["next"], ["return", 6], ["return", failing("in vain")], ["next"]);
    }
  },
  "asked to throw at each point": async () => {
    for (const before of [0, 1, 2, 3]) {
      const generator = careful("a");
      for (let time = 0; time < before; time += 1) await generator.next();
      await ask(generator, ["throw", new Error("into it")], ["next"], ["next"], ["throw", "again"]);
    }
  },
  "asked to return what fails": async () => {
    await ask(careful("fresh"), ["return", failing("no value")], ["next"]);
    await ask(careful("begun"), ["next"], ["return", failing("no value")], ["next"], ["next"]);
  },
  "a loop that is left": async () => {
    for await (const item of careful("a")) {
      tell(item);
      break;
    }
    await end(
      (async () => {
        for await (const item of careful("b")) throw new Error(`the body at ${item}`);
      })(),
    ).then(tell);
    tell(
      await (async () => {
        for await (const item of careful("c")) return item;
      })(),
    );
    outer: for (const name of ["d", "e"]) for await (const item of around(careful(name))) if (item) continue outer;
  },
  "a loop in a generator that is left": async () => {
    const pages = async function* () {
      for await (const item of careful("inner")) yield late(item);
      tell("never");
    };
    for await (const item of pages()) {
      tell(item);
      break;
    }
    await ask(pages(), ["next"], ["throw", "through"], ["next"]);
  },
  "await in try, catch and finally": async () => {
    const generator = async function* (/** @type {boolean} */ fails) {
      try {
        tell(await late("try"));
        if (fails) await failing("in try");
        yield 1;
      } catch (error) {
        tell([await late("catch"), spelled(error)]);
        yield await late(2);
      } finally {
        tell(await late("finally"));
        yield 3;
        tell(await late("finally goes on"));
      }
      return await late("end");
    };
    await ask(generator(false), ["next"], ["next"], ["next"], ["next"]);
    await ask(generator(true), ["next"], ["next"], ["next"], ["next"]);
    await ask(generator(false), ["next"], ["return", "r"], ["next"], ["next"]);
    await ask(generator(true), ["next"], ["return", "r"], ["return", "s"], ["next"]);
    await ask(generator(false), ["next"], ["return", "r"], ["throw", "t"], ["next"]);
  },
  "a finally that fails, returns or loops": async () => {
    const finishing = async function* (/** @type {() => any} */ last) {
      try {
        yield 1;
      } finally {
        await last();
        tell("after the last");
      }
    };
    await ask(finishing(() => failing("in finally")), ["next"], ["return", 5], ["next"]);
    await ask(finishing(() => failing("in finally")), ["next"], ["throw", "first"], ["next"]);
    const overruling = async function* () {
      for (;;) {
        try {
          yield 1;
        } finally {
          await null;
          tell("once more");
          if (told.length % 2) continue;
          return late("overruled");
        }
      }
    };
    await ask(overruling(), ["next"], ["return", 5], ["return", 6], ["next"]);
    await ask(overruling(), ["next"], ["throw", 5], ["throw", 6], ["next"]);
  },
  "return waits where it stands": async () => {
    const inTry = async function* (/** @type {unknown} */ value) {
      try {
        return value;
      } catch (error) {
        tell(["caught", spelled(error)]);
        return "instead";
      } finally {
        tell("finally");
      }
    };
    await ask(inTry(late("in time")), ["next"], ["next"]);
    await ask(inTry(failing("no")), ["next"], ["next"]);
    const many = async function* (/** @type {any} */ value) {
      if (value === 1) return tell("comma"), late("second");
      if (value === 2) return (() => { return late("arrow"); })();
      if (value === 3) return { a: async function* () { return late("nested"); } }.a().next();
      if (value === 4) return;
      if (value === 5) return function () { return 1; }();
      return class { static async *m() { try { return failing("method"); } catch { return late("caught"); } } }.m().next();
    };
    for (const value of [1, 2, 3, 4, 5, 6]) await ask(many(value), ["next"], ["next"]);
  },
  "what is yielded is waited for": async () => {
    const generator = async function* () {
      try {
        tell(yield late(1));
        tell(yield { then: (/** @type {any} */ resolve) => resolve("of a thenable") });
        yield failing("not yielded");
        tell("never");
      } catch (error) {
        yield spelled(error);
      }
      yield failing("the last");
      tell("never");
    };
    await ask(generator(), ["next"], ["next", "a"], ["next", "b"], ["next"], ["next"]);
  },
  "all asked for at once": async () => {
    await askAtOnce(careful("a"), ["next"], ["next", "x"], ["next"], ["return", 4], ["next"], ["throw", "at its end"]);
    await askAtOnce(careful("b"), ["next"], ["return", late(5)], ["next"], ["return", 6]);
    await askAtOnce(careful("c"), ["next"], ["throw", "now"], ["next"], ["next"], ["next"]);
    await askAtOnce(careful("d"), ["return", 1], ["next"], ["throw", "t"]);
    await askAtOnce(careful("e"), ["throw", 1], ["return", late(2)], ["next"]);
    await askAtOnce(around(careful("f")), ["next"], ["next"], ["return", 7], ["next"]);
    await askAtOnce(around(around(careful("g"))), ["next"], ["throw", "deep"], ["next"], ["next"], ["next"], ["next"]);
    const ended = careful("many", 0);
    tell((await Promise.all(Array.from({ length: 3_000 }, () => ended.next()))).filter(({ done }) => done).length);
    /** @type {AsyncGenerator<any, any, any>} */
    const own = (async function* () {
      own.next("asked from within").then(tell);
      tell(["first", yield 1]);
      tell(["second", yield 2]);
    })();
    await ask(own, ["next"], ["next", "b"], ["next"]);
  },
  "in their order": async () => {
    const counting = async function* (/** @type {string} */ name) {
      for (let number = 0; number < 3; number += 1) yield `${name}${number}`;
      return "end";
    };
    const passing = async function* (/** @type {any} */ inner) {
      return yield* inner;
    };
    const walk = async (/** @type {AsyncIterable<unknown>} */ items) => {
      for await (const item of items) tell(item);
    };
    const ticks = async () => {
      for (let tick = 0; tick < 24; tick += 1) tell(await tick);
    };
    await Promise.all([walk(counting("a")), walk(passing(counting("b"))), ticks()]);
    await Promise.all([walk(passing(["c0", "c1"])), walk(passing([Promise.resolve("d0"), "d1"])), ticks()]);
    await Promise.all([counting("e").return(Promise.resolve(1)).then(tell), passing(counting("f")).return(2).then(tell), ticks()]);
    const begun = [counting("g"), passing(counting("h")), passing(["i"]), passing(spy(["j"], {}))];
    for (const generator of begun) await generator.next();
    await Promise.all([...begun.map((generator, index) => generator.return(index).then(tell)), ticks()]);
    const thrown = [counting("k"), passing(counting("l")), passing(plain(["m"]))];
    for (const generator of thrown) await generator.next();
    await Promise.all([...thrown.map((generator, index) => generator.throw(index).catch(tell)), ticks()]);
  },
  "yield* of an async generator": async () => {
    await ask(around(careful("a")), ["next", "lost"], ["next", "x"], ["next", "y"], ["next"], ["next"]);
    await ask(around(careful("b")), ["next"], ["return", late(5)], ["next"]);
    await ask(around(careful("c")), ["next"], ["return", failing("no value")], ["next"], ["next"], ["next"]);
    await ask(around(careful("d")), ["next"], ["throw", "through"], ["next"], ["next"], ["next"]);
    await ask(around(around(careful("e"))), ["next"], ["return", 1], ["next"]);
    await ask(
      around(
        (async function* () {
          yield 1;
          await failing("within");
        })(),
      ),
      ["next"],
      ["next"],
      ["next"],
    );
    const stubborn = async function* () {
      try {
        yield 1;
      } finally {
        yield "not yet";
        await null;
      }
    };
    await ask(around(stubborn()), ["next"], ["return", 5], ["next"], ["next"]);
    await ask(around(stubborn()), ["next"], ["return", 5], ["throw", "t"], ["next"], ["next"]);
  },
  "yield* of a plain iterable": async () => {
    await ask(around([late("first"), "second"]), ["next"], ["next"], ["next"], ["next"]);
    await ask(around([1, 2]), ["next"], ["return", 7], ["next"]);
    await ask(around("ab"), ["next"], ["next"], ["next"]);
    await ask(around(plain([1, late(2)])), ["next"], ["next"], ["next"]);
    await ask(around(plain([1, 2])), ["next"], ["return", late(8)], ["next"]);
    await ask(around(plain([1, 2])), ["next"], ["throw", "through"], ["next"], ["next"]);
    await ask(around(new Map([["k", 1]])), ["next"], ["next"]);
  },
  "yield* of what has only some methods": async () => {
    const done = (/** @type {unknown} */ value) => ({ value, done: true });
    const told = (/** @type {string} */ name, /** @type {any} */ result) => ({
      [name](/** @type {unknown} */ value) {
        tell([name, value ?? null]);
        return typeof result === "function" ? result(value) : result;
      },
    });
    for (const symbol of [Symbol.asyncIterator, Symbol.iterator]) {
      for (const methods of [
        {},
        { return: null },
        told("return", done("closed")),
        told("return", { value: "going on", done: false }),
        told("return", () => { throw new Error("in return"); }),
        told("return", 7),
        told("throw", { value: "answered", done: false }),
        told("throw", done("thrown end")),
        told("throw", () => { throw new Error("in throw"); }),
        { return: 7, throw: 8 },
        { ...told("return", done(late("late"))), ...told("throw", undefined) },
        { return: undefined, throw: null },
      ]) {
        await ask(around(spy([late(1), 2], methods, symbol)), ["next", "lost"], ["next", "x"], ["return", late("r")], ["next"], ["next"]);
        // Node 20 does not close yet what has no throw: that has a test of its own.
        if (symbol === Symbol.iterator && !("throw" in methods && methods.throw)) continue;
        await ask(around(spy([late(1), 2], methods, symbol)), ["next"], ["throw", "t"], ["next"], ["next"], ["next"]);
      }
    }
  },
  "yield* of what cannot be walked over": async () => {
    for (const inner of [3, undefined, null, {}, { [Symbol.asyncIterator]: () => 5 }, { [Symbol.iterator]: () => null }, { [Symbol.asyncIterator]: null, *[Symbol.iterator]() { yield 1; } }]) {
      await ask(around(inner), ["next"], ["next"], ["next"]);
    }
    for (const result of [undefined, 5, "text", failing("no next"), late(undefined)]) {
      await ask(around({ [Symbol.asyncIterator]: () => ({ next: () => result, return: () => tell("never") }) }), ["next"], ["next"]);
    }
    const throwing = { [Symbol.iterator]: () => ({ next() { throw new Error("in next"); }, return: () => tell("never") }) };
    await ask(around(throwing), ["next"], ["next"]);
  },
  "a plain generator within an async one": async () => {
    const outer = async function* () {
      yield* plain(progress([1, 2]));
      yield [...plain(BOTH)];
      const nested = function* (/** @type {any} */ inner) {
        yield* inner;
        return "returned";
      };
      for (const item of nested(BOTH)) yield item;
      yield* nested(nested(BOTH));
      yield* BOTH;
      yield* progress(careful("p"));
      yield { *m() { yield* BOTH; } }.m().next().value;
    };
    for await (const item of outer()) tell(item);
    tell([...plain(plain([1, 2]))]);
    const left = plain(plain([1, 2]));
    tell([left.next(), left.return(3), left.next()]);
    const thrown = plain([1, 2]);
    tell(thrown.next());
    tell(await end((async () => thrown.throw(new Error("into it")))()));
    tell(await end((async () => [...plain(/** @type {any} */ (careful("no"))) ])()));
  },
  "methods, this, arguments and super": async () => {
    class Base {
      factor = 2;
      async *items(/** @type {number[]} */ ...numbers) {
        for (const number of numbers) yield number * this.factor;
      }
      static async *#own() {
        yield "private";
      }
      static own = () => Base.#own();
    }
    class Derived extends Base {
      async *items(first = 1, { second } = { second: 2 }) {
        try {
          yield* super.items(first, second, arguments.length);
          const read = async () => [this.factor, arguments[0]];
          return await read();
        } finally {
          tell(await late("closed"));
        }
      }
    }
    await ask(new Derived().items(5), ["next"], ["next"], ["next"], ["next"]);
    await ask(new Derived().items(), ["next"], ["return", 9]);
    await ask(Base.own(), ["next"]);
    const broken = async function* (value = (() => { throw new Error("a default"); })()) {
      yield value;
    };
    tell(await end((async () => broken())()));
  },
  "text that looks like code": async () => {
    const generator = odd(6);
    for (;;) {
      const { value, done } = generator.next();
      if (!done) tell(value);
      else return ask(value.m(), ["next"], ["next"], ["next"]);
    }
  },
};

/** What Node 20 does not do yet. @type {Record<string, () => Promise<unknown>>} */
const LATER = {
  "a plain iterable without throw is closed": async () => {
    const closed = (/** @type {unknown} */ result) => spy([1, 2], { return: () => (tell("return"), result) }, Symbol.iterator);
    await ask(around(closed({ value: undefined, done: true })), ["next"], ["throw", "t"], ["next"], ["next"]);
    await ask(around(closed(7)), ["next"], ["throw", "t"], ["next"], ["next"]);
    await ask(around([1, 2]), ["next"], ["throw", "t"], ["next"], ["next"]);
  },
  "a plain iterable is closed when one of its promises is rejected": async () => {
    const methods = { return: () => (tell("return"), { value: undefined, done: true }) };
    await ask(around(spy([failing("rejected")], methods, Symbol.iterator)), ["next"], ["next"]);
  },
};

/** @param {number} number @returns {number} */
function broken(number) {
  throw new RangeError(`broken ${number}`);
}

// Alike but for what is lowered.
const PLACES = {
  async fails() { try { return [1, broken(2)]; } finally { tell(0); } },
  async *gives() { try { return [1, broken(2)]; } finally { tell(0); } },
};

/** @param {import("task-state").TaskRecord} task */
export async function run(task) {
  const which = parameter(task, "programs");
  if (which === "in a function") return PLACES.fails();
  if (which === "in a generator") return PLACES.gives().next();
  for (const [name, program] of Object.entries(which === "later" ? LATER : PROGRAMS)) {
    told = [];
    tell(await end(program()));
    currentTask.log(`${name}: ${JSON.stringify(told)}`);
  }
}
