// Values as they are printed. Alike in every engine, and close to what Node prints.

/** How deep objects are shown in one another. */
const MAX_DEPTH = 3;

/** How many items of one are shown. */
const MAX_ITEMS = 100;

/** The longest line that holds a whole object. */
const WIDTH = 76;

/**
 * @param {unknown} value
 * @param {{ depth?: number }} [options] how deep objects are shown in one another; three levels, if absent
 * @returns {string}
 */
export function inspect(value, { depth = MAX_DEPTH } = {}) {
  return show(value, depth, []);
}

/**
 * What `console` prints of its arguments: texts as they are, the first with its placeholders filled in.
 * @param {unknown[]} values
 * @returns {string}
 */
export function format(values) {
  const rest = [...values];
  const parts = [];
  if (typeof rest[0] === "string" && rest.length > 1) {
    const template = /** @type {string} */ (rest.shift());
    parts.push(template.replace(/%([sdifjoOc%])/g, (whole, kind) => (kind === "%" ? "%" : rest.length === 0 ? whole : fill(kind, rest.shift()))));
  }
  for (const value of rest) parts.push(typeof value === "string" ? value : inspect(value));
  return parts.join(" ");
}

/** @param {string} kind @param {unknown} value */
function fill(kind, value) {
  switch (kind) {
    case "s":
      return typeof value === "string" ? value : typeof value === "object" && value !== null ? inspect(value, { depth: 1 }) : shown(value);
    case "d":
      return typeof value === "bigint" ? `${value}n` : String(typeof value === "object" ? NaN : Number(value));
    case "i":
      return typeof value === "bigint" ? `${value}n` : String(Number.parseInt(String(value), 10));
    case "f":
      return String(Number.parseFloat(String(value)));
    case "j":
      return JSON.stringify(value) ?? "undefined";
    case "c":
      return "";
    default:
      return inspect(value);
  }
}

/** @param {unknown} value */
function shown(value) {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  return String(value);
}

/** @param {string} text */
function quoted(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") ? "`" : "'";
  const escapes = /** @type {Record<string, string>} */ ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v", "\\": "\\\\" });
  // eslint-disable-next-line no-control-regex
  const escaped = text.replace(/[\x00-\x1f\x7f\\]/g, (c) => escapes[c] ?? `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

/**
 * @param {any} value
 * @param {number} depth how many levels may still be shown
 * @param {object[]} parents
 * @returns {string}
 */
function show(value, depth, parents) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "function") return showFunction(value);
  if (typeof value !== "object" || value === null) return shown(value);
  if (parents.includes(value)) return "[Circular *1]";
  if (value instanceof Error) return showError(value, depth, parents);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  const name = nameOf(value);
  if (depth < 0) return `[${name === "" ? "Object" : name}]`;
  const inner = [...parents, value];
  const items = (/** @type {Iterable<string>} */ of, /** @type {number} */ length) => limited(of, length);
  if (Array.isArray(value)) {
    const own = entries(value, depth, inner).filter(({ key }) => !/^\d+$/.test(key));
    const shownItems = items(value.map((item) => show(item, depth - 1, inner)), value.length);
    return enclose(name === "Array" ? "" : `${name}(${value.length}) `, "[", [...shownItems, ...own.map(({ text }) => text)], "]");
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const typed = /** @type {any} */ (value);
    return enclose(`${name}(${typed.length}) `, "[", items(Array.from(typed.slice(0, MAX_ITEMS), shown), typed.length), "]");
  }
  if (value instanceof Map) {
    const pairs = Array.from(value, ([key, item]) => `${show(key, depth - 1, inner)} => ${show(item, depth - 1, inner)}`);
    return enclose(`${name}(${value.size}) `, "{", items(pairs, value.size), "}");
  }
  if (value instanceof Set) {
    return enclose(`${name}(${value.size}) `, "{", items(Array.from(value, (item) => show(item, depth - 1, inner)), value.size), "}");
  }
  if (value instanceof Promise) return "Promise {}";
  const boxed = [Number, String, Boolean].find((type) => value instanceof type);
  if (boxed !== undefined) return `[${boxed.name}: ${show(value.valueOf(), depth, inner)}]`;
  const prefix = name === "Object" ? "" : name === "" ? "[Object: null prototype] " : `${name} `;
  return enclose(prefix, "{", entries(value, depth, inner).map(({ text }) => text), "}");
}

/** @param {string[] | Iterable<string>} items @param {number} length */
function limited(items, length) {
  const first = Array.from(items).slice(0, MAX_ITEMS);
  const more = length - first.length;
  return more > 0 ? [...first, `... ${more} more item${more === 1 ? "" : "s"}`] : first;
}

/**
 * @param {any} value
 * @param {number} depth
 * @param {object[]} parents
 */
function entries(value, depth, parents) {
  const keys = Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  return keys.map((key) => {
    const property = Object.getOwnPropertyDescriptor(value, key);
    const isAccessor = property?.get !== undefined || property?.set !== undefined;
    const shownKey = typeof key === "symbol" ? `[${String(key)}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
    const shownValue = isAccessor ? "[Getter]" : show(property?.value, depth - 1, parents);
    return { key: String(key), text: `${shownKey}: ${shownValue}` };
  });
}

/** @param {object} value */
function nameOf(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return "";
  const name = prototype.constructor?.name;
  return typeof name === "string" && name !== "" ? name : "Object";
}

/** @param {any} value */
function showFunction(value) {
  const isClass = /^class\b/.test(Function.prototype.toString.call(value));
  const name = typeof value.name === "string" ? value.name : "";
  if (isClass) return `[class ${name === "" ? "(anonymous)" : name}]`;
  return name === "" ? "[Function (anonymous)]" : `[Function: ${name}]`;
}

/** What prints the stack of an error; the runtime sets it. @type {{ frames: (error: unknown) => string[] }} */
export const stacks = { frames: () => [] };

/**
 * @param {Error} error
 * @param {number} depth
 * @param {object[]} parents
 */
function showError(error, depth, parents) {
  let head;
  try {
    head = String(error);
  } catch {
    head = "Error";
  }
  const lines = [head, ...stacks.frames(error).map((frame) => `    at ${frame}`)];
  const inner = [...parents, error];
  const own = entries(error, depth, inner).filter(({ key }) => !["name", "message", "stack", "cause"].includes(key));
  const tail = own.length === 0 ? "" : ` ${enclose("", "{", own.map(({ text }) => text), "}")}`;
  const cause = error.cause === undefined ? "" : `\n  caused by ${show(error.cause, depth - 1, inner).replaceAll("\n", "\n  ")}`;
  return lines.join("\n") + tail + cause;
}

/**
 * @param {string} prefix
 * @param {string} open
 * @param {string[]} items
 * @param {string} close
 */
function enclose(prefix, open, items, close) {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${items.join(", ")} ${close}`;
  if (line.length <= WIDTH && !line.includes("\n")) return line;
  return `${prefix}${open}\n${items.map((item) => `  ${item.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`;
}
