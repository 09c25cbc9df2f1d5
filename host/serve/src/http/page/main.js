// Starts the page: asks who the reader is, draws the frame, and shows the view that the address names.

import { api, whenUnauthorised } from "./api.js";
import { setPaused } from "./actions.js";
import { attribute, fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { Live } from "./live.js";
import { liveMark } from "./parts/live-mark.js";
import { Pauses } from "./pauses.js";
import { listenForKeys, setKeys, showKeys } from "./parts/shortcuts.js";
import { emptyState, errorState } from "./parts/states.js";
import { themeSwitch } from "./parts/theme-switch.js";
import { complain } from "./parts/toasts.js";
import { isView, link, parse } from "./router.js";
import { isLoggedIn, isOperator, loadSession, needsToken } from "./session.js";
import { hostsView } from "./views/hosts.js";
import { loginView } from "./views/login.js";
import { overviewView } from "./views/overview.js";
import { submitView } from "./views/submit.js";
import { taskView } from "./views/task.js";
import { tasksView } from "./views/tasks.js";

/** A view that comes sooner than this replaces the old one at once; a slower one shows that it is on its way. */
const SOON = 300;

const NAV = [
  { name: "Overview", path: [], drawing: "overview" },
  { name: "Tasks", path: ["tasks"], drawing: "tasks" },
  { name: "Submit", path: ["submit"], drawing: "submit" },
  { name: "Hosts", path: ["hosts"], drawing: "hosts", forOperators: true },
];

const main = document.getElementById("main");
const loading = document.getElementById("loading");
const mark = liveMark(() => stream?.tryNow());
const pauses = new Pauses();
let view = null;
let stream = null;
let turn = 0;
let views = 0;

/** Opens the one stream of the open view; the mark tells how it is. A view that has been left gets none. */
function live(of, address, options) {
  if (of !== views) return { stop() {} };
  stream?.stop();
  stream = null;
  let mine = null;
  mine = new Live(address, {
    ...options,
    onState(state) {
      if (mine !== null && mine !== stream) return;
      mark.set(state);
      if (state.problem?.status === 401) logIn("The session has ended.");
    },
  });
  stream = mine;
  return mine;
}

function viewOf(route) {
  const [first, ...rest] = route.parts;
  if (first === undefined) return overviewView;
  if (first === "tasks" && rest.length === 0) return tasksView;
  if (first === "tasks" && rest.length === 1) return taskView;
  if (first === "submit" && rest.length === 0) return submitView;
  if (first === "hosts" && rest.length === 0) return hostsView;
  return missingView;
}

function missingView() {
  const back = h("a", { class: "button", href: "#/" }, "Overview");
  const element = h("div", { class: "panel" }, h("h1", { class: "unseen", tabindex: -1 }, "No such view"), emptyState("There is no such view", "The address may be misspelt.", back));
  return { element, title: "No such view", ready: Promise.resolve(), stop() {} };
}

/** Shows what the address names. */
async function show({ isFirst = false } = {}) {
  if (!isView(location.hash) || !isLoggedIn()) return;
  const route = parse();
  markCurrent(route);
  const mine = ++turn;
  const changing = view?.change?.(route);
  if (changing) {
    const changed = view;
    await soon(changing);
    // The view may still have been on its way when it was changed; whoever waited for it then has given up.
    if (mine === turn && !changed.element.isConnected) place(changed, isFirst);
    return;
  }
  const make = viewOf(route);
  view?.stop();
  stream?.stop();
  stream = null;
  mark.set({ state: "none" });
  const of = ++views;
  const next = make(route, { live: (...options) => live(of, ...options), pauses });
  view = next;
  await soon(next.ready);
  if (mine !== turn) return;
  place(next, isFirst);
}

/** Waits for a view for a little while. */
async function soon(ready) {
  const shown = setTimeout(() => (loading.hidden = false), SOON / 2);
  const ending = Promise.resolve(ready).finally(() => {
    clearTimeout(shown);
    loading.hidden = true;
  });
  await Promise.race([ending, new Promise((resolve) => setTimeout(resolve, SOON))]);
}

function place(next, isFirst) {
  document.title = `${next.title} · task-state`;
  setKeys(next.keys);
  fill(main, next.element);
  scrollTo({ top: 0 });
  if (next.focus) next.focus();
  else if (!isFirst) main.querySelector("h1")?.focus({ preventScroll: true });
}

function markCurrent(route) {
  for (const anchor of document.querySelectorAll("#nav a")) {
    attribute(anchor, "aria-current", anchor.getAttribute("href") === link(route.parts.slice(0, 1)) ? "page" : null);
  }
}

function drawFrame() {
  const shown = isLoggedIn() ? NAV.filter((entry) => !entry.forOperators || isOperator()) : [];
  fill(document.getElementById("nav"), shown.map(({ name, path, drawing }) => h("a", { href: link(path) }, icon(drawing), name)));
  const keys = h("button", { class: "button plain icon wide-only", type: "button", "aria-label": "Keys", title: "Keys (?)", on: { click: showKeys } }, icon("help"));
  const leave = h("button", { class: "button plain icon", type: "button", "aria-label": "Log out", title: "Log out", on: { click: logOut } }, icon("leave"));
  fill(document.getElementById("bar-end"), mark.element, keys, themeSwitch(), isLoggedIn() && needsToken() && leave);
}

function logIn(message = "") {
  if (view?.isLogin) return;
  turn += 1;
  views += 1;
  view?.stop();
  stream?.stop();
  stream = null;
  mark.set({ state: "none" });
  pauses.forget();
  view = { ...loginView({ message, onDone: start }), isLogin: true };
  fill(document.getElementById("nav"));
  place(view, true);
}

async function logOut() {
  try {
    await api.logOut();
    await start();
  } catch (problem) {
    complain(problem);
  }
}

/** Says above every view that all is held back, to whoever can do something about it. */
function drawBanner() {
  const banner = document.getElementById("banner");
  if (!pauses.now()?.all) {
    fill(banner);
    return;
  }
  const resume = async () => (await setPaused(false, "all")) && pauses.load();
  const button = h("button", { class: "button small", type: "button", on: { click: resume } }, icon("play"), "Resume");
  fill(banner, h("div", { class: "banner", role: "status" }, icon("warning"), h("span", {}, "All tasks are paused: what waits does not begin."), button));
}

async function start({ isFirst = false } = {}) {
  try {
    await loadSession();
  } catch (problem) {
    fill(main, h("h1", { class: "unseen", tabindex: -1 }, "task-state"), errorState(problem, () => start()));
    return;
  }
  view?.stop();
  view = null;
  drawFrame();
  if (!isLoggedIn()) {
    logIn();
    return;
  }
  if (isOperator()) pauses.load();
  show({ isFirst });
}

whenUnauthorised(() => logIn("The session has ended."));
pauses.watch(drawBanner);
listenForKeys();
addEventListener("hashchange", () => show());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
  main.scrollIntoView();
});
start({ isFirst: true });
