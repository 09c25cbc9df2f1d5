// What people do with tasks: submit, watch, stop, run again, find, and all of that to many at once.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { eventually, Platform } from "./platform.js";

const platform = await Platform.start();
after(async () => {
  await close();
  await platform.stop();
});

story("a task that is submitted by the form runs, and its log grows on the page", {}, async (tab) => {
  await tab.open(platform, "/");
  await tab.the("link", "Submit").click();
  await tab.field("Service").fill("analytics");
  await tab.field("User").fill("alice");
  await tab.field("Parameters").fill('{"mode": "log-steadily", "entries": "300"}');
  await tab.field("Task id").fill("by-form");
  await tab.the("button", "Submit the task").click();
  await tab.the("heading", "by-form", { level: 1 }).waitFor();
  await tab.logEndsWith("entry 299");
  await tab.sees("300 entries");
  await tab.page.locator(".head .status[data-status=completed]").waitFor();
  await tab.mark("Up to date");
});

story("input that is uploaded as a file reaches the plugin, and what it makes of it is shown", {}, async (tab) => {
  const file = join(tmpdir(), `task-state-page-${process.pid}.csv`);
  await writeFile(file, "city,visitors\nIncheon,1204\nSeoul,987\n");
  await tab.open(platform, "/submit");
  await tab.field("Service").fill("profiling");
  await tab.field("User").fill("alice");
  await tab.field("Parameters").fill('{"format": "json"}');
  await tab.the("radio", "A file").check();
  await tab.field("File").setInputFiles(file);
  await tab.the("button", "Submit the task").click();
  await tab.page.locator(".head .status[data-status=completed]").waitFor();
  await tab.logEndsWith("profiled 2 rows");
  await tab.page.locator("section[aria-label=Output] pre", { hasText: '"visitors"' }).waitFor();
});

story("a form that cannot be taken says why, and keeps what was typed", { expects: /409/ }, async (tab) => {
  await platform.save("taken");
  await tab.open(platform, "/submit");
  await tab.the("button", "Submit the task").click();
  await tab.sees("Which service?");
  await tab.field("Service").fill("analytics");
  await tab.field("User").fill("alice");
  await tab.field("Parameters").fill("[1]");
  await tab.the("button", "Submit the task").click();
  await tab.sees("This is JSON, but no object");
  await tab.field("Parameters").fill("{}");
  await tab.field("Task id").fill("taken");
  await tab.the("button", "Submit the task").click();
  await tab.page.locator("form .error", { hasText: "taken" }).waitFor();
  assert.equal(await tab.field("Service").inputValue(), "analytics");
});

story("a run that is cancelled on the page stops", {}, async (tab) => {
  await platform.submit("waiting", "alice", { do: "wait" }, { task_id: "to-cancel" });
  await tab.open(platform, "/tasks/to-cancel");
  await tab.logEndsWith("at work");
  await tab.the("button", "Cancel").click();
  await tab.the("button", "Cancel the task").click();
  await tab.page.locator(".head .status[data-status=cancelled]").waitFor();
  // The host's own entry may come before it or after it.
  await tab.page.locator(".log-text", { hasText: /^stopping$/ }).waitFor();
  assert.equal(await tab.the("button", "Cancel").isDisabled(), true);
});

story("nothing is done until it is confirmed", { expects: /404/ }, async (tab) => {
  await platform.save("kept");
  await tab.open(platform, "/tasks/kept");
  await tab.the("button", "Delete").click();
  await tab.page.keyboard.press("Escape");
  await tab.page.locator("dialog").waitFor({ state: "detached" });
  assert.equal((await platform.ask("GET", "tasks/kept")).task_id, "kept");
  await tab.the("button", "Delete").click();
  await tab.the("button", "Delete the task").click();
  await tab.the("heading", "Tasks", { level: 1 }).waitFor();
  await assert.rejects(platform.ask("GET", "tasks/kept"), /404/);
});

story("a dialog stays until what was asked for is done", { expects: /500/ }, async (tab) => {
  await platform.save("slowly");
  await tab.open(platform, "/tasks/slowly");
  let answer;
  await tab.page.route("**/tasks/slowly", (route) => (route.request().method() === "DELETE" ? (answer = route) : route.continue()));
  await tab.the("button", "Delete").click();
  await tab.the("button", "Delete the task").click();
  await tab.the("button", "Working…").waitFor();
  assert.equal(await tab.the("button", "Back").isDisabled(), true);
  for (let press = 0; press < 3; press++) await tab.page.keyboard.press("Escape");
  await tab.page.mouse.click(5, 5);
  const dialog = tab.page.locator("dialog[open]");
  assert.equal(await dialog.count(), 1, "it is open while the work goes on");
  await answer.fulfill({ status: 500, contentType: "application/problem+json", body: '{"detail": "not now"}' });
  await tab.sees("Not now");
  await tab.the("button", "Delete the task").waitFor();
  await tab.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

story("a press on a dialog's scrollbar does not close it", {}, async (tab) => {
  await tab.open(platform, "/tasks");
  await tab.page.keyboard.press("?");
  await tab.the("heading", "Keys").waitFor();
  const dialog = tab.page.locator("dialog[open]");
  const box = await dialog.boundingBox();
  // The browser of the tests draws no scrollbars: this is what one tells of a press there.
  const press = { clientX: box.x + box.width - 5, clientY: box.y + box.height / 2, bubbles: true };
  await dialog.evaluate((element, at) => element.dispatchEvent(new MouseEvent("mousedown", at)), press);
  assert.equal(await dialog.count(), 1);
  await tab.page.mouse.click(box.x - 20, box.y + 5);
  await dialog.waitFor({ state: "detached" });
});

story("a task is run again as a new one, with what the first was given", {}, async (tab) => {
  await platform.submit("analytics", "alice", { mode: "nothing", note: "twice" }, { task_id: "once" });
  await platform.until("once", "completed");
  await tab.open(platform, "/tasks/once");
  await tab.the("button", "Run again").click();
  await tab.page.locator("dialog").getByRole("button", { name: "Run again" }).click();
  await tab.until(() => !location.hash.endsWith("/once"));
  await tab.page.locator("section[aria-label=Parameters]", { hasText: '"twice"' }).waitFor();
  await tab.page.locator(".head .status[data-status=completed]").waitFor();
});

story("the priority of a task that waits is changed", {}, async (tab) => {
  // Two runs are all that there is room for.
  for (const id of ["holds-1", "holds-2"]) await platform.submit("sync", "alice", { do: "wait" }, { task_id: id });
  for (const id of ["holds-1", "holds-2"]) await platform.until(id, "running");
  await platform.submit("sync", "alice", { do: "nothing" }, { task_id: "urgent" });
  await tab.open(platform, "/tasks/urgent");
  await tab.the("button", "Raise priority").click();
  await tab.the("button", "Set it to high").click();
  await tab.the("button", "Lower priority").waitFor();
  assert.equal((await platform.ask("GET", "tasks/urgent")).priority, "high");
  for (const id of ["holds-1", "holds-2"]) await platform.ask("POST", `tasks/${id}/cancel`);
  await tab.page.locator(".head .status[data-status=completed]").waitFor();
});

story("a table has a link for every filter and page, and the link leads back to it", {}, async (tab) => {
  for (let number = 0; number < 3; number++) await platform.save(`find-${number}`, { user: "finder", status: number === 1 ? "failed" : "pending" });
  await tab.open(platform, "/tasks");
  await tab.the("searchbox", "Search by task id").fill("FIND-");
  await tab.lists(["find-2", "find-1", "find-0"]);
  await tab.page.locator(".chip[data-status=failed]").click();
  await tab.lists(["find-1"]);
  await tab.the("combobox", "Order").selectOption("oldest");
  await tab.until(() => location.hash === "#/tasks?text=FIND-&status=failed&order=oldest");
  await tab.page.reload();
  await tab.lists(["find-1"]);
  assert.equal(await tab.page.locator(".chip[data-status=failed]").getAttribute("aria-pressed"), "true");
  await tab.the("button", "Clear filters").click();
  await tab.page.goBack();
  await tab.lists(["find-1"]);
});

story("a table whose filter changes before it was shown first is shown all the same", {}, async (tab) => {
  for (const status of ["failed", "completed"]) await platform.save(`soon-${status}`, { user: "hasty", status });
  await tab.open(platform, "/");
  // Listings take longer than a view is waited for.
  await tab.page.route("**/api/v2/tasks?*", async (route) => {
    await new Promise((done) => setTimeout(done, 400));
    await route.continue().catch(() => {});
  });
  await tab.page.evaluate(() => (location.hash = "#/tasks?user=hasty&status=failed"));
  await tab.page.evaluate(() => (location.hash = "#/tasks?user=hasty&status=completed"));
  await tab.lists(["soon-completed"]);
  await tab.the("heading", "Tasks", { level: 1 }).waitFor();
  await tab.page.locator(".chip[data-status=completed]").click();
  await tab.lists(["soon-failed", "soon-completed"]);
});

story("the pages of a table go on where the last one ended", {}, async (tab) => {
  for (let number = 0; number < 60; number++) await platform.ask("POST", "tasks", { service: "waiting", user_id: "many", task_id: `page-${1000 + number}`, parameters: {} });
  await tab.open(platform, "/tasks?text=page-&order=oldest");
  await tab.until(() => document.querySelectorAll("table.tasks tbody tr").length === 50);
  const first = await tab.ids();
  await tab.the("button", "Next").click();
  await tab.until(() => document.querySelectorAll("table.tasks tbody tr").length === 10);
  assert.deepEqual([...first, ...(await tab.ids())], Array.from({ length: 60 }, (_, number) => `page-${1000 + number}`));
  assert.equal(await tab.the("button", "Next").isDisabled(), true);
  await tab.the("button", "Previous").click();
  await tab.lists(first);
});

story("the page before is the one that was seen, and the first for whoever came by a link", {}, async (tab) => {
  const listing = (limit) => platform.ask("GET", `tasks?text=page-&order=oldest&limit=${limit}`);
  const all = (await listing(100)).tasks.map((task) => task.task_id);
  const linked = `/tasks?${new URLSearchParams({ text: "page-", order: "oldest", cursor: (await listing(5)).next, page: "3" })}`;
  await tab.open(platform, linked);
  await tab.lists(all.slice(5, 55));
  await tab.the("button", "Next").click();
  await tab.lists(all.slice(55));
  await tab.the("button", "Previous").click();
  await tab.lists(all.slice(5, 55));
  await tab.page.keyboard.press("[");
  await tab.lists(all.slice(0, 50));
  assert.equal(await tab.page.evaluate(() => location.hash), "#/tasks?text=page-&order=oldest");
});

story("what was typed last does not lead back to a table that was left", {}, async (tab) => {
  await tab.open(platform, "/tasks");
  await tab.page.locator("table.tasks").waitFor();
  await tab.the("searchbox", "Search by task id").fill("find");
  await tab.page.evaluate(() => (location.hash = "#/submit"));
  await tab.the("heading", "Submit a task", { level: 1 }).waitFor();
  await new Promise((done) => setTimeout(done, 500));
  assert.equal(await tab.page.evaluate(() => location.hash), "#/submit");
});

story("tasks join the table, change in it and leave it as that happens", {}, async (tab) => {
  await tab.open(platform, "/tasks?user=watched");
  await tab.sees("No task matches");
  await tab.mark("Live");
  await platform.submit("waiting", "watched", { do: "wait" }, { task_id: "seen" });
  await tab.lists(["seen"]);
  await tab.page.locator("tr .status[data-status=running]").waitFor();
  await platform.ask("POST", "tasks/seen/cancel");
  await tab.page.locator("tr .status[data-status=cancelled]").waitFor();
  await platform.save("stays", { user: "watched" });
  await tab.lists(["stays", "seen"]);
  await platform.ask("DELETE", "tasks/seen");
  await tab.page.locator("tr.is-gone").waitFor();
  await tab.the("checkbox", "Select all tasks on this page").check();
  await tab.sees("1 task selected");
  assert.equal(await tab.the("checkbox", "Select all tasks on this page").isChecked(), true);
  await tab.the("checkbox", "Select all tasks on this page").uncheck();
  assert.equal(await tab.page.locator("tr.is-gone").count(), 1);
});

story("an id that is taken for another task shows that one", {}, async (tab) => {
  await platform.save("taken-anew", { user: "the-first" });
  await tab.open(platform, "/tasks?text=taken-anew");
  await tab.mark("Live");
  await tab.the("checkbox", "Select task taken-anew").check();
  await platform.ask("DELETE", "tasks/taken-anew");
  await tab.page.locator("tr.is-gone").waitFor();
  await platform.save("taken-anew", { user: "the-second" });
  await tab.page.locator("tbody tr:not(.is-gone)", { hasText: "the-second" }).waitFor();
  assert.equal(await tab.page.locator("tbody tr").count(), 1);
  assert.equal(await tab.the("checkbox", "Select task taken-anew").isChecked(), false);
  await tab.the("checkbox", "Select task taken-anew").check();
  await tab.sees("1 task selected");
});

story("tasks that are new are counted once, however often they change", {}, async (tab) => {
  await platform.save("chosen", { user: "counted" });
  await tab.open(platform, "/tasks?user=counted");
  await tab.lists(["chosen"]);
  await tab.mark("Live");
  await tab.the("checkbox", "Select task chosen").check();
  for (const id of ["new-1", "new-2"]) await platform.save(id, { user: "counted" });
  await tab.the("button", "2 new tasks: show").waitFor();
  const told = await tab.page.evaluateHandle(() => {
    const button = document.querySelector(".head button");
    const seen = [];
    new MutationObserver(() => seen.push(button.textContent)).observe(button, { childList: true, characterData: true, subtree: true });
    return seen;
  });
  await platform.run(["set-status", "new-1", "running"]);
  // By the time that this is heard of, the other was as well.
  await platform.ask("DELETE", "tasks/new-2");
  await tab.the("button", "1 new task: show").waitFor();
  assert.deepEqual(await told.jsonValue(), ["1 new task: show"]);
  await tab.the("button", "1 new task: show").click();
  await tab.lists(["new-1", "chosen"]);
});

story("many tasks are cancelled and deleted by filter, after it was said how many", {}, async (tab) => {
  for (let number = 0; number < 4; number++) await platform.save(`bulk-${number}`, { user: "crowd", status: number === 0 ? "completed" : "pending" });
  await platform.save("bulk-other", { user: "other" });
  await tab.open(platform, "/tasks?user=crowd");
  await tab.lists(["bulk-3", "bulk-2", "bulk-1", "bulk-0"]);
  await tab.the("button", "Cancel…").click();
  await tab.the("heading", "Cancel 3 tasks?").waitFor();
  await tab.the("button", "Back").click();
  assert.equal((await platform.ask("GET", "tasks/count?user=crowd")).by_status.pending, 3, "a question changes nothing");
  await tab.the("button", "Cancel…").click();
  await tab.the("button", "Cancel 3 tasks").click();
  await eventually("they are cancelled", async () => (await platform.ask("GET", "tasks/count?user=crowd")).by_status.cancelled === 3);

  await tab.the("checkbox", "Select task bulk-1").check();
  await tab.sees("1 task selected");
  await tab.the("button", "Delete…").click();
  await tab.the("button", "Delete 1 task").click();
  await tab.lists(["bulk-3", "bulk-2", "bulk-0"]);
  assert.equal((await platform.ask("GET", "tasks/bulk-other")).status, "pending");
});

story("how many tasks there are is read out after another filter was chosen, and only then", {}, async (tab) => {
  await platform.save("spoken-1", { user: "spoken" });
  await tab.open(platform, "/tasks?user=spoken");
  await tab.sees("1 task");
  await tab.mark("Live");
  const status = tab.page.locator(".head [role=status]");
  await platform.save("spoken-2", { user: "spoken" });
  await tab.sees("2 tasks");
  assert.equal(await status.textContent(), "");
  await tab.page.locator(".chip[data-status=failed]").click();
  await tab.until(() => document.querySelector(".head [role=status]").textContent === "0 tasks");
});

story("what was counted is what is deleted, and nothing that came since", {}, async (tab) => {
  for (let number = 0; number < 3; number++) await platform.save(`early-${number}`, { user: "queue" });
  await tab.open(platform, "/tasks?user=queue&status=pending");
  await tab.lists(["early-2", "early-1", "early-0"]);
  await tab.the("button", "Delete…").click();
  await tab.the("button", "Delete 3 tasks").waitFor();
  await platform.save("late", { user: "queue" });
  await platform.run(["set-status", "early-1", "running"]);
  await tab.the("button", "Delete 3 tasks").click();
  await tab.sees("Deleted 2 tasks");
  assert.deepEqual((await platform.ask("GET", "tasks?user=queue")).tasks.map((task) => task.task_id).sort(), ["early-1", "late"]);
});

story("all tasks there are can be deleted only by whoever types how many", {}, async (tab) => {
  await platform.save("all-1");
  await tab.open(platform, "/tasks");
  await tab.page.locator("table.tasks").waitFor();
  await tab.the("button", "Delete…").click();
  const dialog = tab.page.locator("dialog");
  await dialog.waitFor();
  const typed = await dialog.locator("label code").textContent();
  const button = dialog.getByRole("button", { name: `Delete ${Number(typed).toLocaleString("en-GB")} tasks` });
  assert.equal(await button.isDisabled(), true);
  await dialog.getByRole("textbox").fill("1234567");
  assert.equal(await button.isDisabled(), true);
  await dialog.getByRole("textbox").fill(typed);
  assert.equal(await button.isDisabled(), false);
});

story("an answer that comes late does not put back what a task was before", {}, async (tab) => {
  await platform.save("outrun");
  await tab.open(platform, "/tasks/outrun");
  await tab.mark("Live");
  let late;
  await tab.page.route("**/api/v2/tasks/outrun", async (route) => {
    const response = await route.fetch();
    const { status } = await response.json();
    if (status === "running") late = () => route.fulfill({ response }).catch(() => {});
    else await route.fulfill({ response }).catch(() => {});
  });
  await platform.run(["set-status", "outrun", "running"]);
  await eventually("the task is read again", () => late);
  await platform.run(["set-status", "outrun", "completed"]);
  await tab.page.locator(".head .status[data-status=completed]").waitFor();
  await late();
  await new Promise((done) => setTimeout(done, 300));
  assert.equal(await tab.page.locator(".head .status").getAttribute("data-status"), "completed");
  assert.equal(await tab.the("button", "Cancel").isDisabled(), true);
});

story("a task whose numbers no double holds is shown, its parameters digit by digit", {}, async (tab) => {
  await platform.save("vast", { status: "running" });
  await tab.page.route("**/api/v2/tasks/vast", async (route) => {
    const record = await (await route.fetch()).text();
    const vast = record.replace(/"progress":null/, '"progress":{"done":9223372036854775807,"total":18446744073709551615,"note":null}').replace(/"parameters":\{\}/, '"parameters":{"seed":12345678901234567890123}');
    await route.fulfill({ contentType: "application/json", body: vast });
  });
  await tab.open(platform, "/tasks/vast");
  await tab.page.locator(".progress-text", { hasText: "50%" }).waitFor();
  await tab.page.locator("section[aria-label=Parameters]", { hasText: "12345678901234567890123" }).waitFor();
});

story("a test may end while a request of its page is on its way", {}, async (tab) => {
  const closed = new Promise((done) => tab.page.once("close", done));
  const asked = new Promise((done) =>
    tab.page.route("**/api/v2/tasks/vast", async (route) => {
      const response = await route.fetch();
      done();
      await closed;
      await response.text();
    }),
  );
  await tab.open(platform, "/");
  await tab.page.evaluate(() => (location.hash = "#/tasks/vast"));
  await asked;
});

story("a task that is not there is said to be none", { expects: /404/ }, async (tab) => {
  await tab.open(platform, "/tasks/nobody");
  await tab.sees("There is no such task");
  await tab.open(platform, "/nowhere");
  await tab.sees("There is no such view");
});

story("a task that is deleted while it is looked at stays in sight, and is said to be gone", { expects: /404/ }, async (tab) => {
  await platform.save("fades", { status: "running" });
  await platform.run(["append-log", "fades", "still here"]);
  await tab.open(platform, "/tasks/fades");
  await tab.logEndsWith("still here");
  await tab.mark("Live");
  await platform.run(["delete", "fades"]);
  await tab.sees("This task is no more");
  await tab.logEndsWith("still here");
  assert.equal(await tab.the("button", "Delete").isDisabled(), true);
});
