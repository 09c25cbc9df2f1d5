// Stacks as their author knows them: of the engine's frames those that are of his files, with their lines there.

/** @typedef {{ sources: string[], mappings: string }} SourceMap */
/** @typedef {{ name: string, file: string, line: number, column: number }} Frame */

/** Where the build puts the map of the bundle. */
export const SOURCE_MAP = "__taskStateSourceMap";

/** A place in the end of a frame: `app.js:3:9`. */
const PLACE = /^(.*?):(\d+)(?::(\d+))?$/;

/** What the lowering of `async` brings into a stack. */
const HELPERS = /^(__\w+|asyncCall|step|reached|next|<anonymous>|apply|<eval>)$/;

/**
 * The frames of a stack, as V8 and QuickJS (`at name (place)`) or SpiderMonkey (`name@place`) spell them.
 * @param {string} stack
 * @returns {Frame[]}
 */
export function frames(stack) {
  const found = [];
  for (const line of stack.split("\n")) {
    const frame = /^\s*at (?:(.*?) \()?([^()]*)\)?$/.exec(line) ?? /^(.*?)@(.*)$/.exec(line);
    const place = PLACE.exec(frame?.[2]?.trim() ?? "");
    if (place === null) continue;
    const name = (frame?.[1] ?? "").replace(/^async /, "").replace(/\/<.*$/, "");
    found.push({ name, file: String(place[1]), line: Number(place[2]), column: Number(place[3] ?? 1) });
  }
  return found;
}

/**
 * The frames of an error in a component that are of the author's files.
 * @param {unknown} error
 * @returns {string[]} each as `name (file:line:column)`
 */
export function ownFrames(error) {
  const stack = /** @type {any} */ (error)?.stack;
  if (typeof stack !== "string") return [];
  const map = /** @type {any} */ (globalThis)[SOURCE_MAP];
  const told = [];
  for (const frame of frames(stack)) {
    const place = map === undefined ? frame : original(map, frame);
    // The build leaves the SDK's own files without a name.
    if (place === undefined || place.file === "") continue;
    told.push(spell({ ...place, name: HELPERS.test(frame.name) ? "" : frame.name }));
  }
  return told;
}

/** @param {Frame} frame */
export function spell({ name, file, line, column }) {
  const place = `${file}:${line}:${column}`;
  return name === "" ? place : `${name} (${place})`;
}

/** One mapping: a column of the bundle and the place that it stands for. @typedef {{ column: number, file: string, line: number, from: number }} Mapping */

/** @type {Mapping[][] | undefined} */
let decoded;

/**
 * Each line of the bundle with its mappings.
 * @param {SourceMap} map
 * @returns {Mapping[][]}
 */
function decode({ sources, mappings }) {
  if (decoded !== undefined) return decoded;
  let [source, line, from] = [0, 0, 0];
  decoded = mappings.split(";").map((group) => {
    let column = 0;
    const segments = group === "" ? [] : group.split(",");
    return segments.map((segment) => {
      const [dColumn = 0, dSource = 0, dLine = 0, dFrom = 0] = numbers(segment);
      column += dColumn;
      source += dSource;
      line += dLine;
      from += dFrom;
      return { column, file: sources[source] ?? "", line, from };
    });
  });
  return decoded;
}

/** The digits of a source map, each by its value. */
export const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * The numbers of a segment: base 64, five bits a digit, the lowest first, the sign in the first bit.
 * @param {string} segment
 * @returns {number[]}
 */
export function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}

/**
 * Where a frame of the bundle is in the files that it was made of.
 * @param {SourceMap} map
 * @param {Frame} frame
 * @returns {Frame | undefined}
 */
export function original(map, frame) {
  const mappings = decode(map)[frame.line - 1] ?? [];
  const mapping = mappings.filter(({ column }) => column < frame.column).at(-1) ?? mappings[0];
  if (mapping === undefined) return undefined;
  return { name: frame.name, file: mapping.file, line: mapping.line + 1, column: mapping.from + 1 };
}
