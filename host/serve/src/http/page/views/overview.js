// The platform at a glance: counts by status, the last minutes in charts, what waits, services with their users, what is
// held back.

import { address, api } from "../api.js";
import { attribute, fill, h, keyed, said, text } from "../dom.js";
import { icon } from "../icons.js";
import { chart } from "../parts/chart.js";
import { pausesPanel } from "../parts/pauses.js";
import { servicesTable } from "../parts/services-table.js";
import { bones, errorState } from "../parts/states.js";
import { link } from "../router.js";
import { isOperator } from "../session.js";
import { add, nameOf } from "../statuses.js";
import { lasting, number, short, show } from "../times.js";

const FIGURES = ["running", "pending", "dispatching", "completed", "failed", "cancelled"];

export function overviewView(route, { live, pauses }) {
  const aborter = new AbortController();
  const counted = h("time");
  const figures = FIGURES.map((status) => {
    const count = h("span", { class: "figure-number" }, "–");
    const name = h("span", { class: "figure-name" }, icon(status), nameOf(status));
    return { status, count, element: h("a", { class: "figure", "data-status": status, href: link(["tasks"], { status }) }, name, count) };
  });
  const waiting = chart({ name: "Waiting", unit: "tasks wait", tone: "dispatching" });
  const active = chart({ name: "Running", unit: "tasks run", tone: "running" });
  const ended = chart({ name: "Ended", unit: "tasks ended in 10 s", tone: "completed", bars: true });
  const services = servicesTable();
  const queue = queueTable();
  const wrong = h("div");
  const table = h("div", {}, bones(4));
  const held = isOperator() ? pausesPanel(pauses) : null;
  const charts = h("section", { class: "panel", "aria-label": "The last minutes" }, h("h2", { class: "unseen" }, "The last minutes"), h("div", { class: "charts" }, waiting.element, active.element, ended.element));
  // How much there is of others' is told to operators alone.
  attribute(charts, "hidden", !isOperator());
  const element = h(
    "div",
    { class: "overview" },
    h("div", {}, h("div", { class: "head" }, h("h1", { tabindex: -1 }, "Overview"), h("span", { class: "faint" }, "Counted at ", counted)), wrong, h("div", { class: "figures" }, figures.map((figure) => figure.element))),
    charts,
    h(
      "div",
      { class: isOperator() ? "columns" : "" },
      h("div", { class: "stack" }, h("section", { class: "panel", "aria-label": "Services" }, h("div", { class: "panel-head" }, h("h2", {}, "Services")), table)),
      isOperator() && h("div", { class: "stack" }, queue.element, held?.element),
    ),
  );

  function set(overview) {
    fill(wrong);
    show(counted, overview.counted_at ?? overview.time, short);
    const counts = (overview.services ?? []).reduce((sum, service) => add(sum, service.counts), {});
    for (const { status, count } of figures) text(count, number(counts[status] ?? 0));
    const samples = (name) => (overview.history ?? []).map((sample) => ({ time: sample.time, value: sample[name] ?? 0 }));
    waiting.set(samples("ready"));
    active.set(samples("active"));
    ended.set(samples("ended"));
    queue.set(overview.queue ?? []);
    services.set(overview.services ?? []);
    if (table.firstElementChild !== services.element) fill(table, services.element);
  }

  async function load() {
    try {
      set(await api.overview(aborter.signal));
    } catch (problem) {
      if (problem.name !== "AbortError") fill(wrong, errorState(problem, load));
    }
  }

  live(() => address("events").href, {
    on: {
      reset: load,
      overview: set,
    },
  });
  return {
    element,
    title: "Overview",
    ready: load(),
    stop() {
      aborter.abort();
      held?.stop();
    },
  };
}

function queueTable() {
  const body = h("tbody");
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Service"), h("th", { scope: "col", class: "number" }, "Waiting"), h("th", { scope: "col", class: "number" }, "Longest"))),
    body,
  );
  const nothing = h("p", { class: "panel-body faint" }, "Nothing waits");
  const element = h("section", { class: "panel", "aria-label": "Queue" }, h("div", { class: "panel-head" }, h("h2", {}, "Queue")), nothing, h("div", { class: "scroll" }, table));

  function make() {
    return h("tr", {}, h("th", { scope: "row" }, said(""), h("span", { class: "priority-high" })), h("td", { class: "number" }), h("td", { class: "number faint" }));
  }

  function update(row, its) {
    const [name, count, longest] = row.children;
    text(name.firstElementChild, its.service);
    text(name.lastElementChild, its.priority === "high" ? " high" : "");
    text(count, number(its.ready));
    attribute(count, "title", its.delayed > 0 ? `${number(its.delayed)} more wait for their next attempt` : null);
    text(longest, its.longest_seconds === null || its.longest_seconds === undefined ? "–" : lasting(its.longest_seconds * 1000));
  }

  function set(queue) {
    const rows = queue.filter((its) => its.ready > 0 || its.delayed > 0);
    attribute(nothing, "hidden", rows.length > 0);
    attribute(table, "hidden", rows.length === 0);
    keyed(body, rows, { key: (its) => `${its.service} ${its.priority}`, make, update });
  }
  return { element, set };
}
