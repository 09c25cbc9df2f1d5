// Changes of a text whose source map has to fit it afterwards.

import { DIGITS, numbers } from "../runtime/stack.js";

/**
 * What stands from `at` up to `end` becomes `text`. Neither holds the end of a line.
 * @typedef {{ at: number, end: number, text: string }} Edit
 */

/**
 * The text with its changes.
 * @param {string} text
 * @param {Edit[]} edits in order, none within another
 */
export function edited(text, edits) {
  let [whole, from] = ["", 0];
  for (const edit of edits) {
    whole += text.slice(from, edit.at) + edit.text;
    from = edit.end;
  }
  return whole + text.slice(from);
}

/**
 * The mappings of a source map for the text with its changes.
 * @param {string} mappings those for the text without
 * @param {string} text without its changes
 * @param {Edit[]} edits in order, none within another
 */
export function moved(mappings, text, edits) {
  const left = [...edits];
  let begin = 0;
  const lines = mappings.split(";").map((line) => {
    const next = text.indexOf("\n", begin);
    const end = next < 0 ? text.length : next;
    /** @type {Edit[]} */
    const here = [];
    while (left[0] !== undefined && left[0].at <= end) here.push(/** @type {Edit} */ (left.shift()));
    const shifted = here.length === 0 || line === "" ? line : movedLine(line, begin, here);
    begin = end + 1;
    return shifted;
  });
  return lines.join(";");
}

/**
 * @param {string} line the mappings of one line of the text
 * @param {number} begin where that line begins in the text
 * @param {Edit[]} edits those on the line
 */
function movedLine(line, begin, edits) {
  let [column, last] = [0, 0];
  const segments = line.split(",").map((segment) => {
    const [step = 0] = numbers(segment);
    column += step;
    let now = column;
    for (const { at, end, text } of edits) {
      if (end <= begin + column) now += text.length - (end - at);
    }
    const moved = digits(now - last);
    last = now;
    // Only the column is counted from the segment before on the same line, and it comes first.
    return moved + segment.replace(/^[g-z0-9+/]*[A-Za-f]/, "");
  });
  return segments.join(",");
}

/** A number as a source map spells it. @param {number} number */
function digits(number) {
  let rest = number < 0 ? -number * 2 + 1 : number * 2;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
