// 100,000 tasks, and a log of 100,000 entries: the page shows what is looked at, and holds no more than that.

import assert from "node:assert/strict";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { Platform } from "./platform.js";
import { Redis } from "./redis.js";

const MANY = 100_000;

/** The most elements that any view may have. */
const MOST = 2_000;

const redis = await Redis.start();
await redis.fill(MANY);
const platform = await Platform.start({ store: redis.url });
await platform.save("long", { status: "running" });
await platform.run(["append-log", "long", "-"], `${Array.from({ length: MANY }, (_, number) => `entry ${number}`).join("\n")}\n`);
after(async () => {
  await close();
  await platform.stop();
  await redis.stop();
});

story("a table of 100,000 tasks is walked, filtered and searched, and stays small", {}, async (tab) => {
  await tab.open(platform, "/tasks?order=oldest");
  await tab.lists(Array.from({ length: 50 }, (_, number) => String(number + 1)));
  await tab.sees("100,001 tasks");
  await tab.the("button", "Next").click();
  await tab.lists(Array.from({ length: 50 }, (_, number) => String(number + 51)));
  assert.ok((await tab.size()) < MOST, `${await tab.size()} elements`);
  await tab.the("searchbox", "Search by task id").fill("99999");
  await tab.lists(["99999"]);
  await tab.the("searchbox", "Search by task id").fill("");
  await tab.field("User").fill("user-3");
  await tab.sees("10,000 tasks");
  await tab.picture("many-tasks");
  assert.ok((await tab.size()) < MOST, `${await tab.size()} elements`);
});

story("the overview of 100,000 tasks counts each of them once, and stays small", {}, async (tab) => {
  await tab.open(platform, "/");
  await tab.page.locator(".services tbody tr").nth(3).waitFor();
  await tab.until(() => [...document.querySelectorAll(".services tbody tr td:last-child")].reduce((sum, cell) => sum + Number(cell.textContent.replaceAll(",", "")), 0) === 100_001);
  assert.ok((await tab.size()) < MOST, `${await tab.size()} elements`);
});

story("a log of 100,000 entries is followed, scrolled and searched, and stays small", {}, async (tab) => {
  await tab.open(platform, "/tasks/long");
  await tab.logEndsWith("entry 99999");
  await tab.sees("100,000 entries");
  await platform.run(["append-log", "long", "the last"]);
  await tab.logEndsWith("the last");
  assert.ok((await tab.size()) < MOST, `${await tab.size()} elements`);
  await tab.page.locator(".log-window").evaluate((window) => (window.scrollTop = window.scrollHeight / 2));
  await tab.page.locator(".log-text", { hasText: /^entry 50000$/ }).waitFor();
  await tab.page.locator(".log-window").evaluate((window) => (window.scrollTop = 0));
  await tab.page.locator(".log-text", { hasText: /^entry 0$/ }).waitFor();
  await tab.the("searchbox", "Search the log").fill("entry 77777");
  await tab.sees("1 of 1");
  await tab.page.locator(".log-row.is-found-now", { hasText: "entry 77777" }).waitFor();
  assert.ok((await tab.size()) < MOST, `${await tab.size()} elements`);
});
