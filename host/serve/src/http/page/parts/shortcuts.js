// Keys: those that hold everywhere, those of the open view, and the dialog that lists them. Single keys can be switched
// off, for readers whose tools type by speech.

import { h } from "../dom.js";
import { go, link } from "../router.js";
import { openDialog } from "./dialog.js";

const EVERYWHERE = {
  "g o": ["Overview", () => go("#/")],
  "g t": ["Tasks", () => go(link(["tasks"]))],
  "g s": ["Submit a task", () => go(link(["submit"]))],
  "g h": ["Hosts", () => go(link(["hosts"]))],
  "/": ["Search", () => document.querySelector("main [type=search]")?.focus()],
  "?": ["These keys", () => showKeys()],
};

let ofView = {};
let before = "";

/** Sets the keys of the open view: `{key: [what it does, work]}`. */
export function setKeys(keys) {
  ofView = keys ?? {};
}

/** Begins to listen. */
export function listenForKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOff()) return;
    if (document.querySelector("dialog[open]") || isTyping(event.target)) return;
    const pair = before === "g" ? `g ${event.key}` : event.key;
    before = event.key === "g" && before !== "g" ? "g" : "";
    const found = EVERYWHERE[pair] ?? ofView[pair];
    if (!found) return;
    event.preventDefault();
    found[1]();
  });
}

function isTyping(target) {
  if (target.matches?.("textarea, select, [contenteditable]")) return true;
  return target.matches?.("input") && !["checkbox", "radio", "button"].includes(target.type);
}

function isOff() {
  try {
    return localStorage.getItem("keys") === "off";
  } catch {
    return false;
  }
}

/** Lists them. */
export function showKeys() {
  openDialog("Keys", ({ title, close }) => {
    const rows = [...Object.entries(EVERYWHERE), ...Object.entries(ofView)].map(([keys, [what]]) => [
      h("span", {}, keys.split(" ").map((key) => [h("kbd", {}, key), " "])),
      h("span", {}, what),
    ]);
    const toggle = (event) => localStorage.setItem("keys", event.target.checked ? "on" : "off");
    const box = h("input", { type: "checkbox", checked: !isOff(), on: { change: toggle } });
    const done = h("button", { class: "button primary", type: "button", autofocus: true, on: { click: close } }, "Close");
    return h(
      "div",
      { class: "dialog-body" },
      title,
      h("div", { class: "keys" }, rows, h("span", {}, h("kbd", {}, "Esc")), h("span", {}, "Close a dialog")),
      h("label", { class: "choice" }, box, "Single keys do something"),
      h("div", { class: "buttons" }, done),
    );
  });
}
