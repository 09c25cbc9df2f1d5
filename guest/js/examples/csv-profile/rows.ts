// The rows of a CSV file, as they come. Rows end with a line feed, a carriage return, or both; empty lines are no rows.

import { Failure } from "task-state";

/** The longest row, in bytes without what ends it. */
export const MAX_ROW_BYTES = 2 ** 20;

/** The most columns. */
export const MAX_COLUMNS = 1_000;

const [LF, CR, QUOTE, COMMA] = [10, 13, 34, 44];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** All that Unicode takes for white space. */
const SPACE_AROUND = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The rows that follow the row of column names. */
export class Rows {
  /** The names of the columns, in order, without white space around them. */
  readonly names: string[];
  /** The line on which the last row that was read starts, from 1. */
  line = 0;
  /** How many bytes of the input have been read as rows. */
  bytes = 0;

  private readonly input: Iterator<Uint8Array>;
  /** What was taken of the input, of which everything before `at` has been read. */
  private buffer: Uint8Array = new Uint8Array(0);
  private at = 0;
  /** Line feeds that have been read. */
  private feeds = 0;
  /** The line on which the last row ended. */
  private endLine = 0;
  /** Lines that are rows for certain, the last first. */
  private lines: string[] = [];

  constructor(input: Iterator<Uint8Array>) {
    this.input = input;
    while (this.buffer.length < BYTE_ORDER_MARK.length && this.fill());
    if (BYTE_ORDER_MARK.every((byte, index) => this.buffer[index] === byte)) this.pass(BYTE_ORDER_MARK.length);
    const names = this.read();
    if (names === undefined) throw new Failure("the input is empty; it starts with a row of column names");
    if (names.length > MAX_COLUMNS) {
      throw new Failure(`line ${this.line}: ${names.length} columns, which is more than ${MAX_COLUMNS}`);
    }
    this.names = names.map(trim);
  }

  /** The next row, which has a field for each column; undefined after the last. */
  next(): string[] | undefined {
    const row = this.read();
    if (row !== undefined && row.length !== this.names.length) {
      throw new Failure(`line ${this.line}: the row has ${row.length} fields, but there are ${this.names.length} columns`);
    }
    return row;
  }

  private read(): string[] | undefined {
    if (this.lines.length === 0) this.takeLines();
    for (let line = this.lines.pop(); line !== undefined; line = this.lines.pop()) {
      this.feeds += 1;
      if (line === "") continue;
      this.line = this.endLine = this.feeds;
      return line.split(",");
    }
    return this.readOne();
  }

  /** Takes all lines at once that are there whole, if nothing is in them that needs a closer look. */
  private takeLines(): void {
    if (this.at >= this.buffer.length && !this.fill()) return;
    const rest = this.buffer.subarray(this.at);
    const quote = rest.indexOf(QUOTE);
    const end = quote < 0 ? rest.lastIndexOf(LF) : rest.lastIndexOf(LF, quote);
    if (end < 0 || end > MAX_ROW_BYTES) return;
    let text;
    try {
      text = utf8.decode(rest.subarray(0, end));
    } catch {
      return;
    }
    if (text.includes("\r")) text = text.replaceAll("\r\n", "\n").replace(/\r$/, "");
    if (text.includes("\r")) return;
    this.pass(end + 1);
    this.lines = text.split("\n").reverse();
  }

  /** Reads a row byte by byte. */
  private readOne(): string[] | undefined {
    if (!this.passEmptyLines()) return undefined;
    this.line = this.feeds + 1;
    const end = this.findEnd();
    const row = this.buffer.subarray(this.at, end);
    this.pass(row.length);
    let text;
    try {
      text = utf8.decode(row);
    } catch {
      throw new Failure(`line ${this.line}: field ${brokenField(row)} is not UTF-8 text`);
    }
    const fields = split(text);
    const inside = text.includes("\n") ? text.split("\n").length - 1 : 0;
    this.feeds += inside;
    this.endLine = this.line + inside;
    return fields;
  }

  /** Where the row ends that starts here. */
  private findEnd(): number {
    for (;;) {
      const { end, isOpen } = endOfRow(this.buffer, this.at);
      if ((end ?? this.buffer.length) - this.at > MAX_ROW_BYTES) {
        throw new Failure(`line ${this.endLine + 1}: the row is longer than ${MAX_ROW_BYTES} bytes; perhaps a quote is not closed`);
      }
      if (end !== undefined) return end;
      if (this.fill()) continue;
      if (isOpen) throw new Failure(`line ${this.line}: a quote is opened in this row and never closed`);
      return this.buffer.length;
    }
  }

  /** Passes what ends lines; false at the end of the input. */
  private passEmptyLines(): boolean {
    while (this.at < this.buffer.length || this.fill()) {
      const byte = this.buffer[this.at];
      if (byte !== LF && byte !== CR) return true;
      if (byte === LF) this.feeds += 1;
      this.pass(1);
    }
    return false;
  }

  private pass(bytes: number): void {
    this.at += bytes;
    this.bytes += bytes;
  }

  /** Takes more of the input; false at its end. */
  private fill(): boolean {
    const { done, value } = this.input.next();
    if (done) return false;
    const rest = this.buffer.subarray(this.at);
    const buffer = new Uint8Array(rest.length + value.length);
    buffer.set(rest);
    buffer.set(value, rest.length);
    [this.buffer, this.at] = [buffer, 0];
    return true;
  }
}

/** Where a row ends, if that is in the buffer; if not, whether a quote is open. */
function endOfRow(buffer: Uint8Array, from: number): { end: number | undefined; isOpen: boolean } {
  const feed = buffer.indexOf(LF, from);
  if (feed >= 0) {
    const line = buffer.subarray(from, feed);
    const quote = line.indexOf(QUOTE);
    const end = line.indexOf(CR);
    if (quote < 0) return { end: end < 0 ? feed : from + end, isOpen: false };
  }
  let state: "start" | "plain" | "quoted" | "after a quote" = "start";
  for (let at = from; at < buffer.length; at += 1) {
    const byte = buffer[at];
    if (state === "quoted") state = byte === QUOTE ? "after a quote" : "quoted";
    else if (byte === QUOTE && state !== "plain") state = "quoted";
    else if (byte === LF || byte === CR) return { end: at, isOpen: false };
    else state = byte === COMMA ? "start" : "plain";
  }
  return { end: undefined, isOpen: state === "quoted" };
}

/** The fields of a row. A quote begins a field, two in one stand for one, and what follows the last belongs to the field. */
function split(row: string): string[] {
  if (!row.includes('"')) return row.split(",");
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = "";
    while (row[at] === '"') {
      const end = row.indexOf('"', at + 1);
      field += row.slice(at + 1, end < 0 ? row.length : end);
      at = end < 0 ? row.length : end + 1;
      if (row[at] === '"') field += '"';
    }
    const end = row.indexOf(",", at);
    fields.push(field + row.slice(at, end < 0 ? row.length : end));
    if (end < 0) return fields;
    at = end + 1;
  }
}

/** The number of the first field, from 1, that is not UTF-8 text. */
function brokenField(row: Uint8Array): number {
  const bytesAsText = Array.from(row, (byte) => String.fromCharCode(byte)).join("");
  const isBroken = (field: string): boolean => {
    try {
      utf8.decode(Uint8Array.from(field, (character) => character.charCodeAt(0)));
      return false;
    } catch {
      return true;
    }
  };
  return split(bytesAsText).findIndex(isBroken) + 1;
}

/** A text without white space around it. */
export function trim(text: string): string {
  const [first, last] = [text.charCodeAt(0), text.charCodeAt(text.length - 1)];
  if (text === "" || (first > 0x20 && first < 0x7f && last > 0x20 && last < 0x7f)) return text;
  return text.replace(SPACE_AROUND, "");
}
