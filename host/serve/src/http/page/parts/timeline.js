// The line of a task's statuses: where it has been, where it is, and when, as far as that is known. The store keeps when a
// task was created and last changed; what else is told here was seen while the page was open, or follows from the log.

import { attribute, fill, h, text } from "../dom.js";
import { icon } from "../icons.js";
import { hasEnded, nameOf } from "../statuses.js";
import { between, show, whole } from "../times.js";

const STEPS = ["pending", "dispatching", "running", "end"];

/** The line; `set(task, seen)` is given the task and when each status was seen first: `{status: time}`. */
export function timeline() {
  const steps = STEPS.map((step) => {
    const mark = h("span", { class: "step-mark" });
    const name = h("span", { class: "step-name" });
    const at = h("time", { class: "step-time" });
    const more = h("span", { class: "step-time faint" });
    return { step, mark, name, at, more, element: h("li", { class: "step" }, mark, name, at, more) };
  });
  const element = h("ol", { class: "line", "aria-label": "Statuses over time" }, steps.map((step) => step.element));

  function set(task, seen) {
    const times = { ...seen };
    times.pending = task.created_at;
    if (hasEnded(task.status)) times[task.status] ??= task.updated_at;
    const reached = hasEnded(task.status) ? 3 : task.status === "cancel_requested" ? 2 : STEPS.indexOf(task.status);
    steps.forEach(({ step, mark, name, at, more, element: line }, place) => {
      const isNow = place === reached;
      const status = isNow ? task.status : step === "end" ? "completed" : step;
      const isPast = place < reached && (place === 0 || wasReached(step, times, task));
      attribute(line, "class", isNow ? "step is-now" : isPast ? "step is-past" : "step");
      attribute(line, "data-status", isNow ? task.status : null);
      attribute(line, "aria-current", isNow ? "step" : null);
      fill(mark, isNow ? icon(task.status) : isPast ? icon("completed") : null);
      text(name, step === "end" && !isNow ? "End" : place === 0 && !isNow ? "Created" : nameOf(status));
      const when = times[status] ?? null;
      if (when) show(at, when, whole);
      else fill(at);
      text(more, isNow ? duration(task, times) : "");
    });
  }
  return { element, set };
}

/** A task that was cancelled may never have run; what is not known to have been is not told. */
function wasReached(step, times, task) {
  return Boolean(times[step]) || task.status === "completed" || (task.status === "running" && step !== "running");
}

function duration(task, times) {
  if (hasEnded(task.status)) return `after ${between(task.created_at, task.updated_at)}`;
  const since = times[task.status];
  return since ? `for ${between(since)}` : "";
}
