// What a run prints, of which the host keeps the end.

import { byteLength } from "./values.js";

/** The bytes that are kept. */
const KEPT = 64 * 1024;

export class Output {
  /** @type {Uint8Array[]} */
  #pieces = [];

  /** @param {string | Uint8Array} piece */
  write(piece) {
    this.#pieces.push(typeof piece === "string" ? Buffer.from(piece, "utf8") : Uint8Array.from(piece));
  }

  /** All that was printed. */
  get text() {
    return Buffer.concat(this.#pieces).toString("utf8");
  }

  /** What the task's result has of it; undefined if nothing was printed. */
  get kept() {
    const bytes = Buffer.concat(this.#pieces);
    if (bytes.length === 0) return undefined;
    if (bytes.length <= KEPT) return bytes.toString("utf8");
    let start = bytes.length - KEPT;
    // The rest of a character that was cut is dropped.
    for (let more = 0; more < 3 && (Number(bytes[start]) & 0xc0) === 0x80; more += 1) start += 1;
    return `[${start} bytes of earlier output were cut]\n${bytes.subarray(start).toString("utf8")}`;
  }
}

/** The longest text of a failure that is kept, in bytes. */
const MAX_FAILURE = 64 * 1024;

/** The beginning of a failure that is longer than may be, with a mark. @param {string} text */
export function cutFailure(text) {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= MAX_FAILURE) return text;
  let end = MAX_FAILURE;
  while ((Number(bytes[end]) & 0xc0) === 0x80) end -= 1;
  const kept = bytes.subarray(0, end).toString("utf8");
  return `${kept}\n[${bytes.length - byteLength(kept)} more bytes were cut]`;
}
