// Cancelling or deleting many tasks: first it is counted what would be, then asked, then done.

import { api } from "../api.js";
import { h, said } from "../dom.js";
import { hasEnded } from "../statuses.js";
import { counted, number } from "../times.js";
import { confirm, openDialog } from "./dialog.js";
import { complain, tell } from "./toasts.js";

const SHOWN = 20;

/**
 * `what` is "cancel" or "delete"; `filter` is the interface's, and an empty one means all tasks there are. Resolves to
 * whether anything was done.
 */
export async function bulk(what, chosen) {
  const isAll = Object.keys(chosen).length === 0;
  const filter = what === "cancel" ? withoutEnded(chosen) : chosen;
  let would;
  try {
    would = filter && (await api.bulk(what, filter, true, isAll));
  } catch (problem) {
    complain(problem);
    return false;
  }
  const count = would?.matched ?? 0;
  if (count === 0) {
    tell(what === "cancel" ? "There is nothing to cancel: none of these tasks waits or runs" : "There is nothing to delete");
    return false;
  }
  // What was counted is what is done: tasks that came since are others. Of very many, not all are named.
  const asked = isNamed(would) ? { ...filter, task_ids: would.task_ids } : filter;
  const verb = what === "cancel" ? "Cancel" : "Delete";
  const done = await confirm({
    title: `${verb} ${counted(count, "task")}?`,
    body: explanation(what, would, isAll),
    action: `${verb} ${counted(count, "task")}`,
    danger: true,
    typed: isAll ? String(count) : null,
    work: () => api.bulk(what, asked, false, isAll),
  });
  if (!done) return false;
  tell(`${what === "cancel" ? "Cancelled" : "Deleted"} ${counted(done.affected, "task")}`);
  if (done.failed?.length > 0) await showFailed(done.failed);
  return true;
}

/** The same filter without statuses that a cancellation cannot change; nothing if no other is left. */
function withoutEnded(filter) {
  if (!filter.status) return filter;
  const status = filter.status.filter((one) => !hasEnded(one));
  return status.length > 0 ? { ...filter, status } : null;
}

/** Whether all that would be done is named. */
const isNamed = (would) => would.task_ids?.length === would.matched;

function explanation(what, would, isAll) {
  const ids = (would.task_ids ?? []).slice(0, SHOWN);
  const more = would.matched - ids.length;
  const isOne = would.matched === 1;
  return [
    h(
      "p",
      {},
      isNamed(would) ? "" : "It is done to all that match by then. ",
      isAll ? `These are all tasks${what === "cancel" ? " that wait or run" : " there are"}. ` : "",
      what === "delete" ? `${isOne ? "Its log and output go with it" : "Their logs and outputs go with them"}, and this cannot be undone.` : isOne ? "It is told to stop; if it waits still, it never begins." : "Each is told to stop; those that wait never begin.",
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
