// Times and numbers as a reader wants them: in his own zone, with what the store says to be seen by pointing at it.

import { attribute, h, text } from "./dom.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const numbers = new Intl.NumberFormat();

/** A number with its thousands apart. */
export function number(value) {
  return typeof value === "number" ? numbers.format(value) : String(value ?? "");
}

/** A count and its noun: "1 task", "2 tasks". */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const two = (value) => String(value).padStart(2, "0");

function parsed(stored) {
  const date = new Date(stored ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Short, for tables: the time alone if it is of today. What cannot be read as a time is told as it is. */
export function short(stored, now = new Date()) {
  const date = parsed(stored);
  if (!date) return String(stored ?? "");
  if (date.toDateString() === now.toDateString()) return clock(date);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  if (date.getFullYear() !== now.getFullYear()) return `${day} ${date.getFullYear()}`;
  return `${day} ${clock(date).slice(0, 5)}`;
}

/** Whole: date and time. */
export function whole(stored) {
  const date = parsed(stored);
  if (!date) return String(stored ?? "");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)}`;
}

/** Time of day with thousandths, for the lines of a log. */
export function fine(stored) {
  const date = parsed(stored);
  if (!date) return "";
  return `${clock(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** How long something lasts or lasted, in its two largest units. */
export function lasting(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** From one time of the store to another, or to now; nothing if either cannot be read. */
export function between(from, to) {
  const [start, end] = [parsed(from), to === undefined ? new Date() : parsed(to)];
  return start && end ? lasting(end - start) : "";
}

/** The later one of two times of the store; the first if the other cannot be read. */
export function later(one, other) {
  return parsed(other) && !(parsed(one) >= parsed(other)) ? other : one;
}

/** An element that shows a time of the store, by one of the ways above. */
export function time(stored, as = short) {
  return show(h("time"), stored, as);
}

/** Has such an element show another time. */
export function show(element, stored, as = short) {
  attribute(element, "datetime", parsed(stored) ? stored : null);
  attribute(element, "title", stored ?? null);
  return text(element, stored === null || stored === undefined ? "–" : as(stored));
}

/** Calls every second until it is stopped, and once now: for what tells how long ago something was. */
export function ticking(work) {
  work();
  const timer = setInterval(work, 1000);
  return () => clearInterval(timer);
}
