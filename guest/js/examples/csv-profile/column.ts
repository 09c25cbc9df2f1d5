// What is known of one column.

import { Mean } from "./mean.js";
import { trim } from "./rows.js";

/** What the values of a column are. Empty ones do not count. */
export type Kind = "empty" | "number" | "text" | "mixed";

/** The longest text that is kept of a value, in bytes. */
const MAX_TEXT_BYTES = 256;

/** The longest value that is remembered as it is, in characters. Of a longer one a hash is. */
const MAX_REMEMBERED = 32;

/** A decimal number with or without sign, fraction and exponent. */
const NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** Whole numbers that are told apart by their digits, though they may share a double. */
const WHOLE = /^[+-]?[0-9]{1,40}$/;
const [MIN_WHOLE, MAX_WHOLE] = [-(2n ** 127n), 2n ** 127n - 1n];

const SURROGATE_OR_BEYOND = /[\ud800-\uffff]/;

const encoder = new TextEncoder();

/** The least and the greatest of the values so far. */
class Range<T> {
  ends: [T, T] | undefined;

  /** Widens it by a value, which is made only to be an end of it. */
  add(compare: (end: T) => number, make: () => T): void {
    if (this.ends === undefined) this.ends = [make(), make()];
    else if (compare(this.ends[0]) > 0) this.ends[0] = make();
    else if (compare(this.ends[1]) < 0) this.ends[1] = make();
  }
}

/** A number with its spelling, which may hold more digits than a double. */
interface Spelled {
  value: number;
  text: string;
}

/**
 * The statistics of one column. White space around a value is no part of it, and a value of nothing else is empty.
 */
export class Column {
  /** How many values are not empty. */
  count = 0;
  empty = 0;
  /** The mean of those that are numbers. */
  readonly mean = new Mean();
  private seen: Set<string> | undefined = new Set();
  private readonly numbers = new Range<Spelled>();
  private readonly texts = new Range<string>();

  /** A column without values, whose different values are counted up to `bound`. */
  constructor(
    readonly name: string,
    readonly bound: number,
  ) {}

  /** Takes the value of one more row. */
  add(field: string): void {
    const value = trim(field);
    if (value === "") {
      this.empty += 1;
      return;
    }
    this.count += 1;
    this.remember(value);
    // What begins a number sorts before what does not.
    const number = value < ":" && NUMBER.test(value) ? Number(value) : NaN;
    if (Number.isFinite(number)) {
      this.mean.add(number);
      this.numbers.add(
        (end) => compareNumbers(end, number, value),
        () => spelled(number, value),
      );
    } else {
      const text = cut(value);
      this.texts.add(
        (end) => compareTexts(end, text),
        () => text,
      );
    }
  }

  private remember(value: string): void {
    if (this.seen === undefined) return;
    this.seen.add(value.length <= MAX_REMEMBERED ? value : hash(value));
    if (this.seen.size > this.bound) this.seen = undefined;
  }

  /** How many different values there were; undefined if there were more than the bound. */
  get distinct(): number | undefined {
    return this.seen?.size;
  }

  get kind(): Kind {
    if (this.count === 0) return "empty";
    if (this.mean.count === 0) return "text";
    return this.mean.count === this.count ? "number" : "mixed";
  }

  /**
   * The least and the greatest value as they are spelled: of the numbers, if there are any, else of the texts by code
   * point, the first bytes of them.
   */
  get range(): [string, string] | undefined {
    const { ends } = this.numbers;
    return ends === undefined ? this.texts.ends : [ends[0].text, ends[1].text];
  }
}

function spelled(value: number, text: string): Spelled {
  return { value, text: encoder.encode(text).length <= MAX_TEXT_BYTES ? text : value.toExponential().replace("e+", "e") };
}

function compareNumbers(end: Spelled, value: number, text: string): number {
  if (end.value !== value) return end.value < value ? -1 : 1;
  if (value === 0 && !Object.is(end.value, value)) return Object.is(end.value, -0) ? -1 : 1;
  const [left, right] = [whole(end.text), whole(text)];
  if (left === undefined || right === undefined || left === right) return 0;
  return left < right ? -1 : 1;
}

function whole(text: string): bigint | undefined {
  if (!WHOLE.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return value >= MIN_WHOLE && value <= MAX_WHOLE ? value : undefined;
}

/** By code point, which for pairs of surrogates is not the order of their halves. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATE_OR_BEYOND.test(a) && !SURROGATE_OR_BEYOND.test(b)) return a < b ? -1 : 1;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left === right) continue;
    const [isHalf, isOtherHalf] = [left >= 0xd800 && left < 0xe000, right >= 0xd800 && right < 0xe000];
    if (isHalf !== isOtherHalf && left >= 0xd800 && right >= 0xd800) return isHalf ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/** The first bytes of a text, without a part of a character. */
function cut(text: string): string {
  if (text.length * 3 <= MAX_TEXT_BYTES) return text;
  let bytes = 0;
  let kept = "";
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > MAX_TEXT_BYTES) break;
    kept += character;
  }
  return kept;
}

/** A hash of 64 bits, marked by a character that no value starts with: it would be white space. */
function hash(text: string): string {
  let [low, high] = [0x811c9dc5, 0x9747b28c];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul((high << 13) | (high >>> 19), 5) ^ Math.imul(code, 0x5bd1e995);
  }
  return ` ${(low >>> 0).toString(36)} ${(high >>> 0).toString(36)} ${text.length}`;
}
