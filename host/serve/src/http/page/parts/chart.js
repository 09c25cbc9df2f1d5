// Small charts of the last minutes: a line over its area, or bars. Pointing at one tells a single sample.

import { attribute, fill, h, s, text } from "../dom.js";
import { fine, number } from "../times.js";

const [WIDTH, HEIGHT] = [300, 72];

/** A chart with a name, in the colour of a status. `unit` is what a sample counts, for those who listen. */
export function chart({ name, unit, tone, bars = false }) {
  const now = h("span", { class: "chart-now" });
  const at = h("span", { class: "faint" });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  const [from, most] = [h("span"), h("span")];
  const element = h(
    "figure",
    { class: "chart", "data-status": tone },
    h("figcaption", { class: "chart-head" }, h("h3", {}, name), h("span", {}, at, " ", now)),
    drawing,
    h("div", { class: "chart-foot" }, from, most, h("span", {}, "now")),
  );
  let samples = [];
  let here = null;

  function draw() {
    const highest = Math.max(1, ...samples.map((sample) => sample.value));
    const step = samples.length > 1 ? WIDTH / (samples.length - 1) : WIDTH;
    const height = (value) => HEIGHT - 1 - (value / highest) * (HEIGHT - 6);
    const ground = s("path", { class: "chart-ground", d: `M0 ${HEIGHT - 0.5}H${WIDTH}` });
    const shapes = bars ? barShapes(samples, height) : lineShapes(samples, step, height);
    const mark = here === null ? null : s("path", { class: "chart-here", d: `M${here * step} 0V${HEIGHT}` });
    fill(drawing, ground, shapes, mark);
    const shown = samples[here ?? samples.length - 1];
    text(now, shown ? number(shown.value) : "–");
    text(at, here === null || !shown ? "" : fine(shown.time).slice(0, 8));
    text(from, samples.length > 1 ? spanOf(samples) : "");
    text(most, samples.length > 0 ? `most ${number(Math.max(0, ...samples.map((sample) => sample.value)))}` : "");
    const last = samples.at(-1);
    attribute(drawing, "aria-label", last ? `${name}: ${number(last.value)} ${unit} now, at most ${number(highest)}` : name);
  }

  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const place = Math.round(((event.clientX - box.left) / box.width) * (samples.length - 1));
    here = samples.length > 1 ? Math.max(0, Math.min(samples.length - 1, place)) : null;
    draw();
  });
  drawing.addEventListener("pointerleave", () => {
    here = null;
    draw();
  });

  /** Shows samples `{time, value}`, the oldest first. */
  function set(wanted) {
    samples = wanted;
    if (here !== null && here >= samples.length) here = null;
    draw();
  }
  set([]);
  return { element, set };
}

function lineShapes(samples, step, height) {
  if (samples.length === 0) return [];
  const points = samples.map((sample, place) => `${(place * step).toFixed(1)} ${height(sample.value).toFixed(1)}`);
  if (points.length === 1) points.push(`${WIDTH} ${height(samples[0].value).toFixed(1)}`);
  const line = `M${points.join("L")}`;
  return [
    s("path", { class: "chart-area", d: `${line}V${HEIGHT}H0Z` }),
    s("path", { class: "chart-line", d: line }),
  ];
}

function barShapes(samples, height) {
  const width = WIDTH / Math.max(samples.length, 1);
  return samples.map((sample, place) => {
    if (sample.value === 0) return null;
    const top = height(sample.value);
    return s("rect", { class: "chart-bar", x: place * width + width * 0.15, y: top, width: width * 0.7, height: HEIGHT - top });
  });
}

function spanOf(samples) {
  const minutes = (new Date(samples.at(-1).time) - new Date(samples[0].time)) / 60_000;
  return Number.isFinite(minutes) ? `${minutes < 1 ? "less than 1" : Math.round(minutes)} min ago` : "";
}
