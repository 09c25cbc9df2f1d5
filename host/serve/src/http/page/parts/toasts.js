// Short messages in the corner: what was done, what did not work. They are read out, and never take the focus.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { sentence } from "./states.js";

const STAYS = 6_000;

/** Says that something was done. */
export function tell(message) {
  show(message, "status", "toast");
}

/** Says that something did not work. It stays until it is taken away. */
export function complain(problem) {
  if (problem?.name === "AbortError") return;
  show(sentence(problem), "alert", "toast bad");
}

function show(message, role, classes) {
  const toast = h("div", { class: classes, role }, h("span", { class: "said" }, message));
  const close = h("button", { class: "button plain small icon", type: "button", "aria-label": "Dismiss", on: { click: () => toast.remove() } }, icon("close"));
  toast.append(close);
  const toasts = document.getElementById("toasts");
  while (toasts.children.length >= 4) toasts.firstElementChild.remove();
  toasts.append(toast);
  if (role === "status") setTimeout(() => toast.remove(), STAYS);
}
