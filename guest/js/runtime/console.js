// console: log, info and debug to standard output, warn, error and trace to standard error.

import { format, inspect } from "./inspect.js";

/** @typedef {(text: string) => void} Write takes a whole line, with its end */

/**
 * @param {Write} out
 * @param {Write} err
 * @param {() => number} now milliseconds of a clock that never goes back
 * @returns {Record<string, (...values: any[]) => void>}
 */
export function makeConsole(out, err, now) {
  let indent = "";
  const line = (/** @type {Write} */ write, /** @type {unknown[]} */ values) => {
    write(`${indent}${format(values).replaceAll("\n", `\n${indent}`)}\n`);
  };
  const log = (/** @type {unknown[]} */ ...values) => line(out, values);
  const error = (/** @type {unknown[]} */ ...values) => line(err, values);
  /** @type {Map<string, number>} */
  const counts = new Map();
  /** @type {Map<string, number>} */
  const times = new Map();
  const elapsed = (/** @type {string} */ label) => {
    const since = times.get(label);
    return since === undefined ? undefined : `${label}: ${(now() - since).toFixed(3)}ms`;
  };
  return {
    log,
    info: log,
    debug: log,
    error,
    warn: error,
    trace: (...values) => error(values.length === 0 ? "Trace" : `Trace: ${format(values)}`),
    assert: (holds, ...values) => {
      if (!holds) error(values.length === 0 ? "Assertion failed" : `Assertion failed: ${format(values)}`);
    },
    dir: (value) => log(inspect(value)),
    dirxml: log,
    table: (rows, columns) => log(typeof rows === "object" && rows !== null ? table(rows, columns) : rows),
    group: (...values) => {
      if (values.length > 0) log(...values);
      indent += "  ";
    },
    groupCollapsed: (...values) => {
      if (values.length > 0) log(...values);
      indent += "  ";
    },
    groupEnd: () => {
      indent = indent.slice(2);
    },
    count: (label = "default") => {
      const count = (counts.get(String(label)) ?? 0) + 1;
      counts.set(String(label), count);
      log(`${label}: ${count}`);
    },
    countReset: (label = "default") => void counts.delete(String(label)),
    time: (label = "default") => void times.set(String(label), now()),
    timeLog: (label = "default", ...values) => {
      const text = elapsed(String(label));
      if (text !== undefined) log(text, ...values);
    },
    timeEnd: (label = "default") => {
      const text = elapsed(String(label));
      if (text !== undefined) log(text);
      times.delete(String(label));
    },
  };
}

/**
 * A line for each row, a column for each field.
 * @param {object} rows
 * @param {string[]} [columns]
 */
function table(rows, columns) {
  const body = Object.entries(rows).map(([index, row]) => ({ index, row }));
  const isFields = (/** @type {unknown} */ row) => typeof row === "object" && row !== null;
  const names = columns ?? [...new Set(body.flatMap(({ row }) => (isFields(row) ? Object.keys(row) : [])))];
  const hasValues = body.some(({ row }) => !isFields(row));
  const heading = ["(index)", ...names, ...(hasValues ? ["Values"] : [])];
  const lines = body.map(({ index, row }) => {
    const cells = names.map((name) => (isFields(row) && name in row ? inspect(/** @type {any} */ (row)[name], { depth: 0 }) : ""));
    return [index, ...cells, ...(hasValues ? [isFields(row) ? "" : inspect(row)] : [])];
  });
  const widths = heading.map((_, at) => Math.max(...[heading, ...lines].map((cells) => String(cells[at]).length)));
  return [heading, ...lines].map((cells) => cells.map((cell, at) => cell.padEnd(Number(widths[at]))).join("  ").trimEnd()).join("\n");
}
