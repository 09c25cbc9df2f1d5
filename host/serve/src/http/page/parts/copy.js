// Copying to the clipboard, and saying so.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { complain, tell } from "./toasts.js";

/** Copies what `text` is or gives. `what` is what the reader is told was copied. */
export async function copy(text, what) {
  try {
    const value = typeof text === "function" ? text() : text;
    if (value instanceof Promise && window.ClipboardItem) {
      // A browser lets a page write only soon after a press: what comes later is promised to it at once.
      const blob = value.then((awaited) => new Blob([awaited], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await value);
    }
    tell(`Copied ${what}`);
  } catch (error) {
    complain(navigator.clipboard ? error : new Error("This browser lets pages copy only over HTTPS or on this machine"));
  }
}

/** A small button that copies. */
export function copyButton(text, what) {
  const properties = { class: "button plain small icon copy", type: "button", "aria-label": `Copy ${what}`, title: `Copy ${what}` };
  return h("button", { ...properties, on: { click: () => copy(text, what) } }, icon("copy"));
}
