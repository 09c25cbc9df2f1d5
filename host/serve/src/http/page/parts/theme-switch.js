// The switch between the system's colours, light and dark.

import { attribute, fill, h } from "../dom.js";
import { icon } from "../icons.js";

const SCHEMES = [
  ["system", "system", "Colours: the system's"],
  ["light", "sun", "Colours: light"],
  ["dark", "moon", "Colours: dark"],
];

/** A button that goes on to the next one. */
export function themeSwitch() {
  const button = h("button", { class: "button plain icon", type: "button", on: { click: next } });

  function now() {
    return SCHEMES.findIndex(([name]) => name === (document.documentElement.dataset.theme ?? "system"));
  }
  function show() {
    const [, drawing, label] = SCHEMES[now()];
    attribute(button, "aria-label", label);
    attribute(button, "title", label);
    fill(button, icon(drawing));
  }
  function next() {
    const [name] = SCHEMES[(now() + 1) % SCHEMES.length];
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    try {
      localStorage.setItem("theme", name);
    } catch {
      // It holds until the page is left, then.
    }
    show();
  }
  show();
  return button;
}
