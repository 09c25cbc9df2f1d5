// Numbers as the other examples spell them, to the letter.

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/**
 * A number in JSON: as it is spelled in the file, where that is JSON, else with the fewest digits that tell it from all
 * others, and always with a point or an exponent.
 */
export function asJson(number: string | number): string {
  if (typeof number === "string" && JSON_NUMBER.test(number)) return number;
  const value = Number(number);
  const [, sign = "", digits = "", exponent = "0"] = /^(-?)([0-9.]+)e([-+][0-9]+)$/.exec(value.toExponential()) ?? [];
  const significant = digits.replace(".", "");
  /** How many digits stand before the point. */
  const before = Number(exponent) + 1;
  const minus = sign !== "" || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${minus}0.0`;
  if (before > 16 || before <= -5) return `${minus}${digits}e${exponent}`;
  if (before <= 0) return `${minus}0.${"0".repeat(-before)}${significant}`;
  if (significant.length <= before) return `${minus}${significant.padEnd(before, "0")}.0`;
  return `${minus}${significant.slice(0, before)}.${significant.slice(before)}`;
}

/** A number to six digits after the point, or in scientific notation where that would not do. */
export function shortNumber(number: number): string {
  const size = Math.abs(number);
  if (number !== 0 && (size < 1e-4 || size >= 1e15)) return number.toExponential(6).replace("e+", "e");
  const [whole, fraction] = toSixDigits(number).split(".");
  const digits = String(fraction).replace(/0+$/, "");
  return digits === "" ? String(whole) : `${whole}.${digits}`;
}

/** Rounds to six digits; what lies in the middle, to the even one. */
function toSixDigits(number: number): string {
  const exact = Math.abs(number).toFixed(60);
  const cutOff = exact.slice(0, -54);
  const isMiddle = /^50*$/.test(exact.slice(-54));
  const isEven = /[02468]$/.test(cutOff);
  const rounded = isMiddle && isEven ? cutOff : Math.abs(number).toFixed(6);
  return number < 0 || Object.is(number, -0) ? `-${rounded}` : rounded;
}
