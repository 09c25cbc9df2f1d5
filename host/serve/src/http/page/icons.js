// The drawings: a few strokes each, in the colour of the text around them. They never stand without a word or a label.

import { s } from "./dom.js";

const STROKES = {
  overview: "M2.5 13.5h11M4 11V8M8 11V3M12 11V6",
  tasks: "M2.5 4h11M2.5 8h11M2.5 12h7",
  submit: "M8 3v10M3 8h10",
  hosts: "M2.5 3.5h11v3.5h-11zM2.5 9h11v3.5h-11zM5 5.25h.01M5 10.75h.01",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5l3 3",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6z",
  system: "M2.5 3h11v7.5h-11zM6 13.5h4",
  help: "M6 6.2a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4M8 11.6h.01M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
  leave: "M6.5 2.5h-4v11h4M6.5 8h7M11 5.5L13.5 8 11 10.5",
  copy: "M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3",
  download: "M8 2.5v8M4.5 7.5L8 11l3.5-3.5M2.5 13.5h11",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6L12.5 8z",
  follow: "M8 2.5v9M4.5 8L8 11.5 11.5 8M3 13.8h10",
  stop: "M4 4h8v8H4z",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  bin: "M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  next: "M6 3.5L10.5 8 6 12.5",
  previous: "M10 3.5L5.5 8 10 12.5",
  close: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2.5L14.5 13.5h-13zM8 6.5v3.2M8 11.6h.01",
  nothing: "M2.5 9.5l2-6h7l2 6M2.5 9.5v4h11v-4M2.5 9.5h3.2c.2 1.2 1.1 2 2.3 2s2.1-.8 2.3-2h3.2",
  pending: "M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10zM8 5.5V8l1.8 1.2",
  dispatching: "M2.5 8h10M9 4.5L12.5 8 9 11.5",
  completed: "M3 8.5l3.5 3.5L13 4.5",
  failed: "M4 4l8 8M12 4l-8 8",
  cancelled: "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM4.2 4.2l7.6 7.6",
  cancel_requested: "M5.5 2.5h5l3 3v5l-3 3h-5l-3-3v-5zM8 5.5v3M8 10.6h.01",
};

const FILLED = { running: "M4.5 2.8v10.4L13 8z" };

/** A drawing by its name, unseen by those who listen. */
export function icon(name) {
  const filled = FILLED[name];
  return s(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true", width: 16, height: 16 },
    filled
      ? s("path", { d: filled, fill: "currentColor" })
      : s("path", {
          d: STROKES[name] ?? "",
          fill: "none",
          stroke: "currentColor",
          "stroke-width": 1.6,
          "stroke-linecap": "round",
          "stroke-linejoin": "round",
        }),
  );
}
