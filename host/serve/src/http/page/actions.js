// What can be done to one task: each asks first if it cannot be taken back, does it, and says so.

import { api } from "./api.js";
import { h, said } from "./dom.js";
import { confirm } from "./parts/dialog.js";
import { complain, tell } from "./parts/toasts.js";
import { go, taskLink } from "./router.js";
import { nameOf } from "./statuses.js";

const about = (id, rest) => h("p", {}, "Task ", said(id, { class: "mono" }), rest);

/** Cancels it. */
export async function cancelTask(id) {
  const done = await confirm({
    title: "Cancel this task?",
    body: about(id, " is told to stop. If it waits still, it never begins."),
    action: "Cancel the task",
    danger: true,
    work: () => api.cancel(id),
  });
  if (done) tell(`Task ${id}: ${nameOf(done.status).toLowerCase()}`);
  return done;
}

/** Deletes it. */
export async function deleteTask(id) {
  const done = await confirm({
    title: "Delete this task?",
    body: about(id, " goes with its log and its output. If it runs, it is cancelled first. This cannot be undone."),
    action: "Delete the task",
    danger: true,
    work: () => api.remove(id),
  });
  if (done) tell(`Task ${id} is deleted`);
  return done;
}

/** Submits a new one like it, and goes there. */
export async function runAgain(id) {
  const made = await confirm({
    title: "Run this again?",
    body: about(id, " stays as it is. A new task gets its service, user, parameters and priority, and its input if that is still there."),
    action: "Run again",
    work: () => api.again(id),
  });
  if (!made) return;
  tell(`Submitted as task ${made.task_id}`);
  go(taskLink(made.task_id));
}

/** Sets its priority to the other one. */
export async function changePriority(id, from) {
  const to = from === "high" ? "low" : "high";
  const effect = to === "high" ? " goes before others that wait." : " waits its turn again.";
  const done = await confirm({
    title: to === "high" ? "Raise the priority?" : "Lower the priority?",
    body: about(id, effect),
    action: to === "high" ? "Set it to high" : "Set it to low",
    work: () => api.setPriority(id, to),
  });
  if (done) tell(`Task ${id} has ${to} priority`);
  return done && to;
}

/** Holds back all, a service or a user; or lets go. */
export async function setPaused(isPaused, what, name) {
  const of = { all: "all tasks", services: `tasks of service ${name}`, users: `tasks of user ${name}` }[what];
  if (!isPaused) {
    try {
      await api.resume(what, name);
      tell(`Resumed ${of}`);
      return true;
    } catch (problem) {
      complain(problem);
      return false;
    }
  }
  return confirm({
    title: `Pause ${of}?`,
    body: h("p", {}, "What runs goes on. Until it is resumed, what waits does not begin, and submissions are refused."),
    action: "Pause",
    work: async () => {
      await api.pause(what, name);
      tell(`Paused ${of}`);
      return true;
    },
  });
}
