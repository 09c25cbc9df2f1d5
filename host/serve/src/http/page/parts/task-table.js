// A table of tasks: rows are kept while they are listed, so that nothing jumps when one changes.

import { attribute, h, keyed, said, text } from "../dom.js";
import { taskLink } from "../router.js";
import { short, show, time } from "../times.js";
import { progressBar } from "./progress.js";
import { setStatus, statusBadge } from "./status.js";

/** A table; `onSelect(ids)` is told which tasks are ticked. */
export function taskTable({ onSelect }) {
  const selected = new Set();
  const rows = new Map();
  const body = h("tbody");
  const all = h("input", { type: "checkbox", "aria-label": "Select all tasks on this page", on: { change: selectAll } });
  const heads = ["Task", "Service", "User", "Status", "Progress", "Priority", "Created", "Updated"];
  const element = h(
    "table",
    { class: "tasks", "aria-label": "Tasks" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { class: "tick", scope: "col" }, all),
        heads.map((name) => h("th", { scope: "col", class: isWide(name) ? "wide-only" : null }, name)),
      ),
    ),
    body,
  );

  function selectAll() {
    for (const [id, row] of rows) if (!row.box.disabled) tick(id, row, all.checked);
    selection();
  }

  function tick(id, row, on) {
    if (on) selected.add(id);
    else selected.delete(id);
    row.box.checked = on;
    row.element.classList.toggle("is-chosen", on);
  }

  function selection() {
    // Those that are gone cannot be ticked.
    const size = [...rows.values()].filter((row) => !row.box.disabled).length;
    all.checked = size > 0 && selected.size === size;
    all.indeterminate = selected.size > 0 && selected.size < size;
    onSelect([...selected]);
  }

  function make(head) {
    const id = head.task_id;
    const box = h("input", { type: "checkbox", "aria-label": `Select task ${id}` });
    const under = h("span", { class: "under narrow-only said" }, `${head.service} · ${head.user_id}`);
    const badge = statusBadge(head.status);
    const bar = progressBar({ small: true });
    const priority = h("td", { class: "wide-only" });
    const updated = time(head.updated_at);
    const changed = h("time", { class: "under narrow-only" });
    const row = h(
      "tr",
      {},
      h("td", { class: "tick" }, box),
      h("th", { class: "id", scope: "row" }, h("a", { href: taskLink(id), class: "said" }, id), under),
      h("td", { class: "owner wide-only" }, said(head.service)),
      h("td", { class: "owner wide-only" }, said(head.user_id)),
      h("td", {}, badge, changed),
      h("td", { class: "wide-only" }, bar.element),
      priority,
      h("td", { class: "wide-only" }, time(head.created_at)),
      h("td", { class: "wide-only" }, updated),
    );
    const parts = { element: row, box, badge, bar, priority, updated, changed };
    box.addEventListener("change", () => {
      tick(id, parts, box.checked);
      selection();
    });
    rows.set(id, parts);
    selected.delete(id);
    return row;
  }

  function update(_, head) {
    const row = rows.get(head.task_id);
    setStatus(row.badge, head.status);
    row.bar.set(head.progress);
    attribute(row.priority, "class", head.priority === "high" ? "wide-only priority-high" : "wide-only faint");
    text(row.priority, head.priority === "high" ? "High" : "Low");
    show(row.updated, head.updated_at, short);
    show(row.changed, head.updated_at, short);
  }

  /** Shows these tasks, in this order. */
  function set(heads) {
    const before = new Set(rows.keys());
    keyed(body, heads, { key: nameOf, make, update });
    for (const head of heads) before.delete(head.task_id);
    for (const id of before) {
      rows.delete(id);
      selected.delete(id);
    }
    selection();
  }

  /** Marks tasks that have just come. */
  function markNew(ids) {
    for (const id of ids) rows.get(id)?.element.classList.add("is-new");
  }

  /** Marks a task as gone, or as there again. One that is gone stays in its place until the table is read anew. */
  function markGone(id, isGone) {
    const row = rows.get(id);
    if (!row || row.box.disabled === isGone) return;
    tick(id, row, false);
    row.box.disabled = isGone;
    row.element.classList.toggle("is-gone", isGone);
    selection();
  }

  function clearSelection() {
    for (const [id, row] of rows) tick(id, row, false);
    selection();
  }

  /** Moves the focus by so many tasks. */
  function move(by) {
    const links = [...body.querySelectorAll("th a")];
    const at = links.indexOf(document.activeElement);
    const to = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.max(0, Math.min(links.length - 1, at + by));
    links[to]?.focus();
  }

  return { element, set, markNew, markGone, clearSelection, move };
}

/** What tells a task from another one that has taken its id. */
const nameOf = (head) => JSON.stringify([head.task_id, head.service, head.user_id, head.created_at]);

const isWide = (name) => ["Service", "User", "Progress", "Priority", "Created", "Updated"].includes(name);
