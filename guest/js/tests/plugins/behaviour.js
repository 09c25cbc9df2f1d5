// One plugin for the tests of the runtime: the parameter `case` says what it does. Played on the author's machine and in
// components of both engines.

import { currentTask, Failure, input, parameter, progress, repository, sleep, TaskStateError } from "task-state";

/** What nothing resolves. */
const never = () => new Promise(() => {});

async function late() {
  await sleep(1);
  throw new TypeError("too late");
}

async function stuck() {
  await never();
}

/** Has not come to its end when the run is over, however slow the machine is. */
async function slow() {
  await sleep(60_000);
  currentTask.log("the slow one");
}

async function* numbers() {
  for (let number = 1; number <= 3; number += 1) {
    await sleep(1);
    yield number;
  }
}

/** Calls itself before it waits for anything. @param {number} depth @returns {Promise<number>} */
async function deep(depth) {
  return depth === 0 ? 0 : 1 + (await deep(depth - 1));
}

/** What a call throws, in short. @param {() => unknown} call */
function thrown(call) {
  try {
    call();
  } catch (error) {
    const { name, message, tag, val } = /** @type {any} */ (error);
    return name === "TaskStateError" ? [name, tag, val ?? null, error instanceof TaskStateError] : [name, message];
  }
  return "nothing";
}

/** @param {unknown} value */
const tell = (value) => void currentTask.log(JSON.stringify(value) ?? "undefined");

/** @type {Record<string, (task: import("task-state").TaskRecord) => unknown>} */
const CASES = {
  // How a run may end.
  nothing: () => {},
  "throws at once": () => {
    throw new RangeError("at once", { cause: new Error("the cause") });
  },
  "throws late": late,
  "throws a failure": async () => {
    await sleep(1);
    throw new Failure("line 3 is broken", { cause: new Error("no comma") });
  },
  "throws a text": () => {
    throw "just a text";
  },
  "throws an object": () => {
    throw { code: 7 };
  },
  "throws a refusal": () => repository.save({ service: "elsewhere", userId: "alice" }),
  "throws in a timer": async () => {
    setTimeout(() => {
      throw new Error("in a timer");
    }, 1);
    await sleep(1_000);
  },
  "throws in a microtask": async () => {
    queueMicrotask(() => {
      throw new Error("in a microtask");
    });
    queueMicrotask(() => tell("after it"));
    await sleep(1_000);
  },
  "never settles": stuck,
  "waits for ever": async () => {
    const ticking = setInterval(() => {}, 1_000);
    await never();
    clearInterval(ticking);
  },
  "leaves a call": async () => {
    slow();
  },
  "leaves a stuck call": async () => {
    stuck();
  },
  "leaves a timer": () => {
    setTimeout(() => currentTask.log("never said"), 60_000);
  },
  "leaves a rejection": async () => {
    Promise.reject(new Error("nobody cares"));
    await sleep(1);
  },
  "leaves a rejected call": () => {
    late();
    return sleep(20);
  },
  "leaves a call when it was asked to stop": async () => {
    currentTask.setStatus("cancel-requested");
    slow();
  },
  // What is no work left undone.
  "lets a call end at once": async () => {
    (async () => {
      await null;
      await null;
      currentTask.log("in time");
    })();
  },
  "leaves a mere promise": async () => {
    await Promise.race([sleep(1), never()]);
  },
  "handles a rejection late": async () => {
    const failing = Promise.reject(new Error("handled"));
    await sleep(1);
    await failing.catch(() => currentTask.log("handled"));
  },
  "clears its timers": async () => {
    const timer = setTimeout(() => {}, 60_000);
    const interval = setInterval(() => {}, 60_000);
    clearTimeout(timer);
    clearInterval(interval);
  },
  // What works.
  async: async () => {
    const order = /** @type {unknown[]} */ ([]);
    setTimeout(() => order.push("timer"), 0);
    queueMicrotask(() => order.push("microtask"));
    Promise.resolve().then(() => order.push("promise"));
    order.push("at once");
    // The timer is due by now, and still comes after the jobs.
    for (const start = performance.now(); performance.now() < start + 5; );
    await sleep(5);
    for await (const number of numbers()) order.push(number);
    order.push(await Promise.race([sleep(500).then(() => "slow"), sleep(1).then(() => "fast")]));
    order.push(...(await Promise.all([1, Promise.resolve(2), sleep(1).then(() => 3)])));
    tell(order);
    const settled = await Promise.allSettled([late(), 1]);
    tell(settled.map(({ status }) => status));
    tell(await Promise.any([late(), sleep(2).then(() => "any")]));
    tell(await late().catch((error) => error.message).finally(() => tell("finally")));
    class Own extends Promise {}
    tell([Own.resolve(1) instanceof Own, Own.resolve(1).then(() => {}) instanceof Own, Promise.name]);
    let times = 0;
    await new Promise((resolve) => {
      const ticking = setInterval((/** @type {string} */ word) => {
        times += 1;
        if (times < 3) return;
        clearInterval(ticking);
        resolve(word);
      }, 1, "tick");
    });
    tell(times);
    // The race above has left a timer of half a second: it must be over before the run is.
    await sleep(600);
  },
  "calls itself deep": async () => tell(await deep(500)),
  globals: () => {
    const bytes = new TextEncoder().encode("aé서🦀\ud800");
    tell([...bytes]);
    tell(new TextDecoder().decode(bytes));
    tell(new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xe2, 0x82, 0x41, 0xf0, 0x9f])));
    tell(thrown(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])))?.[0]);
    const random = crypto.getRandomValues(new Uint32Array(4));
    tell([random.length, random.some((value) => value !== 0), /^[0-9a-f-]{36}$/.test(crypto.randomUUID())]);
    const before = performance.now();
    let sum = 0;
    for (let number = 0; number < 1e4; number += 1) sum += number;
    tell([sum, performance.now() >= before, Math.abs(new Date().getTime() - Date.now()) < 1_000]);
    tell([Math.random() === Math.random(), Math.random() < 1]);
  },
  "the engine's own": async () => {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc")));
    tell(Array.from(digest.slice(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(""));
    tell(new URL("../b", "https://example.org/a/c").href);
    tell(structuredClone([1, 2]));
    const controller = new AbortController();
    controller.abort();
    tell(controller.signal.reason.name);
    const order = /** @type {string[]} */ ([]);
    setTimeout(() => order.push("timer"), 0);
    await null;
    new ReadableStream({ start: (stream) => stream.enqueue(1) }).getReader().read().then(() => order.push("promise"));
    for (const start = performance.now(); performance.now() < start + 5; );
    await sleep(5);
    tell(order);
  },
  random: () => {
    currentTask.log(`${Math.random()} ${crypto.randomUUID()}`);
  },
  console: () => {
    console.log("a text", 1, -0, 2n, null, undefined, true, Symbol("s"));
    console.log({ a: 1, "b-c": ["x", "it's"], d: { e: { f: { g: { h: 1 } } } } });
    console.log([1, [2, [3]], [], {}], new Map([["k", { v: 1 }]]), new Set([1, "two"]));
    console.log("%s is %d%% of %o%c", "half", 50, { all: 100 }, "color: red", "and more");
    console.info(new Date(0), /re/g, () => {}, class Named {}, new Uint8Array([1, 2]));
    console.log({ long: "x".repeat(50), list: Array.from({ length: 20 }, (_, index) => `item ${index}`) });
    console.warn("to standard error");
    console.group("a group");
    console.log("inside\nof it");
    console.groupEnd();
    console.assert(1 > 2, "one is %s", "less");
    console.count();
    console.count();
    console.table([{ a: 1, b: "x" }, { a: 22 }]);
    const circle = { name: "circle", self: /** @type {unknown} */ (undefined) };
    circle.self = circle;
    console.log(circle);
  },
  "console of an error": () => {
    console.error(new TypeError("shown"));
  },
  lines: () => {
    for (const line of input.lines()) tell(line);
  },
  text: () => tell(input.text()),
  bytes: () => {
    const bytes = input.bytes();
    tell([bytes.length, bytes instanceof Uint8Array, bytes[0] ?? null]);
    tell([...input.lines()]);
  },
  // What is handed over, and what comes back.
  errors: () => {
    tell(repository.get("none") === undefined);
    tell(thrown(() => repository.get("")));
    tell(thrown(() => repository.setStatus("none", "running")));
    tell(thrown(() => repository.save({ service: "elsewhere", userId: "alice" })));
    tell(thrown(() => repository.listTasks()));
    tell(thrown(() => currentTask.setStatus("pending")));
    const id = repository.save({ service: "analytics", userId: "bob" }, "absent");
    tell(thrown(() => repository.save({ taskId: id, service: "analytics", userId: "bob" }, "absent")));
    tell(thrown(() => currentTask.log("x".repeat(300_000))));
  },
  arguments: () => {
    const any = /** @type {any} */ (undefined);
    const calls = /** @type {(() => unknown)[]} */ ([
      () => currentTask.log(/** @type {any} */ (42)),
      () => currentTask.log(any),
      () => currentTask.setStatus(/** @type {any} */ ("done")),
      () => currentTask.setActiveJobs(/** @type {any} */ ("job")),
      () => currentTask.setActiveJobs(/** @type {any} */ (["a", 1])),
      () => currentTask.setProgress(-1),
      () => currentTask.setProgress(1.5),
      () => currentTask.updateResult(/** @type {any} */ ({ podstatus: "x" })),
      () => repository.get(/** @type {any} */ (7)),
      () => repository.save(/** @type {any} */ ({ service: "analytics" })),
      () => repository.save({ service: "analytics", userId: "a", priority: /** @type {any} */ ("urgent") }),
      () => repository.save({ service: "analytics", userId: "a" }, /** @type {any} */ ("always")),
      () => repository.setPriority("x", /** @type {any} */ ("urgent")),
      () => repository.setPriority("x", any),
      () => repository.listTasks(/** @type {any} */ ({ ids: ["1"], user: "a" })),
      () => repository.listTasks({}, { limit: 2 ** 40 }),
    ]);
    for (const call of calls) tell(thrown(call));
    tell(currentTask.log("a lone surrogate: \ud800"));
  },
  records: (task) => {
    tell(task);
    tell(parameter(task, "big", BigInt)?.toString());
    tell(parameter(task, "none") === undefined);
    const id = repository.save({ service: "analytics", userId: "carol", parameters: { n: [1, null] }, logs: ["no time"], result: { podStatus: "up" } });
    const saved = repository.get(id);
    if (saved === undefined) throw new Error("it is not there");
    tell([saved.parameters, saved.parametersText, saved.logs, saved.result, saved.status, saved.priority]);
    tell(repository.save({ ...saved, parameters: saved.parametersText, priority: "high" }, { unchangedSince: saved.updatedAt }) === id);
    tell([repository.appendLogs(id, ["a", "b"]), repository.setActiveJobs(id, new Set(["j"])), repository.updateResult(id, { launcherOutput: "out" })]);
    tell([repository.setPriority(id, "low"), repository.get(id)?.priority, repository.setPriority(id, "high")]);
    tell(repository.setStatus(id, "completed", "done"));
    const { logs, activeJobs, result, priority } = repository.get(id) ?? saved;
    tell([logs.map((entry) => entry.replace(/^[^,]*,/, "")), activeJobs, result, priority]);
    tell([currentTask.updateResult({ podStatus: "own" }), currentTask.setActiveJobs(["x"]), currentTask.get().result, currentTask.cancelRequested()]);
    const next = repository.peekNextTaskId();
    tell(repository.nextTaskId() === next);
  },
  listing: () => {
    for (const id of ["b", "10", "9"]) repository.save({ taskId: id, service: "analytics", userId: "dave" });
    const ids = (/** @type {Iterable<import("task-state").TaskRecord>} */ tasks) => Array.from(tasks, ({ taskId }) => taskId);
    const page = repository.listTasks({ user: "dave" }, { limit: 2 });
    tell([ids(page.tasks), page.next]);
    tell([ids(repository.listTasks({ user: "dave" }, { limit: 2, cursor: page.next }).tasks)]);
    tell(ids(repository.tasks({ service: "analytics", user: "dave" })));
    tell(ids(repository.tasks({ ids: new Set(["9", "none"]) })));
    tell(repository.listUsers("analytics"));
    tell([repository.delete("9"), repository.delete("9")]);
  },
  progress: async () => {
    for (const word of progress(["a", "b"], { note: (word) => `at ${word}` })) tell(word);
    for await (const number of progress(numbers(), { total: 3, note: "numbers" })) tell(number);
  },
  "progress of nothing": () => {
    for (const number of progress([])) tell(number);
  },
  "progress that is refused": () => {
    for (const number of progress([1, 2], { note: "x".repeat(2_000) })) tell(number);
  },
  "progress that breaks off": () => {
    for (const number of progress([1, 2, 3])) if (number === 3) break;
  },
};

/** @param {import("task-state").TaskRecord} task */
export function run(task) {
  const name = parameter(task, "case") ?? "nothing";
  const play = CASES[name];
  if (play === undefined) throw new Error(`there is no case "${name}"`);
  return /** @type {void | Promise<void>} */ (play(task));
}
