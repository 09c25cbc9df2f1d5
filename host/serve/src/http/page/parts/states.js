// What a view shows when it has nothing to show: because there is nothing, because it is on its way, because it failed.

import { h } from "../dom.js";
import { icon } from "../icons.js";

/** Nothing there: what that means, and what to do about it. */
export function emptyState(title, hint = "", ...actions) {
  return h("div", { class: "empty" }, icon("nothing"), h("strong", {}, title), hint && h("span", {}, hint), actions);
}

/** It failed: what the platform said, and a way to try again. */
export function errorState(problem, again) {
  const what = problem?.status ? "That did not work" : "No answer";
  const retry = again && h("button", { class: "button small", type: "button", on: { click: again } }, "Try again");
  return h("div", { class: "error", role: "alert" }, h("strong", {}, what), h("span", { class: "said" }, sentence(problem)), retry);
}

/** What a problem says, in one line, and the value that it is about. */
export function sentence(problem) {
  const said = String(problem?.message ?? problem ?? "Something went wrong");
  const value = problem?.body?.value;
  const about = typeof value === "string" && value !== "" && !said.includes(value) ? `: ${value}` : "";
  return said.charAt(0).toUpperCase() + said.slice(1) + about;
}

/** Where lines will be, while they are on their way. */
export function bones(rows = 6) {
  const lines = Array.from({ length: rows }, () => h("div", { class: "bone" }));
  return h("div", { class: "panel-body stack", "aria-hidden": "true" }, lines);
}
