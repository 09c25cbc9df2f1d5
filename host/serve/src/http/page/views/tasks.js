// The table of tasks: filters, pages, counts and what can be done to many at once. The address holds all of it, so that
// every view of the table has a link. Changes show up as they happen.

import { address, api } from "../api.js";
import { attribute, eachFrame, fill, h, text } from "../dom.js";
import { icon } from "../icons.js";
import { compareIds } from "../ids.js";
import { bulk } from "../parts/bulk.js";
import { filters, statusesOf } from "../parts/filters.js";
import { bones, emptyState, errorState } from "../parts/states.js";
import { taskTable } from "../parts/task-table.js";
import { go, link } from "../router.js";
import { total } from "../statuses.js";
import { counted, number } from "../times.js";

const LIMIT = 50;

/** So many tasks may join the first page by themselves; then it is offered to read it anew. */
const MOST_NEW = 25;

export function tasksView(route, { live }) {
  let query = {};
  let heads = new Map();
  let order = [];
  let next = null;
  /** Where pages begin that were seen of this listing, by their numbers. */
  let cursors = new Map();
  let selected = [];
  let fresh = new Set();
  let missed = new Set();
  let matching = null;
  let reading = new AbortController();
  let stream = null;
  let streamOf = null;

  const filter = filters((wanted, { typed = false } = {}) => go(link(["tasks"], wanted), { replace: typed }));
  const table = taskTable({ onSelect: (ids) => ((selected = ids), showBulk()) });
  const count = h("span", { class: "soft" });
  // It is read out after another filter was chosen, and not whenever it changes.
  const said = h("span", { class: "unseen", role: "status" });
  let isToBeSaid = false;
  const newer = h("button", { class: "button small", type: "button", hidden: true, on: { click: () => (isFirst() ? load() : go(link(["tasks"], pageOf({})))) } });
  const chosen = h("span");
  const bulkBar = h("div", { class: "bulk" });
  const content = h("div", { class: "scroll" }, bones());
  const place = h("span", { class: "soft" });
  const first = h("a", { class: "button small" }, "First page");
  const previous = h("button", { class: "button small", type: "button", on: { click: () => turn(-1) } }, icon("previous"), "Previous");
  const following = h("button", { class: "button small", type: "button", on: { click: () => turn(1) } }, "Next", icon("next"));
  const pages = h("nav", { class: "pages", "aria-label": "Pages" }, place, h("div", { class: "buttons" }, first, previous, following));
  const element = h(
    "div",
    {},
    h(
      "div",
      { class: "head" },
      h("div", { class: "head-title" }, h("h1", { tabindex: -1 }, "Tasks"), count, said, newer),
      h("a", { class: "button primary", href: link(["submit"]) }, icon("submit"), "Submit a task"),
    ),
    h("div", { class: "panel" }, filter.element, bulkBar, content, pages),
  );

  const isFirst = () => !query.cursor;
  const owners = () => ({ service: query.service, user: query.user });
  const asked = () => ({ ...owners(), status: statusesOf(query), text: query.text, order: query.order });
  const pageOf = (changes) => ({ ...query, cursor: "", page: "", ...changes });

  async function load() {
    reading.abort();
    const mine = (reading = new AbortController());
    recount(mine.signal);
    let listing;
    try {
      listing = await api.tasks({ ...asked(), limit: LIMIT, cursor: query.cursor }, mine.signal);
    } catch (problem) {
      if (!mine.signal.aborted) fill(content, h("div", { class: "panel-body" }, errorState(problem, load)));
      return;
    }
    if (mine.signal.aborted) return;
    heads = new Map(listing.tasks.map((head) => [head.task_id, head]));
    order = [...heads.keys()];
    for (const id of order) table.markGone(id, false);
    next = listing.next ?? null;
    fresh = new Set();
    missed = new Set();
    show(listing.skipped ?? []);
  }

  /** How many tasks there are in all. It may take its time: the table does not wait for it. */
  async function recount(signal) {
    try {
      const { by_status: ofAll, count: all } = await api.count({ ...owners(), text: query.text }, signal);
      if (signal?.aborted) return;
      const statuses = statusesOf(query);
      filter.setCounts(ofAll);
      matching = statuses.length > 0 ? statuses.reduce((sum, status) => sum + (ofAll[status] ?? 0), 0) : (all ?? total(ofAll));
      showBulk();
      text(count, counted(matching, "task"));
      if (isToBeSaid) text(said, count.textContent);
      isToBeSaid = false;
      text(place, `Page ${number(pageNumber())} of about ${number(Math.max(pageNumber(), Math.ceil(matching / LIMIT)))}`);
    } catch {
      // The table says what is wrong, if anything is.
    }
  }

  const pageNumber = () => Math.max(1, Number.parseInt(query.page, 10) || 1);

  function show(skipped = null) {
    if (order.length === 0) fill(content, nothing());
    else if (content.firstElementChild !== table.element) fill(content, table.element);
    table.set(order.map((id) => heads.get(id)));
    if (skipped?.length > 0) content.append(skippedNote(skipped));
    if (place.textContent === "" || skipped) text(place, place.textContent || `Page ${number(pageNumber())}`);
    attribute(first, "href", link(["tasks"], pageOf({})));
    attribute(first, "hidden", isFirst());
    previous.disabled = isFirst();
    following.disabled = next === null;
    attribute(newer, "hidden", missed.size === 0);
    text(newer, missed.size > 0 ? `${counted(missed.size, "new task")}: show` : "");
    showBulk();
  }

  function nothing() {
    const isFiltered = ["text", "service", "user", "status"].some((name) => query[name]);
    if (!isFirst()) return emptyState("No more tasks", "Those that were here may have been deleted.", h("a", { class: "button", href: link(["tasks"], pageOf({})) }, "First page"));
    if (isFiltered) return emptyState("No task matches", "Fewer filters find more.");
    return emptyState("No tasks yet", "What is submitted shows up here.", h("a", { class: "button primary", href: link(["submit"]) }, "Submit a task"));
  }

  function showBulk() {
    const is = selected.length > 0;
    attribute(bulkBar, "class", is ? "bulk is-chosen" : "bulk");
    attribute(bulkBar, "hidden", order.length === 0);
    text(chosen, is ? `${counted(selected.length, "task")} selected` : `All matching tasks${matching === null ? "" : ` (${number(matching)})`}`);
    if (bulkBar.childElementCount > 0) return;
    const press = (what) => () => bulk(what, bulkFilter()).then((done) => done && (table.clearSelection(), load()));
    const button = (what, drawing, label) => h("button", { class: "button small danger", type: "button", on: { click: press(what) } }, icon(drawing), label);
    fill(bulkBar, chosen, h("div", { class: "buttons" }, button("cancel", "stop", "Cancel…"), button("delete", "bin", "Delete…")));
  }

  function bulkFilter() {
    if (selected.length > 0) return { task_ids: selected };
    const wanted = { service: query.service, user: query.user, text: query.text, status: statusesOf(query) };
    return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value && value.length > 0));
  }

  function turn(by) {
    if (by > 0 && next !== null) go(link(["tasks"], { ...query, cursor: next, page: pageNumber() + 1 }));
    else if (by < 0) go(link(["tasks"], pageBefore()));
  }

  /** The page before, or the first one if it was not seen: whoever follows a link may have begun anywhere. */
  function pageBefore() {
    const page = pageNumber() - 1;
    const cursor = cursors.get(page);
    return pageOf(cursor ? { cursor, page } : {});
  }

  // What the stream brings is put together, and shown at most once a frame.
  const redraw = eachFrame(() => {
    const arrived = [...fresh];
    fresh.clear();
    show();
    table.markNew(arrived);
  });

  function changed(head) {
    const id = head.task_id;
    if (heads.has(id)) {
      heads.set(id, head);
      table.markGone(id, false);
      redraw();
    } else if (isFirst() && matches(head) && belongs(id)) {
      if (order.length >= LIMIT + MOST_NEW || table.element.matches(":hover") || selected.length > 0) missed.add(id);
      else insert(head);
      redraw();
    } else if (missed.delete(id)) {
      redraw();
    }
  }

  function left({ task_id: id }) {
    table.markGone(id, true);
    if (missed.delete(id)) redraw();
  }

  function matches(head) {
    const statuses = statusesOf(query);
    const wanted = (query.text ?? "").toLowerCase();
    return (statuses.length === 0 || statuses.includes(head.status)) && head.task_id.toLowerCase().includes(wanted);
  }

  const comesBefore = (one, other) => (query.order === "oldest" ? compareIds(one, other) < 0 : compareIds(one, other) > 0);

  /** Whether a task that is new has its place on this page rather than on a later one. */
  const belongs = (id) => next === null || order.length === 0 || comesBefore(id, order.at(-1));

  function insert(head) {
    heads.set(head.task_id, head);
    missed.delete(head.task_id);
    const at = order.findIndex((id) => comesBefore(head.task_id, id));
    order.splice(at < 0 ? order.length : at, 0, head.task_id);
    fresh.add(head.task_id);
  }

  function follow() {
    const wanted = address("events", owners()).href;
    if (wanted === streamOf) return;
    stream?.stop();
    streamOf = wanted;
    stream = live(() => wanted, {
      on: {
        reset: () => load(),
        task: changed,
        gone: left,
        overview(overview) {
          filter.offer(overview);
          recount(reading.signal);
        },
      },
    });
  }

  function change(wanted) {
    if (wanted.parts[0] !== "tasks" || wanted.parts.length !== 1) return null;
    const before = query;
    const listed = JSON.stringify(asked());
    query = wanted.query;
    if (JSON.stringify(asked()) !== listed) {
      cursors = new Map();
      isToBeSaid = streamOf !== null;
    }
    cursors.set(pageNumber(), query.cursor);
    filter.set(query);
    if (before.cursor !== query.cursor || before.page !== query.page) scrollTo({ top: 0 });
    follow();
    return load();
  }

  const ready = change(route);
  api.overview(reading.signal).then(filter.offer, () => {});
  showBulk();
  return {
    element,
    title: "Tasks",
    ready,
    change,
    keys: {
      j: ["Next task", () => table.move(1)],
      k: ["Task before", () => table.move(-1)],
      "]": ["Next page", () => turn(1)],
      "[": ["Page before", () => turn(-1)],
    },
    stop() {
      reading.abort();
      redraw.stop();
      filter.stop();
    },
  };
}

function skippedNote(skipped) {
  const lines = skipped.map(({ task_id: id, reason }) => h("li", { class: "said" }, `${id}: ${reason}`));
  return h("details", { class: "panel-body" }, h("summary", {}, `${counted(skipped.length, "record")} could not be read`), h("ul", { class: "ids" }, lines));
}
