// How far a task has come, as its plugin tells it: "3 of 10", "3", or nothing.

import { attribute, h, text } from "../dom.js";
import { number } from "../times.js";

/** A bar with its figures; empty until it is told something. The small one, for tables, leaves out the note. */
export function progressBar({ small = false } = {}) {
  const done = h("div", { class: "progress-done" });
  const track = h("div", { class: "progress-track", role: "progressbar", "aria-label": "Progress" }, done);
  const figures = h("span");
  const note = h("span", { class: "said" });
  const words = h("div", { class: "progress-text" }, small ? figures : [note, figures]);
  const element = h("div", { class: small ? "progress small" : "progress", hidden: true }, track, words);

  function set(progress) {
    attribute(element, "hidden", !progress);
    if (!progress) return;
    const total = progress.total ?? null;
    const share = total ? Math.min(1, progress.done / total) : 0;
    attribute(track, "hidden", total === null);
    attribute(track, "aria-valuemin", total === null ? null : 0);
    attribute(track, "aria-valuemax", total);
    attribute(track, "aria-valuenow", total === null ? null : Math.min(progress.done, total));
    done.style.width = `${share * 100}%`;
    text(figures, figuresOf(progress, total, share, small));
    text(note, progress.note ?? "");
  }

  return { element, set };
}

function figuresOf(progress, total, share, small) {
  if (total === null) return number(progress.done);
  const percent = `${Math.floor(share * 100)}%`;
  return small ? percent : `${number(progress.done)} of ${number(total)} · ${percent}`;
}
