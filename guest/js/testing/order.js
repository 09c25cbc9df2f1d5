// The order of a listing: ids that Python's `int()` reads come first, by value, then the rest; ties and the rest by code point.

/** What `str.strip()` takes off. */
const SPACE = "[\\p{White_Space}\\x1c-\\x1f]*";
const INTEGER = new RegExp(`^${SPACE}([-+]?)(\\p{Nd}+(?:_\\p{Nd}+)*)${SPACE}$`, "u");

/**
 * @param {string} id
 * @returns {bigint | undefined}
 */
function valueOf(id) {
  const [, sign, digits] = INTEGER.exec(id) ?? [];
  if (digits === undefined) return undefined;
  const value = BigInt([...digits].filter((digit) => digit !== "_").map(decimal).join(""));
  return sign === "-" ? -value : value;
}

/** The value of a decimal digit: the ten of a script follow one another, and so may those of several scripts. @param {string} digit */
function decimal(digit) {
  const code = Number(digit.codePointAt(0));
  let first = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return (code - first) % 10;
}

/** @param {string} a @param {string} b */
export function byCodePoint(a, b) {
  return Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8"));
}

/**
 * @param {string} a
 * @param {string} b
 * @returns {number}
 */
export function compareIds(a, b) {
  const [left, right] = [valueOf(a), valueOf(b)];
  if (left === undefined && right === undefined) return byCodePoint(a, b);
  if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
  if (left !== right) return left < right ? -1 : 1;
  return byCodePoint(a, b);
}
