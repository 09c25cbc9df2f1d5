// One task: its line of statuses, its log as it grows, what it was given, what it put out, and what can be done to it.

import { address, api, exact, segment } from "../api.js";
import { attribute, fill, h, said, text } from "../dom.js";
import { copyButton } from "../parts/copy.js";
import { logPanel } from "../parts/log.js";
import { progressBar } from "../parts/progress.js";
import { bones, emptyState, errorState } from "../parts/states.js";
import { setStatus, statusBadge } from "../parts/status.js";
import { actions } from "../parts/task-actions.js";
import { timeline } from "../parts/timeline.js";
import { link } from "../router.js";
import { hasEnded } from "../statuses.js";
import { between, later, number, show, ticking, time, whole } from "../times.js";

/** How many entries are read at once, before the stream goes on with what follows. */
const LAST = 500;

/** What the stream of a task does not tell of it. */
const UNTOLD = ["attempt", "host", "host_seen", "waiting", "priority"];

export function taskView(route, { live }) {
  const id = route.parts[1];
  const aborter = new AbortController();
  let refreshing = new AbortController();
  let task = null;
  let parts = null;
  let isGone = false;
  let stop = () => {};
  let log = null;
  let stream = null;
  const seen = {};
  const element = h("div", {}, heading([]), h("div", { class: "panel" }, bones()));

  function heading(extra, buttons = null) {
    const back = h("a", { class: "back", href: link(["tasks"]) }, "Tasks");
    const title = h("h1", { class: "task-title said", tabindex: -1 }, id);
    return h("div", { class: "head" }, h("div", {}, back, h("div", { class: "head-title" }, title, copyButton(id, "the task's id"), extra)), buttons);
  }

  async function load() {
    try {
      task = await api.task(id, aborter.signal);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      const isMissing = problem.status === 404;
      const shown = isMissing ? emptyState("There is no such task", "It may have been deleted, or its time in the store is over.") : h("div", { class: "panel-body" }, errorState(problem, load));
      fill(element, heading([]), h("div", { class: "panel" }, shown));
      return;
    }
    log = logPanel(id);
    parts = build();
    fill(element, parts.element);
    update();
    stop = ticking(() => task && !hasEnded(task.status) && updateTimes());
    Object.assign(view.keys, log.keys, parts.actions.keys);
    await firstEntries();
    follow();
  }

  async function firstEntries() {
    try {
      // Where entries are long there are fewer on it; the log reads what follows when that is looked at.
      const page = await api.logs(id, -LAST, LAST, aborter.signal);
      log.model.begin(page);
      // When it began to say something, it ran.
      const first = page.total > LAST ? (await api.logs(id, 0, 1, aborter.signal)).entries[0] : page.entries[0];
      if (first?.time && task.status !== "pending") seen.running ??= first.time;
      update();
    } catch {
      // The stream brings them, or says why not.
    }
  }

  /** Shows everything anew. */
  function again() {
    stream.stop();
    refreshing.abort();
    log.stop();
    stop();
    for (const status of Object.keys(seen)) delete seen[status];
    load();
  }

  function follow() {
    stream = live(() => address(`tasks/${segment(id)}/events`, { start: log.model.total }), {
      last: ["end", "gone"],
      on: {
        status(event) {
          if (task.status !== event.status) seen[event.status] ??= event.updated_at;
          task.status = event.status;
          task.updated_at = later(task.updated_at, event.updated_at);
          update();
          refresh();
        },
        entries({ start, entries }) {
          log.model.put(start, entries);
          task.entries = log.model.total;
          task.updated_at = later(task.updated_at, entries.at(-1)?.time);
          updateTimes();
        },
        progress(progress) {
          task.progress = progress.done === undefined ? null : progress;
          parts.progress.set(task.progress);
        },
        output(output) {
          task.result = output;
          parts.output.set(output);
        },
        // It is another task of the same id.
        reset: again,
        gone() {
          isGone = true;
          update();
        },
      },
    });
  }

  /** Reads again what the stream does not tell; what it does tell is newer than an answer. */
  async function refresh() {
    refreshing.abort();
    const mine = (refreshing = new AbortController());
    try {
      const read = await api.task(id, mine.signal);
      if (mine.signal.aborted) return;
      for (const name of UNTOLD) task[name] = read[name];
      task.updated_at = later(task.updated_at, read.updated_at);
      update();
    } catch {
      // It was deleted, which the stream tells, or the platform is away, which the mark tells.
    }
  }

  function build() {
    const badge = statusBadge(task.status);
    const line = timeline();
    const bar = progressBar();
    const did = actions(id, () => task);
    const output = outputPanel();
    const facts = factList();
    const gone = h("div", { class: "error", role: "alert", hidden: true }, h("strong", {}, "Deleted"), "This task is no more. What is shown is what it was.");
    const aside = h("div", { class: "stack" }, facts.element, parametersPanel(task.parameters), output.element);
    const progress = h("div", { class: "task-progress" }, bar.element);
    const left = h("div", { class: "stack" }, h("section", { class: "panel", "aria-label": "Life" }, line.element, progress), log.element);
    const whole = h("div", { class: "stack task-view" }, heading([badge], did.element), gone, h("div", { class: "task" }, left, aside));
    return { element: whole, badge, line, progress: bar, progressArea: progress, actions: did, output, facts, gone };
  }

  function update() {
    if (!parts) return;
    setStatus(parts.badge, task.status);
    parts.progress.set(task.progress);
    attribute(parts.progressArea, "hidden", !task.progress);
    parts.output.set(task.result);
    parts.actions.set(isGone ? null : task);
    attribute(parts.gone, "hidden", !isGone);
    updateTimes();
  }

  function updateTimes() {
    parts.line.set(task, seen);
    parts.facts.set(task);
  }

  const view = {
    element,
    title: id,
    ready: null,
    keys: {},
    stop() {
      aborter.abort();
      refreshing.abort();
      log?.stop();
      stop();
    },
  };
  view.ready = load();
  return view;
}

function factList() {
  const values = {
    Service: said(""),
    User: said(""),
    Priority: h("span"),
    Created: time(null),
    Changed: time(null),
    Lasted: h("span"),
    Attempt: h("span"),
    Host: h("span", {}, said(""), h("span", { class: "faint" })),
  };
  const terms = Object.entries(values).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  const element = h("section", { class: "panel", "aria-label": "Facts" }, h("dl", { class: "panel-body facts" }, terms));

  function set(task) {
    text(values.Service, task.service);
    text(values.User, task.user_id);
    text(values.Priority, task.priority === "high" ? "High" : "Low");
    attribute(values.Priority, "class", task.priority === "high" ? "priority-high" : null);
    show(values.Created, task.created_at, whole);
    show(values.Changed, task.updated_at, whole);
    text(values.Lasted, between(task.created_at, hasEnded(task.status) ? task.updated_at : undefined));
    text(values.Attempt, task.attempt ? number(task.attempt) : task.waiting ? "Waits in the queue" : "–");
    const [host, ago] = values.Host.children;
    text(host, task.host ?? "–");
    text(ago, task.host && task.host_seen && !hasEnded(task.status) ? ` seen ${between(task.host_seen)} ago` : "");
  }
  return { element, set };
}

function parametersPanel(parameters) {
  const head = h("div", { class: "panel-head" }, h("h2", {}, "Parameters"), copyButton(parameters, "the parameters"));
  return h("section", { class: "panel", "aria-label": "Parameters" }, head, textBlock(parameters, "Parameters"));
}

function textBlock(value, label) {
  return h("pre", { class: "text said", tabindex: 0, role: "group", "aria-label": label }, value);
}

function outputPanel() {
  const body = h("div");
  let now = "";
  const head = h("div", { class: "panel-head" }, h("h2", {}, "Output"), copyButton(() => now, "the output"));
  const element = h("section", { class: "panel", "aria-label": "Output" }, head, body);
  let shown = null;

  function set(result) {
    const texts = [["Pod status", result?.pod_status], ["Launcher output", result?.launcher_output]].filter(([, value]) => value);
    const wanted = JSON.stringify(texts);
    if (wanted === shown) return;
    shown = wanted;
    now = texts.map(([, value]) => value).join("\n");
    const cut = result?.cut && h("p", { class: "section-label label" }, "Only the end of it");
    const blocks = texts.map(([label, value]) => [h("h3", { class: "section-label label" }, label), textBlock(pretty(value), label)]);
    fill(body, texts.length > 0 ? [cut, blocks] : h("p", { class: "panel-body faint" }, "None yet"));
  }
  return { element, set };
}

/** Output that is JSON is laid out; any other is shown as it is. */
function pretty(value) {
  if (!/^\s*[[{]/.test(value) || value.includes("\n")) return value;
  try {
    return JSON.stringify(JSON.parse(value, exact), null, 2);
  } catch {
    return value;
  }
}
