// Arguments on their way to the host. An engine that is handed a value of the wrong type ends the whole run without a word
// on which it was, so each is looked at here.

/** @typedef {import("./errors.js").TaskStatus} TaskStatus */
/** @typedef {import("./record.js").Priority} Priority */

/** Every status, in the order in which a task goes through them. @type {readonly TaskStatus[]} */
export const STATUSES = Object.freeze([
  "pending",
  "dispatching",
  "running",
  "completed",
  "failed",
  "cancel-requested",
  "cancelled",
]);

/** Every priority. @type {readonly Priority[]} */
const PRIORITIES = Object.freeze(["high", "low"]);

/** The most that an unsigned number of 64 bits may be. */
const MAX_U64 = 2n ** 64n - 1n;

/**
 * The error for a value that is not what a call wants.
 * @param {string} what
 * @param {unknown} value
 * @param {string} wanted
 * @returns {TypeError}
 */
export function mistyped(what, value, wanted) {
  return new TypeError(`${what} is ${spell(value)}, and must be ${wanted}`);
}

/** @param {unknown} value @returns {string} */
function spell(value) {
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "string" && (typeof value !== "object" || value === null)) return String(value);
  let spelled;
  try {
    spelled = JSON.stringify(value);
  } catch {
    spelled = undefined;
  }
  spelled ??= Object.prototype.toString.call(value);
  return spelled.length > 80 ? `${spelled.slice(0, 80)}…` : spelled;
}

/**
 * A text, in which U+FFFD stands for each lone surrogate: the other side knows none.
 * @param {string} what
 * @param {unknown} value
 * @returns {string}
 */
export function text(what, value) {
  if (typeof value !== "string") throw mistyped(what, value, "a string");
  return value.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

/**
 * @param {string} what
 * @param {unknown} value
 * @returns {string | undefined}
 */
export function optionalText(what, value) {
  return value === undefined || value === null ? undefined : text(what, value);
}

/**
 * @param {string} what
 * @param {unknown} value any iterable of strings, but no string
 * @returns {string[]}
 */
export function texts(what, value) {
  const isIterable = typeof value === "object" && value !== null && Symbol.iterator in value;
  if (!isIterable) throw mistyped(what, value, "a list of strings");
  return Array.from(/** @type {Iterable<unknown>} */ (value), (item, index) => text(`${what}[${index}]`, item));
}

/**
 * @template {string} W
 * @param {string} what
 * @param {unknown} value
 * @param {readonly W[]} words
 * @returns {W}
 */
export function oneOf(what, value, words) {
  const found = words.find((word) => word === value);
  if (found === undefined) throw mistyped(what, value, `one of ${words.join(", ")}`);
  return found;
}

/** @param {unknown} value @returns {TaskStatus} */
export function status(value) {
  return oneOf("status", value, STATUSES);
}

/** @param {unknown} value @returns {Priority} */
export function priority(value) {
  return oneOf("priority", value, PRIORITIES);
}

/**
 * A whole number of 64 bits: a number where that holds it exactly, else a bigint.
 * @param {string} what
 * @param {unknown} value
 * @returns {number | bigint}
 */
export function count(what, value) {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === "bigint" && value >= 0n && value <= MAX_U64) {
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? value : Number(value);
  }
  throw mistyped(what, value, `a whole number from 0 to 2^53 - 1, or a bigint to 2^64 - 1`);
}

/**
 * An object whose names are all known: a misspelt one would be left out without a word.
 * @param {string} what
 * @param {unknown} value
 * @param {readonly string[]} names
 * @returns {Record<string, unknown>}
 */
export function fields(what, value, names) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw mistyped(what, value, "an object");
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw new TypeError(`${what} has no field ${JSON.stringify(name)}; it may have ${names.join(", ")}`);
  }
  return /** @type {Record<string, unknown>} */ (value);
}
