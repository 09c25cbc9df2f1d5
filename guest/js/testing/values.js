// Values that a caller gives, held to what the store can keep, and told as the host tells them.

/** A value that the store cannot hold. */
export class InvalidValue extends Error {
  /**
   * @param {string} what what it was meant to be, such as `task id`
   * @param {string} value
   * @param {string} why
   */
  constructor(what, value, why) {
    super(`invalid ${what} ${excerpt(value)}: ${why}`);
  }
}

/** The most characters of a value that a message shows. */
const MAX_SHOWN = 80;

/** @param {string} value */
function excerpt(value) {
  const characters = [...value];
  if (characters.length <= MAX_SHOWN) return quoted(value);
  return `${quoted(characters.slice(0, MAX_SHOWN).join(""))}… (${byteLength(value)} bytes)`;
}

const ESCAPES = /** @type {Record<string, string>} */ ({ "\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" });

/**
 * What is not printed as it is: control and format characters, white space but the space, what is not assigned.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\\/gu;

/** @param {string} text @param {string} mark */
function quotedWith(text, mark) {
  const escaped = text.replace(UNPRINTABLE, (c) => ESCAPES[c] ?? `\\u{${Number(c.codePointAt(0)).toString(16)}}`);
  return mark + escaped.replaceAll(mark, `\\${mark}`) + mark;
}

/** A text in quotes, on one line. @param {string} text */
export function quoted(text) {
  return quotedWith(text, '"');
}

/** @param {string} text */
export function byteLength(text) {
  return Buffer.byteLength(text, "utf8");
}

/** The longest name, in bytes of UTF-8. */
const MAX_NAME = 128;

const BAD_IN_NAME = /[:{}\p{White_Space}\p{Cc}]/u;

/** The id under which the store would keep its sequence of ids, were it a task. */
const SEQUENCE = "id:sequence";

/**
 * A name as a save takes it.
 * @param {string} what
 * @param {string} name
 */
export function checkName(what, name) {
  if (name === "") throw new InvalidValue(what, name, "it is empty");
  const bytes = byteLength(name);
  if (bytes > MAX_NAME) throw new InvalidValue(what, name, `it has ${bytes} bytes, and at most ${MAX_NAME} are allowed`);
  const bad = BAD_IN_NAME.exec(name)?.[0];
  if (bad === undefined) return;
  const why = `it contains ${quotedWith(bad, "'")}; ':', '{', '}', white space and control characters are not allowed`;
  throw new InvalidValue(what, name, why);
}

/**
 * The id of a task that may be there already.
 * @param {string} id
 */
export function checkStoredId(id) {
  if (id === "") throw new InvalidValue("task id", id, "it is empty");
  if (id === SEQUENCE) throw new InvalidValue("task id", id, "the store keeps its sequence of ids under it");
}
