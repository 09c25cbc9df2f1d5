// What a listing is narrowed down by: a text in the id, a service, a user, statuses, and the order.

import { attribute, h, keyed, text } from "../dom.js";
import { icon } from "../icons.js";
import { nameOf, STATUSES } from "../statuses.js";
import { number } from "../times.js";

const TYPING = 250;

/** The filters; `onChange(query, {typed})` is told what the address should say from now on, until they are stopped. */
export function filters(onChange) {
  let query = {};
  let timer = 0;

  const search = field("search", "Search by task id", "text");
  const service = field("text", "Service", "service", "services");
  const user = field("text", "User", "user", "users");
  const services = h("datalist", { id: "services" });
  const users = h("datalist", { id: "users" });
  const order = h(
    "select",
    { class: "input", "aria-label": "Order", on: { change: () => change({ order: order.value === "oldest" ? "oldest" : "" }) } },
    h("option", { value: "newest" }, "Newest first"),
    h("option", { value: "oldest" }, "Oldest first"),
  );
  const chips = STATUSES.map((status) => {
    const count = h("span", { class: "faint" });
    const chip = h("button", { class: "chip", type: "button", "data-status": status, "aria-pressed": "false", on: { click: () => toggle(status) } });
    chip.append(icon(status), nameOf(status), count);
    return { status, chip, count };
  });
  const clear = h("button", { class: "button plain small", type: "button", hidden: true, on: { click: () => change({ text: "", service: "", user: "", status: "" }) } }, icon("close"), "Clear filters");

  const element = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter tasks", on: { submit: (event) => event.preventDefault() } },
    h("div", { class: "search" }, icon("search"), search),
    service,
    user,
    order,
    h("div", { class: "chips", role: "group", "aria-label": "Statuses" }, chips.map(({ chip }) => chip), clear),
    services,
    users,
  );

  function field(type, label, name, list = null) {
    const input = h("input", { class: "input", type, list, name, "aria-label": label, placeholder: label, autocomplete: "off", spellcheck: "false" });
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => change({}, { typed: true }), TYPING);
    });
    return input;
  }

  function toggle(status) {
    const chosen = new Set(statusesOf(query));
    if (!chosen.delete(status)) chosen.add(status);
    change({ status: STATUSES.filter((name) => chosen.has(name)).join(",") });
  }

  function change(changes, options = {}) {
    clearTimeout(timer);
    // What was typed just before, and has not been taken over yet, counts as well.
    const typed = { text: search.value.trim(), service: service.value.trim(), user: user.value.trim() };
    onChange({ ...query, ...typed, ...changes, cursor: "", page: "" }, options);
  }

  /** Shows what the address says. What the reader is typing is left alone. */
  function set(wanted) {
    query = wanted;
    for (const [input, name] of [[search, "text"], [service, "service"], [user, "user"]]) {
      if (input !== document.activeElement) input.value = query[name] ?? "";
    }
    order.value = query.order === "oldest" ? "oldest" : "newest";
    const chosen = new Set(statusesOf(query));
    for (const { status, chip } of chips) attribute(chip, "aria-pressed", chosen.has(status) ? "true" : "false");
    attribute(clear, "hidden", !["text", "service", "user", "status"].some((name) => query[name]));
  }

  /** Shows how many tasks each status has. */
  function setCounts(byStatus) {
    for (const { status, count } of chips) text(count, byStatus ? number(byStatus[status] ?? 0) : "");
  }

  /** What is offered for the service and the user. */
  function offer(overview) {
    const option = { key: (name) => name, make: (name) => h("option", { value: name }) };
    keyed(services, (overview.services ?? []).map((one) => one.service), option);
    const names = new Set((overview.services ?? []).flatMap((one) => one.users.map((its) => its.user_id)));
    keyed(users, [...names].slice(0, 100), option);
  }

  return { element, set, setCounts, offer, stop: () => clearTimeout(timer) };
}

/** The statuses that an address names. */
export const statusesOf = (query) => (query.status ?? "").split(",").filter((status) => status !== "");
