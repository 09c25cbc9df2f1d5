// The window on to a log: as many rows as are seen, moved and filled anew as the reader scrolls. All lines have one
// height, so that where a line is follows from its number. A line is told in short; the whole of it is shown beneath.

import { attribute, eachFrame, h, text } from "../dom.js";
import { fine } from "../times.js";

const ROW = 20;

/** Rows beyond the edges, so that fast scrolling shows none that are empty. */
const SPARE = 8;

/** The lowest window, in lines. */
const FEWEST = 8;

/** How much of a line a row shows. */
const MOST_TEXT = 2_000;

/** A browser draws nothing higher than this; longer logs are scrolled in larger steps. */
const HIGHEST = 15_000_000;

/**
 * A window on `{at(number), total()}`. `mark(number)` says whether a line is "found" or "found-now"; `onMove({atEnd})` is
 * called when the reader has scrolled; `onSize()` when the window has another size, also when it is shown first;
 * `onChoose(number)` when he has chosen a line.
 */
export function logWindow({ at, total, mark, onMove, onSize, onChoose }) {
  const rows = h("div", { class: "log-rows", role: "presentation" });
  const space = h("div", { class: "log-space", role: "presentation" }, rows);
  const element = h("div", { class: "log-window", role: "listbox", tabindex: 0, "aria-label": "Log entries" }, space);
  let chosen = null;
  let first = 0;
  let height = 0;
  let before = 0;

  const redraw = eachFrame(draw);
  const sizes = new ResizeObserver(() => {
    height = element.clientHeight;
    redraw();
    onSize();
  });
  sizes.observe(element);

  const isCompressed = () => total() * ROW > HIGHEST;
  const seen = () => Math.max(1, Math.floor(height / ROW));
  const lastFirst = () => Math.max(0, total() - seen());

  /** The first line in sight when the window is scrolled this far, and the other way round. */
  const lineAt = (top) => (isCompressed() ? Math.round((top / (HIGHEST - height)) * lastFirst()) : Math.floor(top / ROW));
  const topOf = (line) => (isCompressed() ? (line / lastFirst()) * (HIGHEST - height) : line * ROW);

  function draw() {
    const count = total();
    const spaceHeight = Math.min(count * ROW, HIGHEST);
    if (space.dataset.height !== String(spaceHeight)) {
      space.dataset.height = String(spaceHeight);
      space.style.height = `${spaceHeight}px`;
      // Few lines take no more room than they need; where many would end is the style sheet's matter.
      element.style.setProperty("--lines", Math.max(FEWEST, Math.min(count, 1000)));
    }
    const top = element.scrollTop;
    first = Math.min(lineAt(top), lastFirst());
    const from = Math.max(0, first - SPARE);
    const to = Math.min(count, first + seen() + 1 + SPARE);
    while (rows.children.length > to - from) rows.lastElementChild.remove();
    while (rows.children.length < to - from) rows.append(row());
    // Where lines are drawn follows the scroll position as it is, so that they move smoothly.
    const offset = isCompressed() ? top - (first - from) * ROW : from * ROW;
    rows.style.transform = `translateY(${offset}px)`;
    for (let place = 0; place < to - from; place++) show(rows.children[place], from + place, count);
    attribute(element, "aria-activedescendant", chosen !== null && chosen >= from && chosen < to ? `log-${chosen}` : null);
  }

  function row() {
    const line = h("div", { class: "log-row", role: "option" }, h("span", { class: "log-time" }), h("span", { class: "log-text" }));
    line.addEventListener("click", () => getSelection().isCollapsed && choose(Number(line.dataset.number)));
    return line;
  }

  function show(line, number, count) {
    const entry = at(number);
    const [timeShown, textShown] = line.children;
    line.dataset.number = number;
    attribute(line, "id", `log-${number}`);
    attribute(line, "aria-setsize", count);
    attribute(line, "aria-posinset", number + 1);
    attribute(line, "aria-selected", number === chosen ? "true" : "false");
    const found = mark(number);
    attribute(line, "class", `log-row${entry ? "" : " is-absent"}${found ? ` is-${found}` : ""}`);
    text(timeShown, entry ? fine(entry.time) : "");
    attribute(timeShown, "title", entry?.time ?? null);
    text(textShown, entry ? inOneLine(entry.message) : "…");
  }

  function choose(number) {
    chosen = number;
    onChoose(number);
    redraw();
  }

  element.addEventListener("scroll", () => {
    redraw();
    const top = element.scrollTop;
    const atEnd = top + element.clientHeight >= element.scrollHeight - ROW;
    // A log that grows under a window leaves it behind for a moment: only whoever scrolls up has left the end.
    if (atEnd || top < before) onMove({ atEnd });
    before = top;
  });
  element.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: seen(), PageUp: -seen(), Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey || total() === 0) return;
    event.preventDefault();
    const from = chosen ?? (step > 0 ? first - 1 : first + seen());
    const to = Math.max(0, Math.min(total() - 1, from + step));
    choose(to);
    reveal(to);
  });

  /** Scrolls so that a line is seen. */
  function reveal(number) {
    if (number > first && number < first + seen() - 1) return;
    const place = number <= first ? number : number - seen() + 1;
    element.scrollTop = Math.max(0, topOf(place));
    redraw();
  }

  /** Scrolls to the last line. */
  function toEnd() {
    draw();
    element.scrollTop = element.scrollHeight;
  }

  /** Takes the choice away. */
  function unchoose() {
    chosen = null;
    redraw();
  }

  function stop() {
    sizes.disconnect();
    redraw.stop();
  }
  return { element, redraw, reveal, toEnd, unchoose, stop };
}

/** A message in one line: ends of lines become a sign, tabs stay, and what is very long is cut. */
function inOneLine(message) {
  const short = message.length > MOST_TEXT ? `${message.slice(0, MOST_TEXT)}…` : message;
  return short.replace(/\r\n|[\n\r\u2028\u2029]/g, " ⏎ ");
}
