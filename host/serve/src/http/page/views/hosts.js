// The processes that run tasks: alive or just lost, what each runs, and which plugins it has, with what they may do.

import { address, api } from "../api.js";
import { fill, h, keyed, said, text } from "../dom.js";
import { bones, emptyState, errorState } from "../parts/states.js";
import { taskLink } from "../router.js";
import { isOperator } from "../session.js";
import { between, counted, number, show, ticking, time, whole } from "../times.js";

const SHOWN_RUNS = 50;

/** Hosts say that they are there every ten seconds: reading them more often shows nothing new. */
const REST = 5_000;

export function hostsView(route, { live }) {
  const aborter = new AbortController();
  const count = h("span", { class: "soft" });
  const list = h("div", { class: "hosts" });
  const content = h("div", {}, h("div", { class: "panel" }, bones()));
  const element = h("div", {}, h("div", { class: "head" }, h("div", { class: "head-title" }, h("h1", { tabindex: -1 }, "Hosts"), count)), content);
  const title = "Hosts";
  if (!isOperator()) {
    fill(content, h("div", { class: "panel" }, emptyState("Only operators see the hosts")));
    return { element, title, ready: Promise.resolve(), stop() {} };
  }

  let readAt = 0;
  async function load() {
    readAt = Date.now();
    try {
      const { hosts } = await api.hosts(aborter.signal);
      text(count, counted(hosts.length, "host"));
      if (hosts.length === 0) {
        fill(content, h("div", { class: "panel" }, emptyState("No host is alive", "Tasks wait until one is: start `task-state serve`.")));
        return;
      }
      if (content.firstElementChild !== list) fill(content, list);
      keyed(list, hosts, { key: (host) => host.name, make: card, update: (shown, host) => cards.get(shown)(host) });
    } catch (problem) {
      if (problem.name !== "AbortError") fill(content, h("div", { class: "panel panel-body" }, errorState(problem, load)));
    }
  }

  live(() => address("events").href, {
    on: {
      reset: load,
      overview: () => Date.now() - readAt >= REST && load(),
    },
  });
  const stop = ticking(() => {
    for (const ago of list.querySelectorAll("[data-seen]")) text(ago, `seen ${between(ago.dataset.seen)} ago`);
  });
  return {
    element,
    title,
    ready: load(),
    stop() {
      aborter.abort();
      stop();
    },
  };
}

/** How to show a host anew on the card that it has. */
const cards = new WeakMap();

function card(host) {
  const seen = h("span", { class: "faint" });
  const started = time(null);
  const version = h("span", { class: "tag" });
  const plugins = h("div");
  const runsLabel = h("h3", { class: "label section-label" });
  const runs = h("ul", { class: "runs", tabindex: 0, "aria-label": "Runs" });
  const head = h("div", { class: "panel-head" }, h("div", { class: "head-title" }, h("h2", {}, said(host.name, { class: "mono" })), version, seen), h("span", { class: "faint" }, "Started ", started));
  const body = h("div", { class: "host-body" }, h("div", {}, h("h3", { class: "label section-label" }, "Plugins"), plugins), h("div", { class: "host-runs" }, runsLabel, runs));
  const element = h("section", { class: "panel", "aria-label": `Host ${host.name}` }, head, body);
  let pluginsShown = "";

  cards.set(element, (its) => {
    seen.dataset.seen = its.seen ?? "";
    text(seen, `seen ${between(its.seen)} ago`);
    show(started, its.started, whole);
    text(version, its.version ?? "");
    version.hidden = !its.version;
    const all = its.runs ?? [];
    text(runsLabel, all.length === 0 ? "No runs" : counted(all.length, "run"));
    keyed(runs, all.slice(0, SHOWN_RUNS), {
      key: (run) => run.task_id,
      make: (run) => h("li", {}, h("a", { href: taskLink(run.task_id), class: "said mono" }, run.task_id), h("span", { class: "faint" })),
      update: (row, run) => text(row.lastElementChild, run.attempt > 1 ? `attempt ${number(run.attempt)}` : ""),
    });
    const wanted = JSON.stringify(its.plugins ?? []);
    if (wanted !== pluginsShown) {
      pluginsShown = wanted;
      fill(plugins, (its.plugins ?? []).map(plugin));
    }
  });
  return element;
}

function plugin(its) {
  const facts = [
    ["Services", tags(its.services)],
    ["Users", its.users === null ? said("Any") : tags(its.users)],
    ["At once", its.concurrency === null || its.concurrency === undefined ? null : said(number(its.concurrency))],
    ["Grants", tags(withAny(its.grants))],
    ["Limits", tags(its.limits)],
    ["May reach", tags(its.capabilities)],
  ];
  const rows = facts.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("div", { class: "plugin" }, said(its.component, { class: "mono" }), h("dl", { class: "facts" }, rows));
}

/** Grants, in which nothing named means any. */
function withAny(grants) {
  return Object.fromEntries(Object.entries(grants ?? {}).map(([name, value]) => [name, value === null ? "any" : value]));
}

/** Names, or names with values, as small labels; nothing if there are none. */
function tags(value) {
  const texts = flat(value);
  return texts.length === 0 ? null : h("div", { class: "tags" }, texts.map((one) => said(one, { class: "tag" })));
}

function flat(value, name = "") {
  if (value === null || value === undefined || value === false) return [];
  if (Array.isArray(value)) {
    if (name === "") return value.flatMap((one) => flat(one));
    return value.length === 0 ? [] : [`${name}: ${value.map((one) => (typeof one === "object" ? JSON.stringify(one) : one)).join(", ")}`];
  }
  if (typeof value === "object") return Object.entries(value).flatMap(([key, its]) => flat(its, name === "" ? key : `${name}.${key}`));
  if (name === "") return [String(value)];
  return [value === true ? name : `${name}: ${typeof value === "number" ? number(value) : value}`];
}
