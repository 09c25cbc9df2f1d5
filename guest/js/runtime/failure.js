// What a task's log says of what `run` has thrown.

import { Failure } from "../src/errors.js";
import { inspect } from "./inspect.js";

/** @typedef {(error: unknown) => string[]} OwnFrames what names the frames of an error that are the author's */

/** The most causes that are told. */
const MAX_CAUSES = 10;

/**
 * A `Failure` is told by its text and that of its causes, any other error by its name, text and stack, then its causes,
 * and what is no error as it is printed.
 * @param {unknown} thrown
 * @param {OwnFrames} ownFrames
 * @returns {string}
 */
export function describe(thrown, ownFrames) {
  if (thrown instanceof Failure) return withCauses(thrown);
  if (!(thrown instanceof Error)) return typeof thrown === "string" ? thrown : `run threw ${inspect(thrown)}`;
  return [thrown, ...causes(thrown)].map((error) => one(error, ownFrames)).join("\ncaused by ");
}

/** The causes of an error, each once. @param {Error} error */
function causes(error) {
  const found = new Set();
  /** @type {unknown} */
  let cause = error.cause;
  while (cause !== undefined && cause !== error && !found.has(cause) && found.size < MAX_CAUSES) {
    found.add(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return found;
}

/** @param {unknown} error @param {OwnFrames} ownFrames */
function one(error, ownFrames) {
  if (!(error instanceof Error)) return typeof error === "string" ? error : inspect(error);
  const lines = [headline(error), ...ownFrames(error).map((frame) => `    at ${frame}`)];
  if (error instanceof AggregateError) {
    for (const inner of error.errors.slice(0, MAX_CAUSES)) lines.push(`  - ${one(inner, ownFrames).replaceAll("\n", "\n    ")}`);
  }
  return lines.join("\n");
}

/**
 * The name and the message of an error.
 * @param {Error} error
 */
export function headline(error) {
  try {
    return String(error);
  } catch {
    return "Error";
  }
}

/** @param {Error} failure */
function withCauses(failure) {
  let text = failure.message;
  for (const cause of causes(failure)) {
    const why = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : inspect(cause);
    if (!text.includes(why)) text += `: ${why}`;
  }
  return text;
}
