// Says whether what is shown is live, and until when it is not. Read out only when that changes.

import { attribute, fill, h, text } from "../dom.js";
import { ticking } from "../times.js";

const WORDS = {
  none: "",
  connecting: "Connecting…",
  live: "Live",
  waiting: "Not live",
  ended: "Up to date",
  refused: "Not live",
};

/** The mark; `set` takes the states of live.js, `onTry` is called when the reader does not want to wait. */
export function liveMark(onTry) {
  const word = h("span", { role: "status" });
  const wait = h("span", { class: "wide-only" });
  const again = h("button", { class: "button small", type: "button", hidden: true, on: { click: onTry } }, "Try now");
  const element = h("div", { class: "live", "data-state": "none", hidden: true }, h("span", { class: "live-mark" }), word, wait, again);
  let stop = () => {};

  function set({ state, until }) {
    stop();
    stop = () => {};
    // A connection that is tried again is still not live: no back and forth between words.
    const shown = state === "connecting" && element.dataset.state === "waiting" ? "waiting" : state;
    attribute(element, "data-state", shown);
    attribute(element, "hidden", state === "none");
    attribute(again, "hidden", state !== "waiting");
    text(word, WORDS[shown]);
    fill(wait);
    if (state === "waiting") {
      stop = ticking(() => text(wait, `trying again in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`));
    } else if (shown === "waiting") {
      text(wait, "trying…");
    }
  }
  return { element, set };
}
