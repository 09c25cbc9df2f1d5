// Services and, unfolded, their users, each with the counts of their tasks by status.

import { attribute, h, keyed, said, text } from "../dom.js";
import { icon } from "../icons.js";
import { link } from "../router.js";
import { nameOf, STATUSES, total } from "../statuses.js";
import { number } from "../times.js";
import { emptyState } from "./states.js";

/** So many users are listed of a service; the table of tasks finds the others. */
const MOST_USERS = 50;

const COLUMNS = ["pending", "running", "completed", "failed", "cancelled"];

/** Statuses that are short-lived are counted with the one that they come next to. */
const WITH = { pending: ["pending", "dispatching"], running: ["running", "cancel_requested"] };

/** The table; what is unfolded stays so while it is shown. */
export function servicesTable() {
  const open = new Set();
  let services = [];
  const body = h("tbody");
  const heads = COLUMNS.map((status) => h("th", { scope: "col", class: "number" }, status === "pending" ? "Waiting" : nameOf(status)));
  const table = h(
    "table",
    { class: "services", "aria-label": "Counts by service, user and status" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Service"), h("th", { scope: "col", class: "wide-only" }, "Shares"), heads, h("th", { scope: "col", class: "number" }, "All"))),
    body,
  );
  const nothing = emptyState("No tasks yet", "Submit one, and its service shows up here.", h("a", { class: "button primary", href: link(["submit"]) }, "Submit a task"));
  const scroll = h("div", { class: "scroll" }, table);
  const element = h("div", {}, nothing, scroll);

  function toggle(service) {
    if (!open.delete(service)) open.add(service);
    draw();
  }

  function lines() {
    return services.flatMap((service) => {
      const line = { service: service.service, counts: service.counts, users: service.users.length };
      if (!open.has(service.service)) return [line];
      const users = service.users.slice(0, MOST_USERS).map((user) => ({ service: service.service, user: user.user_id, counts: user.counts }));
      const more = service.users.length - users.length;
      return [line, ...users, ...(more > 0 ? [{ service: service.service, more }] : [])];
    });
  }

  function make(line) {
    if (line.more) return h("tr", { class: "user" }, h("th", { scope: "row", colspan: COLUMNS.length + 3, class: "faint" }));
    const query = { service: line.service, user: line.user };
    const cells = COLUMNS.map((status) => h("td", { class: "number" }, h("a", { href: link(["tasks"], { ...query, status: (WITH[status] ?? [status]).join(",") }) })));
    const all = h("td", { class: "number" }, h("a", { href: link(["tasks"], query) }));
    const name = line.user === undefined ? disclosure(line.service) : said(line.user);
    return h("tr", { class: line.user === undefined ? null : "user" }, h("th", { scope: "row" }, name), h("td", { class: "wide-only" }, shares()), cells, all);
  }

  function disclosure(service) {
    return h("button", { class: "disclose", type: "button", on: { click: () => toggle(service) } }, icon("next"), said(service));
  }

  function update(row, line) {
    if (line.more) {
      text(row.firstElementChild, `and ${number(line.more)} more users`);
      return;
    }
    const [name, share, ...cells] = row.children;
    if (line.user === undefined) attribute(name.firstElementChild, "aria-expanded", open.has(line.service) ? "true" : "false");
    setShares(share.firstElementChild, line.counts);
    COLUMNS.forEach((status, place) => setCount(cells[place], (WITH[status] ?? [status]).reduce((sum, its) => sum + (line.counts[its] ?? 0), 0), status));
    setCount(cells.at(-1), total(line.counts), "tasks");
  }

  function draw() {
    attribute(nothing, "hidden", services.length > 0);
    attribute(scroll, "hidden", services.length === 0);
    keyed(body, lines(), { key: (line) => JSON.stringify([line.service, line.user ?? null, Boolean(line.more)]), make, update });
  }

  function set(wanted) {
    services = wanted;
    draw();
  }
  return { element, set };
}

function setCount(cell, count, what) {
  text(cell.firstElementChild, number(count));
  attribute(cell.firstElementChild, "class", count === 0 ? "faint" : null);
  attribute(cell.firstElementChild, "aria-label", `${number(count)} ${what === "tasks" ? what : nameOf(what).toLowerCase()}`);
}

function shares() {
  return h("div", { class: "share", "aria-hidden": "true" });
}

function setShares(element, counts) {
  const all = total(counts);
  const shown = STATUSES.filter((status) => counts[status] > 0);
  keyed(element, shown, {
    key: (status) => status,
    make: (status) => h("i", { "data-status": status }),
    update: (part, status) => {
      part.style.width = `${(counts[status] / all) * 100}%`;
    },
  });
}
