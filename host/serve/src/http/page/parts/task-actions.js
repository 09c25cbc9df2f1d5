// The buttons of one task, and their keys.

import { cancelTask, changePriority, deleteTask, runAgain } from "../actions.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { go, link } from "../router.js";
import { hasEnded } from "../statuses.js";

/** Buttons for a task; `now()` gives it as it is at the time of a press. */
export function actions(id, now) {
  const raise = button("up", "Raise priority", async () => {
    const to = await changePriority(id, now().priority);
    if (to) set(Object.assign(now(), { priority: to }));
  });
  const cancel = button("stop", "Cancel", () => cancelTask(id), "danger");
  const again = button("again", "Run again", () => runAgain(id));
  const remove = button("bin", "Delete", async () => (await deleteTask(id)) && go(link(["tasks"])), "danger");
  const element = h("div", { class: "buttons" }, cancel, again, raise, remove);

  /** Allows what can be done to the task as it is; nothing if there is none any more. */
  function set(task) {
    const isOver = !task || hasEnded(task.status);
    cancel.disabled = isOver || task.status === "cancel_requested";
    raise.disabled = isOver;
    again.disabled = !task;
    remove.disabled = !task;
    const label = task?.priority === "high" ? "Lower priority" : "Raise priority";
    raise.replaceChildren(icon(task?.priority === "high" ? "down" : "up"), label);
  }

  const press = (which) => () => which.disabled || which.click();
  const keys = { c: ["Cancel the task", press(cancel)], r: ["Run it again", press(again)], d: ["Delete it", press(remove)] };
  return { element, set, keys };
}

function button(drawing, label, click, tone = "") {
  return h("button", { class: `button ${tone}`.trim(), type: "button", on: { click } }, icon(drawing), label);
}
