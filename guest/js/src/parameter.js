// Reading one of a task's parameters.

import { text } from "./check.js";
import { Failure } from "./errors.js";

/** @typedef {import("./record.js").TaskRecord} TaskRecord */

/** How much of a value an error shows, in characters. */
const EXCERPT = 80;

/**
 * One of the task's parameters, read from its text; undefined if it is absent or null.
 *
 * The text of a JSON string is what it says, that of any other value is its JSON as it was given, so that `10` and `"10"`
 * (which is what `task-state run --param every=10` gives) are both read as `10`, and no digit of a long number is lost.
 * For parameters of more structure there is `task.parameters`.
 *
 * ```js
 * const name = parameter(task, "name") ?? "world";
 * const rows = parameter(task, "rows", BigInt);
 * ```
 *
 * Throws a `Failure` that names the parameter and its value, if `read` throws; its message says why.
 * @template [T=string]
 * @param {TaskRecord} task
 * @param {string} name
 * @param {(text: string) => T} [read] makes a value of the text; the text itself, if absent
 * @returns {T | undefined}
 */
export function parameter(task, name, read) {
  const raw = values(task.parametersText).get(text("name", name));
  if (raw === undefined || raw === "null") return undefined;
  const given = raw.startsWith('"') ? JSON.parse(raw) : raw;
  if (read === undefined) return given;
  try {
    return read(given);
  } catch (error) {
    const characters = [...raw];
    const excerpt = characters.length > EXCERPT ? `${characters.slice(0, EXCERPT).join("")}…` : raw;
    throw new Failure(`the parameter "${name}" is ${excerpt}: ${error instanceof Error ? error.message : error}`);
  }
}

/** One token of JSON: a string, a number or a word, or a mark. White space before it is passed. */
const TOKEN = /[ \t\r\n]*("(?:[^"\\]|\\.)*"|[-+.\w]+|[{}[\],:])/y;

/**
 * The fields of a JSON object, each with its text. Of one that is given twice the last counts. The store has seen to it
 * that the text is JSON.
 * @param {string} json
 * @returns {Map<string, string>}
 */
function values(json) {
  /** @type {Map<string, string>} */
  const found = new Map();
  let [depth, name, start] = [0, "", 0];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(json); match !== null; match = TOKEN.exec(json)) {
    const token = /** @type {string} */ (match[1]);
    const at = TOKEN.lastIndex - token.length;
    if (depth === 1 && start === 0 && token.startsWith('"')) name = JSON.parse(token);
    else if (depth === 1 && token === ":") start = -1;
    else if (start === -1) start = at;
    if (depth === 1 && start > 0 && (token === "," || token === "}")) {
      found.set(name, json.slice(start, at).trimEnd());
      start = 0;
    }
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
  }
  return found;
}
