// The parameters of a task: the text of a JSON object that every reader of the store can read.

import { InvalidValue } from "./values.js";

const MAX_DEPTH = 128;

/** The most digits of a number before its point. */
const MAX_DIGITS = 4_000;

const TOKEN = /[ \t\r\n]*("(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|[a-z]+|[{}[\],:])/y;

/**
 * The text without white space between its tokens, strings in their plain spelling and numbers as they were given.
 * @param {string} text
 * @returns {string}
 */
export function compactObject(text) {
  const refuse = (/** @type {string} */ why) => new InvalidValue("parameters", text, why);
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`it is not JSON: ${/** @type {Error} */ (error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("it is not a JSON object");
  const tokens = [];
  let depth = 0;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const token = String(match[1]);
    if (token === "{" || token === "[") depth += 1;
    if (token === "}" || token === "]") depth -= 1;
    if (depth > MAX_DEPTH) throw refuse(`it is nested more than ${MAX_DEPTH} deep`);
    if (/^[-0-9]/.test(token)) checkNumber(token, refuse);
    tokens.push(token.startsWith('"') ? plain(token, refuse) : token);
  }
  return tokens.join("");
}

/** @param {string} token @param {(why: string) => InvalidValue} refuse */
function checkNumber(token, refuse) {
  const digits = /^-?(\d+)/.exec(token)?.[1]?.length ?? 0;
  if (digits > MAX_DIGITS) {
    throw refuse(`it holds a number with ${digits} digits before its point, and at most ${MAX_DIGITS} are allowed`);
  }
  if (/[.eE]/.test(token) && !Number.isFinite(Number(token))) {
    throw refuse(`it holds the number ${token}, which is beyond the range of a double`);
  }
}

/** @param {string} token @param {(why: string) => InvalidValue} refuse */
function plain(token, refuse) {
  const string = JSON.parse(token);
  if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(string)) {
    throw refuse("one of its strings cannot be read: it holds a lone surrogate");
  }
  return JSON.stringify(string);
}
