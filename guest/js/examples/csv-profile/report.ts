// How a profile is printed.

import type { Column } from "./column.js";
import { asJson, shortNumber } from "./numbers.js";
import type { Profile } from "./profile.js";
import { charWidth, width } from "./width.js";

/** A table with a line for each column, for people; or one line of JSON, for programs. */
export type Format = "table" | "json";

export function readFormat(text: string): Format {
  if (text !== "table" && text !== "json") throw new Error("it is one of table, json");
  return text;
}

/** A profile without a line feed at the end. */
export function report(profile: Profile, format: Format): string {
  return format === "table" ? table(profile) : json(profile);
}

/** The widest that a cell of the table may be, in columns of a terminal. */
const MAX_CELL = 24;

const HEADINGS = ["column", "kind", "count", "empty", "distinct", "min", "max", "mean"];

/** How many columns of the table are aligned to the left: those of text. The others are aligned to the right. */
const LEFT_ALIGNED = 2;

function table({ rows, columns }: Profile): string {
  const lines = [HEADINGS, ...columns.map(cells)];
  const widths = HEADINGS.map((_, at) => Math.max(...lines.map((line) => width(line[at]!))));
  const shown = lines.map((line) => {
    const padded = line.map((cell, at) => {
      const padding = " ".repeat(widths[at]! - width(cell));
      return at < LEFT_ALIGNED ? cell + padding : padding + cell;
    });
    return padded.join("  ").trimEnd();
  });
  return [`${rows} rows, ${columns.length} columns`, ...shown].join("\n");
}

function cells(column: Column, index: number): string[] {
  const { name, kind, count, empty, distinct, bound, range, mean } = column;
  return [
    name === "" ? `(column ${index + 1})` : cell(name),
    kind,
    String(count),
    String(empty),
    distinct === undefined ? `>${bound}` : String(distinct),
    range === undefined ? "" : cell(range[0]),
    range === undefined ? "" : cell(range[1]),
    mean.mean === undefined ? "" : shortNumber(mean.mean),
  ];
}

/** A text on one line, cut where it is too wide. */
function cell(text: string): string {
  let shown = "";
  let columns = 0;
  for (const character of text) {
    const visible = /\p{Cc}/u.test(character) ? "·" : character;
    columns += charWidth(visible);
    if (columns > MAX_CELL) {
      while (width(shown) >= MAX_CELL) shown = [...shown].slice(0, -1).join("");
      return `${shown}…`;
    }
    shown += visible;
  }
  return shown;
}

function json({ rows, columns }: Profile): string {
  const shown = columns.map(({ name, kind, count, empty, distinct, bound, range, mean }) => {
    const value = (text: string): string => (kind === "text" ? JSON.stringify(text) : asJson(text));
    const fields = {
      name: JSON.stringify(name),
      kind: JSON.stringify(kind),
      count,
      empty,
      // At least so many, unless it is exact.
      distinct: distinct ?? bound + 1,
      distinct_is_exact: distinct !== undefined,
      numbers: mean.count,
      min: range === undefined ? null : value(range[0]),
      max: range === undefined ? null : value(range[1]),
      mean: mean.mean === undefined ? null : asJson(mean.mean),
    };
    return `{${Object.entries(fields).map(([field, text]) => `"${field}":${text}`).join(",")}}`;
  });
  return `{"rows":${rows},"columns":[${shown.join(",")}]}`;
}
