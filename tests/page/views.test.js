// Each view as it looks: in both schemes and at a phone's width, free of what axe objects to; and what holds on all of them.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { Platform } from "./platform.js";

const platform = await Platform.start();
after(async () => {
  await close();
  await platform.stop();
});

const STATUSES = ["pending", "dispatching", "running", "completed", "failed", "cancel_requested", "cancelled"];
for (const status of STATUSES) await platform.save(`is-${status}`, { status, user: status, priority: status === "failed" ? "high" : "low", parameters: { source: "/data/a", limit: 3 } });
await platform.run(["append-log", "is-running", "-"], Array.from({ length: 80 }, (_, number) => `row ${number} read`).join("\n"));
await platform.run(["update-result", "is-completed", "--pod-status", "Succeeded", "--launcher-output", '{"rows":3}']);
await platform.submit("waiting", "alice", { do: "wait" }, { task_id: "at-work" });
await platform.until("at-work", "running");
await platform.ask("PUT", "pauses/services/thumbnails");

const VIEWS = {
  overview: ["/", (tab) => tab.page.locator(".services tbody tr").first().waitFor()],
  tasks: ["/tasks", (tab) => tab.page.locator("table.tasks tbody tr").first().waitFor()],
  "tasks-none": ["/tasks?text=nothing-like-it", (tab) => tab.sees("No task matches")],
  task: ["/tasks/is-running", (tab) => tab.logEndsWith("row 79 read")],
  "task-ended": ["/tasks/is-completed", (tab) => tab.page.locator("section[aria-label=Output] pre").first().waitFor()],
  submit: ["/submit", () => {}],
  hosts: ["/hosts", (tab) => tab.page.locator(".host-body").first().waitFor()],
  "no-such-view": ["/nowhere", () => {}],
};

const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  "phone-light": { colorScheme: "light", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  "phone-dark": { colorScheme: "dark", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

for (const [look, options] of Object.entries(LOOKS)) {
  story(`every view can be used by everyone: ${look}`, { options }, async (tab) => {
    for (const [name, [view, isShown]] of Object.entries(VIEWS)) {
      await tab.open(platform, view);
      await isShown(tab);
      await tab.picture(`${name}-${look}`);
      await tab.isAccessible();
    }
  });
}

story("dialogs can be used by everyone", {}, async (tab) => {
  await tab.open(platform, "/tasks/is-running");
  await tab.page.keyboard.press("?");
  await tab.the("heading", "Keys").waitFor();
  await tab.picture("keys-light");
  await tab.isAccessible();
  await tab.page.keyboard.press("Escape");
  await tab.open(platform, "/tasks?user=pending");
  await tab.the("button", "Delete…").click();
  await tab.page.locator("dialog[open]").waitFor();
  await tab.picture("bulk-light");
  await tab.isAccessible();
});

story("the switch of colours holds against the system's, and over a reload", { options: { colorScheme: "light" } }, async (tab) => {
  const ground = () => tab.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await tab.open(platform, "/");
  const light = await ground();
  await tab.the("button", "Colours: the system's").click();
  await tab.the("button", "Colours: light").click();
  await tab.the("button", "Colours: dark").waitFor();
  const dark = await ground();
  assert.notEqual(dark, light);
  await tab.page.reload();
  await tab.the("button", "Colours: dark").click();
  assert.equal(await ground(), light);
});

story("nothing moves for whoever wants no motion", { options: { reducedMotion: "reduce" } }, async (tab) => {
  await tab.open(platform, "/");
  await tab.mark("Live");
  const moving = await tab.page.evaluate(() => document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 0).length);
  assert.equal(moving, 0);
});

story("the views are reached by keys, and the skip link leads past the bar", {}, async (tab) => {
  await tab.open(platform, "/");
  await tab.page.keyboard.press("Tab");
  assert.equal(await tab.page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await tab.page.keyboard.press("Enter");
  assert.equal(await tab.page.evaluate(() => document.activeElement.id), "main");
  assert.equal(await tab.page.evaluate(() => location.hash), "#/");
  await tab.page.keyboard.press("g");
  await tab.page.keyboard.press("t");
  await tab.the("heading", "Tasks", { level: 1 }).waitFor();
  await tab.page.locator("table.tasks").waitFor();
  await tab.page.keyboard.press("/");
  assert.equal(await tab.page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Search by task id");
  await tab.page.keyboard.type("is-running");
  await tab.lists(["is-running"]);
  await tab.page.evaluate(() => document.activeElement.blur());
  await tab.page.keyboard.press("j");
  await tab.page.keyboard.press("Enter");
  await tab.the("heading", "is-running", { level: 1 }).waitFor();
  assert.equal(await tab.page.evaluate(() => document.activeElement.tagName), "H1", "the focus is where the new view begins");
});

story("times are in the reader's zone, with the store's own beneath", { options: { timezoneId: "America/New_York" } }, async (tab) => {
  const stored = (await platform.ask("GET", "tasks/is-failed")).created_at;
  await tab.open(platform, "/tasks/is-failed");
  const shown = tab.page.locator("section[aria-label=Facts] time").first();
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en-GB", { timeZone: "America/New_York", dateStyle: "short", timeStyle: "medium", hourCycle: "h23" }).formatToParts(new Date(stored)).map(({ type, value }) => [type, value]));
  assert.equal(await shown.textContent(), `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second}`);
  assert.equal(await shown.getAttribute("title"), stored);
});

story("what is held back is seen, let go and held back again on the page", {}, async (tab) => {
  await tab.open(platform, "/");
  await tab.the("button", "Resume service thumbnails").click();
  await tab.the("button", "Resume service thumbnails").waitFor({ state: "detached" });
  assert.deepEqual((await platform.ask("GET", "pauses")).services, []);
  await tab.the("combobox", "What to pause").selectOption("users");
  await tab.field("Its name").fill("mallory");
  await tab.page.locator(".hold").getByRole("button", { name: "Pause" }).click();
  await tab.page.locator("dialog").getByRole("button", { name: "Pause" }).click();
  await tab.the("button", "Resume user mallory").waitFor();
  await tab.the("button", "Pause everything").click();
  await tab.sees("submissions are refused");
  await tab.page.locator("dialog").getByRole("button", { name: "Pause" }).click();
  await tab.sees("All tasks are paused");
  assert.equal((await platform.ask("GET", "pauses")).all, true);
  await tab.page.locator(".banner").getByRole("button", { name: "Resume" }).click();
  await tab.page.locator(".banner").waitFor({ state: "detached" });
});

story("what is selected among the facts of a task stays selected", {}, async (tab) => {
  await tab.open(platform, "/tasks/at-work");
  const host = tab.page.locator("section[aria-label=Facts] dd").last();
  await host.locator(".faint", { hasText: "ago" }).waitFor();
  await host.evaluate((cell) => getSelection().selectAllChildren(cell.querySelector(".said")));
  await new Promise((done) => setTimeout(done, 2_500));
  assert.notEqual(await tab.page.evaluate(() => String(getSelection())), "");
});

story("long lines that are scrolled sideways do not show through their times", {}, async (tab) => {
  await tab.open(platform, "/tasks/is-running");
  await tab.logEndsWith("row 79 read");
  const ground = await tab.page.locator(".log-row").first().evaluate((row) => getComputedStyle(row.querySelector(".log-time")).backgroundColor);
  assert.notEqual(ground, "rgba(0, 0, 0, 0)");
});

story("hosts are shown with their plugins, what those may do, and what they run", {}, async (tab) => {
  await tab.open(platform, "/hosts");
  await tab.page.locator(".plugin", { hasText: "csv_profile.wasm" }).first().waitFor();
  await tab.page.locator(".plugin", { hasText: "profiling" }).first().waitFor();
  await tab.page.locator(".host-runs a", { hasText: "at-work" }).click();
  await tab.the("heading", "at-work", { level: 1 }).waitFor();
});

story("counts lead to the tasks that they count", {}, async (tab) => {
  await tab.open(platform, "/");
  await tab.page.locator(".figure[data-status=failed]", { hasText: "1" }).click();
  await tab.lists(["is-failed"]);
});

story("the page works below a path that a proxy gives it", {}, async (tab) => {
  const proxy = createServer((asked, answer) => {
    const at = { port: platform.port, host: "127.0.0.1", method: asked.method, headers: asked.headers, path: asked.url.replace(/^\/behind/, "") };
    const passed = request(at, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${proxy.address().port}`;
  try {
    await tab.open({ address }, "/tasks/is-running", "/behind");
    await tab.logEndsWith("row 79 read");
    await tab.mark("Live");
    await tab.the("button", "Raise priority").click();
    await tab.the("button", "Set it to high").click();
    await tab.the("button", "Lower priority").waitFor();
  } finally {
    await tab.page.goto("about:blank");
    proxy.closeAllConnections();
    proxy.close();
  }
});
