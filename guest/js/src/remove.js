// One function of the repository in a file of its own: nothing can be declared under its name, `delete`.

import { host } from "#host";
import { answer } from "./calls.js";
import * as check from "./check.js";

/**
 * Removes a task. False if there was none.
 * @param {string} taskId
 * @returns {boolean}
 */
export function remove(taskId) {
  const id = check.text("taskId", taskId);
  return answer(() => host().repository.delete(id));
}
