// A log as it grows: follow, pause, search, copy, download. The lines themselves are the window's, where they come from
// is the model's.

import { api } from "../api.js";
import { attribute, fill, h, text } from "../dom.js";
import { icon } from "../icons.js";
import { counted, number, time, whole } from "../times.js";
import { copy, copyButton } from "./copy.js";
import { LogModel } from "./log-model.js";
import { LogSearch } from "./log-search.js";
import { logWindow } from "./log-window.js";
import { emptyState } from "./states.js";

/**
 * The log of a task. `model.begin` takes what is read first, `model.put` what the stream brings; `stop()` ends all that it
 * is about to read.
 */
export function logPanel(id) {
  const aborter = new AbortController();
  const model = new LogModel((start, limit) => api.logs(id, start, limit, aborter.signal), changed);
  const search = new LogSearch(model, searched);
  let follows = true;
  let held = null;
  let foundNow = -1;
  let chosenNow = null;

  const view = logWindow({
    at: (line) => model.at(line),
    total: () => held ?? model.total,
    mark: (line) => (search.found[foundNow] === line ? "found-now" : search.has(line) ? "found" : null),
    onMove: ({ atEnd }) => atEnd !== follows && setFollow(atEnd, { scroll: false }),
    onSize: keepUp,
    onChoose: showLine,
  });

  const followButton = toolButton("follow", "Follow", "The end of the log stays in sight", () => setFollow(!follows));
  const pauseButton = toolButton("pause", "Pause", "What comes is held back", () => setPause(held === null));
  const found = h("span", { class: "log-found", role: "status" });
  const input = h("input", { class: "input", type: "search", "aria-label": "Search the log", placeholder: "Search the log", autocomplete: "off", spellcheck: "false" });
  const previous = stepButton("up", "Previous match", () => step(-1));
  const next = stepButton("down", "Next match", () => step(1));
  const count = h("span");
  const newer = h("button", { class: "button small", type: "button", hidden: true, on: { click: () => setFollow(true) } });
  const line = h("div", { class: "log-line", hidden: true });
  const nothing = emptyState("Nothing logged yet", "Entries show up here as they are written.");

  const tools = h(
    "div",
    { class: "log-tools" },
    h("h2", {}, "Log"),
    h("div", { class: "log-find" }, h("div", { class: "search" }, icon("search"), input), previous, next, found),
    followButton,
    pauseButton,
    toolButton("copy", "Copy", "Copy the whole log", () => copy(api.wholeLog(id), "the log")),
    h("a", { class: "button small", href: api.logFile(id), download: "", "aria-label": "Download the log" }, icon("download"), h("span", { class: "word" }, "Download")),
  );
  const foot = h("div", { class: "log-foot" }, count, newer);
  const element = h("section", { class: "panel log", "aria-label": "Log" }, tools, nothing, view.element, line, foot);

  let wait = 0;
  input.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => search.look(input.value), 150);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape" && input.value !== "") {
      event.preventDefault();
      input.value = "";
      search.look("");
    }
  });

  /** Shows what there is. From number `from` on, if there is one, entries are others than they were. */
  function changed(from = Infinity) {
    if (aborter.signal.aborted) return;
    if (held !== null) held = Math.min(held, from);
    if (chosenNow !== null && chosenNow >= from) unchoose();
    const shown = held ?? model.total;
    attribute(nothing, "hidden", shown > 0);
    attribute(view.element, "hidden", shown === 0);
    text(count, held === null ? counted(shown, "entry", "entries") : `Paused at ${counted(shown, "entry", "entries")}`);
    const behind = model.total - shown;
    attribute(newer, "hidden", follows || model.total === 0);
    text(newer, behind > 0 ? `${number(behind)} newer` : "To the end");
    view.redraw();
    requestAnimationFrame(keepUp);
    search.goOn(from);
  }

  /** Has the end in sight, if it is followed. */
  function keepUp() {
    if (follows && held === null) view.toEnd();
  }

  function searched() {
    foundNow = Math.min(foundNow, search.found.length - 1);
    if (foundNow < 0 && search.found.length > 0) step(1);
    if (!search.isOn) text(found, "");
    else if (search.found.length > 0) text(found, `${number(foundNow + 1)} of ${number(search.found.length)}${search.isCut ? "+" : ""}`);
    else text(found, search.share < 1 ? `${Math.floor(search.share * 100)}%` : "No match");
    for (const button of [previous, next]) button.disabled = search.found.length === 0;
    view.redraw();
  }

  function step(by) {
    if (search.found.length === 0) return;
    foundNow = (foundNow + by + search.found.length) % search.found.length;
    setFollow(false, { scroll: false });
    view.reveal(search.found[foundNow]);
    searched();
  }

  function setFollow(on, { scroll = true } = {}) {
    follows = on;
    attribute(followButton, "aria-pressed", on ? "true" : "false");
    if (on && held !== null && scroll) setPause(false);
    if (on && scroll) view.toEnd();
    changed();
  }

  function setPause(on) {
    held = on ? model.total : null;
    attribute(pauseButton, "aria-pressed", on ? "true" : "false");
    fill(pauseButton, icon(on ? "play" : "pause"), h("span", { class: "word" }, on ? "Paused" : "Pause"));
    changed();
  }

  function showLine(chosen) {
    const entry = model.at(chosen);
    chosenNow = chosen;
    attribute(line, "hidden", !entry);
    if (!entry) return;
    const close = h("button", { class: "button plain small icon", type: "button", "aria-label": "Close this entry", on: { click: hideLine } }, icon("close"));
    const head = h("span", {}, `Entry ${number(chosen + 1)}`, entry.time && [" · ", time(entry.time, whole)]);
    const buttons = h("span", {}, copyButton(entry.message, "this entry"), close);
    fill(line, h("div", { class: "log-line-head" }, head, buttons), h("pre", { class: "text said", tabindex: 0, "aria-label": "The whole entry" }, entry.message));
  }

  function unchoose() {
    chosenNow = null;
    line.hidden = true;
    view.unchoose();
  }

  function hideLine() {
    unchoose();
    view.element.focus();
  }

  setFollow(true, { scroll: false });
  searched();
  const keys = {
    f: ["Follow the log, or not", () => setFollow(!follows)],
    p: ["Pause the log, or go on", () => setPause(held === null)],
  };
  function stop() {
    clearTimeout(wait);
    aborter.abort();
    view.stop();
  }
  return { element, model, keys, stop };
}

function toolButton(drawing, label, title, click) {
  return h("button", { class: "button small", type: "button", title, "aria-label": label, on: { click } }, icon(drawing), h("span", { class: "word" }, label));
}

function stepButton(drawing, label, click) {
  return h("button", { class: "button plain small icon", type: "button", "aria-label": label, title: label, on: { click } }, icon(drawing));
}
