// What a component has of a system: a clock, random bytes, input and output. There is none of it while the component is
// built, when everything that stands outside of `run` is carried out.

import { encodeUtf8 } from "./text.js";

/**
 * @typedef {object} SystemImports
 * @property {any} stdin `wasi:cli/stdin`
 * @property {any} stdout `wasi:cli/stdout`
 * @property {any} stderr `wasi:cli/stderr`
 * @property {any} clock `wasi:clocks/monotonic-clock`
 * @property {any} random `wasi:random/random`
 * @property {(value: number) => any} u64 a number of 64 bits as the engine hands it over
 */

/** The most bytes that a stream takes at once. */
const MAX_WRITE = 4096;

/** @type {SystemImports | undefined} */
let system;
let start = 0;

/** What was printed while the component was built. @type {{ write: (text: string) => void, text: string }[]} */
const early = [];

/** @returns {SystemImports} */
function connected() {
  if (system === undefined) throw new Error("this works in run only: what stands outside is carried out when the plugin is built");
  return system;
}

/** @param {SystemImports} imports */
export function connectSystem(imports) {
  system = imports;
  start = nanoseconds();
  for (const { write, text } of early.splice(0)) write(text);
}

function nanoseconds() {
  return Number(connected().clock.now());
}

/** Milliseconds since `run` began. */
export function now() {
  return (nanoseconds() - start) / 1e6;
}

/** Waits so many milliseconds, during which nothing of the component goes on. @param {number} ms */
export function block(ms) {
  const { clock, u64 } = connected();
  clock.subscribeDuration(u64(Math.ceil(ms * 1e6))).block();
}

/** @param {number} length @returns {Uint8Array} */
export function randomBytes(length) {
  const { random, u64 } = connected();
  return Uint8Array.from(random.getRandomBytes(u64(length)));
}

/** @param {"stdout" | "stderr"} name */
function writer(name) {
  /** @type {any} */
  let stream;
  const write = (/** @type {string} */ text) => {
    if (system === undefined) {
      early.push({ write, text });
      return;
    }
    stream ??= name === "stdout" ? system.stdout.getStdout() : system.stderr.getStderr();
    const bytes = encodeUtf8(text);
    for (let at = 0; at < bytes.length; at += MAX_WRITE) stream.blockingWriteAndFlush(bytes.slice(at, at + MAX_WRITE));
  };
  return write;
}

export const writeOut = writer("stdout");
export const writeErr = writer("stderr");

/** @type {any} */
let stdin;

/**
 * At most so many bytes of standard input; undefined at its end.
 * @param {number} most
 * @returns {Uint8Array | undefined}
 */
export function readInput(most) {
  const { stdin: source, u64 } = connected();
  stdin ??= source.getStdin();
  try {
    const piece = stdin.blockingRead(u64(most));
    return piece instanceof Uint8Array ? piece : Uint8Array.from(piece);
  } catch (thrown) {
    const error = /** @type {any} */ (thrown)?.payload ?? thrown;
    if (error?.tag === "closed") return undefined;
    if (error?.tag === "last-operation-failed") throw new Error(`cannot read the input: ${error.val.toDebugString()}`);
    throw thrown;
  }
}
