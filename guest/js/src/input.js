// The task's input: standard input, empty unless the caller gives one. It is read once, as it comes: what one of these
// functions has taken, the next does not see.

import { host } from "#host";

/** What is asked for at a time, in bytes. */
const PIECE = 64 * 1024;

/**
 * The input in pieces as they come, of at most 64 KiB each: for input that is larger than the memory.
 * @returns {Generator<Uint8Array, void, undefined>}
 */
export function* chunks() {
  for (;;) {
    const piece = host().readInput(PIECE);
    if (piece === undefined) return;
    if (piece.length > 0) yield piece;
  }
}

/**
 * The rest of the input as bytes.
 * @returns {Uint8Array}
 */
export function bytes() {
  const pieces = [...chunks()];
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/**
 * The rest of the input as text. U+FFFD stands for what is not UTF-8; a byte order mark at the start is left out.
 * @returns {string}
 */
export function text() {
  return [...texts()].join("");
}

/**
 * The lines of the rest of the input as they come, without what ends them: a line feed, or a carriage return and a line
 * feed. The last line needs no end. Text is read as by `text`.
 *
 * ```js
 * for (const line of input.lines()) currentTask.log(line);
 * ```
 * @returns {Generator<string, void, undefined>}
 */
export function* lines() {
  /** The pieces of a line whose end has not come. @type {string[]} */
  let begun = [];
  for (const piece of texts()) {
    let start = 0;
    for (let end = piece.indexOf("\n"); end >= 0; end = piece.indexOf("\n", start)) {
      begun.push(piece.slice(start, end));
      const line = begun.length === 1 ? /** @type {string} */ (begun[0]) : begun.join("");
      begun = [];
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
      start = end + 1;
    }
    if (start < piece.length) begun.push(piece.slice(start));
  }
  if (begun.length > 0) yield begun.join("");
}

/** @returns {Generator<string, void, undefined>} */
function* texts() {
  const decoder = new TextDecoder();
  for (const piece of chunks()) yield decoder.decode(piece, { stream: true });
  yield decoder.decode();
}
