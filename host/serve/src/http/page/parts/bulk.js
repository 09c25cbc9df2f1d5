// Cancelling or deleting many tasks: first it is counted what would be, then asked, then done.

import { api } from "../api.js";
import { h, said } from "../dom.js";
import { counted, number } from "../times.js";
import { confirm, openDialog } from "./dialog.js";
import { complain, tell } from "./toasts.js";

const SHOWN = 20;

/**
 * `what` is "cancel" or "delete"; `filter` is the interface's, and an empty one means all tasks there are. Resolves to
 * whether anything was done.
 */
export async function bulk(what, filter) {
  const isAll = Object.keys(filter).length === 0;
  let would;
  try {
    would = await api.bulk(what, filter, true, isAll);
  } catch (problem) {
    complain(problem);
    return false;
  }
  if (would.affected === 0) {
    tell(`There is nothing to ${what}: ${counted(would.matched, "task")} looked at`);
    return false;
  }
  const verb = what === "cancel" ? "Cancel" : "Delete";
  const done = await confirm({
    title: `${verb} ${counted(would.affected, "task")}?`,
    body: explanation(what, would, isAll),
    action: `${verb} ${counted(would.affected, "task")}`,
    danger: true,
    typed: isAll ? String(would.affected) : null,
    work: () => api.bulk(what, filter, false, isAll),
  });
  if (!done) return false;
  tell(`${what === "cancel" ? "Cancelled" : "Deleted"} ${counted(done.affected, "task")}`);
  if (done.failed?.length > 0) await showFailed(done.failed);
  return true;
}

function explanation(what, would, isAll) {
  const rest = would.matched - would.affected;
  const ids = (would.task_ids ?? []).slice(0, SHOWN);
  const more = would.affected - ids.length;
  return [
    h(
      "p",
      {},
      isAll ? "These are all the tasks there are. " : "",
      rest > 0 ? `${counted(would.matched, "task")} match; ${number(rest)} of them ${rest === 1 ? "has" : "have"} ended already. ` : "",
      what === "delete" ? "Their logs and outputs go with them, and this cannot be undone." : "Each is told to stop; those that wait never begin.",
    ),
    ids.length > 0 && h("ul", { class: "ids", tabindex: 0, "aria-label": "Tasks" }, ids.map((id) => h("li", {}, said(id))), more > 0 && h("li", {}, `and ${number(more)} more`)),
  ];
}

function showFailed(failed) {
  return openDialog(`${counted(failed.length, "task")} left as ${failed.length === 1 ? "it was" : "they were"}`, ({ title, close }) => {
    const lines = failed.map(({ task_id: id, reason }) => h("li", {}, said(id), ": ", said(reason)));
    const done = h("button", { class: "button primary", type: "button", autofocus: true, on: { click: close } }, "Close");
    return h("div", { class: "dialog-body" }, title, h("ul", { class: "ids", tabindex: 0, "aria-label": "Tasks" }, lines), h("div", { class: "buttons" }, done));
  });
}
