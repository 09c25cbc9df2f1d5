// Points in time as the store spells them: microseconds since the Unix epoch, as a bigint.

import { InvalidValue } from "./values.js";

/** @typedef {{ micros: bigint, offset: number }} Time `offset` in minutes east of Greenwich */

/** The zone in which the double writes times, in minutes east of Greenwich: that of the host's default, Asia/Seoul. */
const ZONE = 540;

const SECOND = 1_000_000n;

/** The first and the last microsecond of the years 1 to 9999 in UTC. */
const [FIRST, LAST] = [-62_135_596_800_000_000n, 253_402_300_799_999_999n];

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt _](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([-+\u2212])(\d\d):?(\d\d))?)?$/;

/**
 * Reads an ISO 8601 date and time that names its offset.
 * @param {string} text
 * @returns {Time}
 */
export function parseTime(text) {
  const match = ISO.exec(text);
  const [, year = "", month = "", day = "", hour = "00", minute = "00", second = "00", fraction = "", utc, sign, east = "00", rest = "00"] =
    match ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  // A day that the month does not have is read as one of the next.
  const isDay = !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day) && Number(year) > 0;
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60 && Number(east) < 24 && Number(rest) < 60;
  if (match === null || !isDay || !isTime) {
    throw new InvalidValue("timestamp", text, "it is not an ISO 8601 date and time with an offset of hours and minutes");
  }
  if (utc === undefined && sign === undefined) throw new InvalidValue("timestamp", text, "it has no offset");
  const offset = (Number(east) * 60 + Number(rest)) * (sign === undefined || sign === "+" ? 1 : -1);
  const seconds = date.getTime() / 1_000 + Number(hour) * 3_600 + (Number(minute) - offset) * 60 + Number(second);
  return { micros: BigInt(seconds) * SECOND + BigInt(fraction.slice(0, 6).padEnd(6, "0")), offset };
}

/**
 * The time at which a task was registered, as the store spells it.
 * @param {string} text
 * @returns {string}
 */
export function parseCreatedAt(text) {
  return spellTime(parseTime(text));
}

/** Whether every reader of the store can hold it. @param {Time} time */
export function isPortable({ micros }) {
  return micros >= FIRST && micros <= LAST;
}

/**
 * Six digits of fraction, or none when they are zero, and a numeric offset.
 * @param {Time} time
 * @returns {string}
 */
export function spellTime({ micros, offset }) {
  const local = micros + BigInt(offset) * 60n * SECOND;
  const fraction = ((local % SECOND) + SECOND) % SECOND;
  const date = new Date(Number((local - fraction) / 1_000n)).toISOString().slice(0, 19);
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((part) => String(part).padStart(2, "0"));
  const digits = fraction === 0n ? "" : `.${String(fraction).padStart(6, "0")}`;
  return `${date}${digits}${offset < 0 ? "-" : "+"}${hours}:${minutes}`;
}

/** The next microsecond whose fraction is not zero, this one included. @param {bigint} micros */
function withFraction(micros) {
  return micros % SECOND === 0n ? micros + 1n : micros;
}

/** Now; its fraction is never zero, so that a spelled time always has the same width. @returns {Time} */
export function now() {
  const millis = performance.timeOrigin + performance.now();
  return { micros: withFraction(BigInt(Math.floor(millis * 1_000))), offset: ZONE };
}

/**
 * Now, or the microsecond after a time if that is later: a change leaves a record with a later time than it found.
 * @param {string} before
 * @returns {Time}
 */
export function laterThan(before) {
  const [time, present] = [parseTime(before), now()];
  return present.micros > time.micros ? present : { micros: withFraction(time.micros + 1n), offset: ZONE };
}
