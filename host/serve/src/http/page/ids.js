// The order of a listing: ids that are whole numbers by value, then all others by their code points. As the store has it.

/** A whole number as the store reads one; nothing if the id is none. */
function whole(id) {
  const digits = id.trim();
  return /^[+-]?[0-9]+(_[0-9]+)*$/.test(digits) ? BigInt(digits.replaceAll("_", "").replace(/^\+/, "")) : null;
}

/** Below zero if the first comes before the second, oldest first. */
export function compareIds(one, other) {
  if (one === other) return 0;
  const [a, b] = [whole(one), whole(other)];
  if (a !== null && b !== null && a !== b) return a < b ? -1 : 1;
  if ((a === null) !== (b === null)) return a === null ? 1 : -1;
  return byCodePoints(one, other);
}

function byCodePoints(one, other) {
  const [a, b] = [Array.from(one), Array.from(other)];
  for (let place = 0; place < Math.min(a.length, b.length); place++) {
    const difference = a[place].codePointAt(0) - b[place].codePointAt(0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
