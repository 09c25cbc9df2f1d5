// What is held back, and the ways to hold back and let go: everything, a service, a user.

import { setPaused } from "../actions.js";
import { fill, h, said } from "../dom.js";
import { icon } from "../icons.js";

const KINDS = { services: "Service", users: "User" };

/** The panel; `pauses` is what is shared with the banner: `{now(), load(), watch(work)}`. */
export function pausesPanel(pauses) {
  const list = h("ul", { class: "held" });
  const everything = h("div", { class: "panel-body" });
  const kind = h("select", { class: "input", "aria-label": "What to pause" }, Object.entries(KINDS).map(([value, label]) => h("option", { value }, label)));
  const name = h("input", { class: "input", "aria-label": "Its name", placeholder: "Name", required: true, autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "hold", on: { submit: hold } }, kind, name, h("button", { class: "button" }, icon("pause"), "Pause"));
  const element = h("section", { class: "panel", "aria-label": "Held back" }, h("div", { class: "panel-head" }, h("h2", {}, "Held back")), list, form, everything);

  async function change(isPaused, what, its) {
    if (await setPaused(isPaused, what, its)) await pauses.load();
  }

  async function hold(event) {
    event.preventDefault();
    const its = name.value.trim();
    if (its === "") return;
    await change(true, kind.value, its);
    if (pauses.now()?.[kind.value].includes(its)) name.value = "";
  }

  function show() {
    const now = pauses.now();
    if (!now) return;
    const held = Object.keys(KINDS).flatMap((what) => now[what].map((its) => ({ what, its })));
    const lines = held.map(({ what, its }) =>
      h("li", {}, h("span", {}, h("span", { class: "faint" }, `${KINDS[what]} `), said(its)), h("button", { class: "button small", type: "button", "aria-label": `Resume ${KINDS[what].toLowerCase()} ${its}`, on: { click: () => change(false, what, its) } }, icon("play"), "Resume")),
    );
    fill(list, lines);
    const all = now.all
      ? h("button", { class: "button primary", type: "button", on: { click: () => change(false, "all") } }, icon("play"), "Resume everything")
      : h("button", { class: "button danger", type: "button", on: { click: () => change(true, "all") } }, icon("pause"), "Pause everything");
    fill(everything, all);
  }

  const stop = pauses.watch(show);
  show();
  return { element, stop };
}
