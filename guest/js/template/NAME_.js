// A plugin that greets the task's user and counts the lines of its input.

import { currentTask, input, parameter, progress } from "task-state";

/** @type {import("task-state").Run} */
export function run(task) {
  const greeting = parameter(task, "greeting") ?? "hello";
  currentTask.log(`${greeting}, ${task.userId}`);

  let lines = 0;
  for (const line of progress(input.lines(), { note: "lines" })) {
    if (currentTask.cancelRequested()) return;
    console.log(`${line.length} characters`);
    lines += 1;
  }
  currentTask.log(`${lines} lines`);
}
