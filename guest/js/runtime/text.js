// TextEncoder and TextDecoder.

/**
 * The UTF-8 bytes of a text; those of U+FFFD for a lone surrogate.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function encodeUtf8(text) {
  const bytes = new Uint8Array(text.length * 3);
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    let code = text.charCodeAt(at);
    if (code < 0x80) {
      bytes[end++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = text.charCodeAt(at + 1);
      const isPair = code < 0xdc00 && low >= 0xdc00 && low < 0xe000;
      code = isPair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
      if (isPair) at += 1;
    }
    if (code >= 0x10000) {
      bytes[end++] = 0xf0 | (code >> 18);
      bytes[end++] = 0x80 | ((code >> 12) & 63);
    } else if (code >= 0x800) bytes[end++] = 0xe0 | (code >> 12);
    bytes[end++] = code >= 0x800 ? 0x80 | ((code >> 6) & 63) : 0xc0 | (code >> 6);
    bytes[end++] = 0x80 | (code & 63);
  }
  return bytes.slice(0, end);
}

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return encodeUtf8(String(text));
  }

  /**
   * @param {string} text
   * @param {Uint8Array} into
   */
  encodeInto(text, into) {
    let [read, written] = [0, 0];
    for (const character of String(text)) {
      const bytes = encodeUtf8(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

/** The labels of the encodings that are known. */
const LABELS = /** @type {Record<string, "utf-8" | "utf-16le">} */ ({
  "utf-8": "utf-8",
  utf8: "utf-8",
  "unicode-1-1-utf-8": "utf-8",
  "utf-16le": "utf-16le",
  "utf-16": "utf-16le",
});

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBom;
  /** What has come of a character whose rest has not. */
  #held = new Uint8Array(0);
  #isStart = true;

  /** @param {string} [label] @param {{ fatal?: boolean, ignoreBOM?: boolean }} [options] */
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    const encoding = LABELS[String(label).trim().toLowerCase()];
    if (encoding === undefined) throw new RangeError(`the encoding "${label}" is not known; utf-8 and utf-16le are`);
    this.#encoding = encoding;
    this.#fatal = fatal;
    this.#ignoreBom = ignoreBOM;
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBom;
  }

  /** @param {ArrayBuffer | ArrayBufferView} [input] @param {{ stream?: boolean }} [options] */
  decode(input, { stream = false } = {}) {
    const given = bytesOf(input);
    let bytes = given;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + given.length);
      bytes.set(this.#held);
      bytes.set(given, this.#held.length);
    }
    const decoded = this.#encoding === "utf-8" ? decodeUtf8(bytes, stream) : decodeUtf16(bytes, stream);
    this.#held = stream ? bytes.slice(decoded.used) : new Uint8Array(0);
    if (decoded.isBroken && this.#fatal) {
      this.#isStart = true;
      throw new TypeError(`the bytes are not valid ${this.#encoding}`);
    }
    let text = decoded.text;
    if (this.#isStart && text !== "") {
      if (!this.#ignoreBom && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      this.#isStart = false;
    }
    if (!stream) this.#isStart = true;
    return text;
  }
}

/** @param {ArrayBuffer | ArrayBufferView | undefined} input */
function bytesOf(input) {
  if (input === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

/** How many units are made a text at once: a call takes no more arguments than fit on a stack. */
const UNITS = 4096;

/** How many bytes are taken at once, where all of them are ASCII: an engine does that some ten times as fast. */
const PIECE = 1024;

const BEYOND_ASCII = /[^\x00-\x7f]/;

/** Collects the units of a text. */
class Units {
  constructor() {
    this.text = "";
    this.units = new Uint16Array(UNITS + 2);
    this.length = 0;
  }

  /** @param {number} code */
  push(code) {
    if (code >= 0x10000) {
      this.units[this.length++] = 0xd800 + ((code - 0x10000) >> 10);
      this.units[this.length++] = 0xdc00 + ((code - 0x10000) & 0x3ff);
    } else this.units[this.length++] = code;
    if (this.length >= UNITS) this.flush();
  }

  /** Takes bytes that all stand for themselves; false, and nothing is taken, if one does not. @param {Uint8Array} bytes */
  pushAscii(bytes) {
    const text = String.fromCharCode.apply(null, /** @type {any} */ (bytes));
    if (BEYOND_ASCII.test(text)) return false;
    this.flush();
    this.text += text;
    return true;
  }

  flush() {
    if (this.length === 0) return this.text;
    this.text += String.fromCharCode.apply(null, /** @type {any} */ (this.units.subarray(0, this.length)));
    this.length = 0;
    return this.text;
  }
}

/**
 * Decodes as the Encoding Standard says: one U+FFFD for each longest run of bytes that could begin a character.
 * @param {Uint8Array} bytes
 * @param {boolean} isStream whether more may follow
 */
function decodeUtf8(bytes, isStream) {
  const units = new Units();
  let [at, isBroken, mixedUntil] = [0, false, 0];
  while (at < bytes.length) {
    if (at >= mixedUntil) {
      const piece = bytes.subarray(at, at + PIECE);
      const end = at + piece.length;
      if (units.pushAscii(piece)) {
        at = end;
        continue;
      }
      mixedUntil = end;
    }
    const first = /** @type {number} */ (bytes[at]);
    if (first < 0x80) {
      units.push(first);
      at += 1;
      continue;
    }
    const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    let code = first & (0xff >> (length + 1));
    let next = 1;
    for (; next < length && at + next < bytes.length; next += 1) {
      const byte = /** @type {number} */ (bytes[at + next]);
      const least = next > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      const most = next > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      if (byte < least || byte > most) break;
      code = (code << 6) | (byte & 63);
    }
    if (next === length) units.push(code);
    else if (isStream && at + next === bytes.length && length > 0) return { text: units.flush(), used: at, isBroken };
    else {
      units.push(0xfffd);
      isBroken = true;
    }
    at += next;
  }
  return { text: units.flush(), used: at, isBroken };
}

/**
 * @param {Uint8Array} bytes
 * @param {boolean} isStream whether more may follow
 */
function decodeUtf16(bytes, isStream) {
  const units = new Units();
  const unit = (/** @type {number} */ at) => /** @type {number} */ (bytes[at]) | (/** @type {number} */ (bytes[at + 1]) << 8);
  const isIn = (/** @type {number} */ code, /** @type {number} */ from) => code >= from && code < from + 0x400;
  let [at, isBroken] = [0, false];
  while (at < bytes.length) {
    const isWhole = at + 1 < bytes.length;
    const code = isWhole ? unit(at) : 0;
    const isCut = !isWhole || (isIn(code, 0xd800) && at + 3 >= bytes.length);
    if (isCut && isStream) break;
    if (isWhole && isIn(code, 0xd800) && at + 3 < bytes.length && isIn(unit(at + 2), 0xdc00)) {
      units.push(0x10000 + ((code - 0xd800) << 10) + (unit(at + 2) - 0xdc00));
      at += 4;
      continue;
    }
    const isLone = !isWhole || isIn(code, 0xd800) || isIn(code, 0xdc00);
    isBroken ||= isLone;
    units.push(isLone ? 0xfffd : code);
    at += 2;
  }
  return { text: units.flush(), used: Math.min(at, bytes.length), isBroken };
}
