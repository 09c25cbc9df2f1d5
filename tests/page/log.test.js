// The log of a task: following it, holding it, searching, copying and taking it away.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { Platform } from "./platform.js";

const platform = await Platform.start();
after(async () => {
  await close();
  await platform.stop();
});

const lines = (count, text) => Array.from({ length: count }, (_, number) => `${text} ${number}`).join("\n");
const append = (id, text) => platform.run(["append-log", id, "-"], `${text}\n`);

async function logged(id, count) {
  await platform.save(id, { status: "running" });
  if (count > 0) await append(id, lines(count, "line"));
}

story("a log is followed until the reader scrolls up, and again once he is back at its end", {}, async (tab) => {
  await logged("followed", 200);
  await tab.open(platform, "/tasks/followed");
  await tab.logEndsWith("line 199");
  await append("followed", "more 1");
  await tab.logEndsWith("more 1");
  const window = tab.page.locator(".log-window");
  await window.hover();
  await tab.page.mouse.wheel(0, -600);
  await tab.page.locator('button[aria-label=Follow][aria-pressed="false"]').waitFor();
  await append("followed", "more 2");
  await tab.sees("202 entries");
  assert.notEqual(await tab.page.locator(".log-text").last().textContent(), "more 2");
  await tab.the("button", "Follow").click();
  await tab.logEndsWith("more 2");
});

story("a log that is paused stands still, and shows what it missed once it goes on", {}, async (tab) => {
  await logged("paused", 3);
  await tab.open(platform, "/tasks/paused");
  await tab.logEndsWith("line 2");
  await tab.the("button", "Pause").click();
  await append("paused", lines(5, "held"));
  await tab.sees("Paused at 3 entries");
  await tab.logEndsWith("line 2");
  await tab.the("button", "Pause").click();
  await tab.logEndsWith("held 4");
  await tab.sees("8 entries");
});

story("a search goes through the whole log, and from one match to the next", {}, async (tab) => {
  await logged("searched", 0);
  await append("searched", `${lines(1500, "first")}\nthe Needle\n${lines(1500, "then")}\nanother NEEDLE`);
  await tab.open(platform, "/tasks/searched");
  await tab.logEndsWith("another NEEDLE");
  await tab.the("searchbox", "Search the log").fill("needle");
  await tab.sees("1 of 2");
  await tab.page.locator(".log-row.is-found-now", { hasText: "the Needle" }).waitFor();
  await tab.the("button", "Next match").click();
  await tab.sees("2 of 2");
  await tab.page.locator(".log-row.is-found-now", { hasText: "another NEEDLE" }).waitFor();
  await append("searched", "a third needle");
  await tab.sees("2 of 3");
  await tab.the("searchbox", "Search the log").fill("nothing like it");
  await tab.sees("No match");
});

story("a log of long entries is shown to its end, and searched to its end", {}, async (tab) => {
  // More than the platform answers at once.
  await logged("wordy", 0);
  const long = "x".repeat(20_000);
  await append("wordy", Array.from({ length: 520 }, (_, number) => `${number} ${long}${number === 519 ? " needle" : ""}`).join("\n"));
  await tab.open(platform, "/tasks/wordy");
  await tab.sees("520 entries");
  await tab.until(() => [...document.querySelectorAll(".log-text")].at(-1)?.textContent.startsWith("519 x"));
  await tab.the("searchbox", "Search the log").fill("needle");
  await tab.sees("1 of 1");
});

story("a search ends when the task is left", {}, async (tab) => {
  await logged("left", 5_000);
  await tab.open(platform, "/tasks/left");
  await tab.logEndsWith("line 4999");
  let asked = 0;
  await tab.page.route("**/tasks/left/logs?*", async (route) => {
    asked += 1;
    await new Promise((done) => setTimeout(done, 100));
    await route.continue().catch(() => {});
  });
  await tab.the("searchbox", "Search the log").fill("nothing like it");
  await tab.sees(/^[1-8]0%$/);
  await tab.the("link", "Overview").click();
  await tab.the("heading", "Overview", { level: 1 }).waitFor();
  const before = asked;
  await new Promise((done) => setTimeout(done, 500));
  assert.equal(asked, before, "nothing is read of a log that nobody looks at");
});

story("an entry of several lines is one row, and whole once it is chosen", {}, async (tab) => {
  await platform.save("folded", { status: "running" });
  await platform.run(["append-log", "folded", "one\ntwo\n  three"]);
  await tab.open(platform, "/tasks/folded");
  await tab.logEndsWith("one ⏎ two ⏎   three");
  await tab.page.locator(".log-row").click();
  assert.equal(await tab.page.locator(".log-line pre").textContent(), "one\ntwo\n  three");
});

story("a log is copied and downloaded whole", { options: { permissions: ["clipboard-read", "clipboard-write"], acceptDownloads: true } }, async (tab) => {
  await logged("taken", 1200);
  await tab.open(platform, "/tasks/taken");
  await tab.logEndsWith("line 1199");
  await tab.the("button", "Copy").click();
  await tab.sees("Copied the log");
  const copied = await tab.page.evaluate(() => navigator.clipboard.readText());
  const [download] = await Promise.all([tab.page.waitForEvent("download"), tab.the("link", "Download the log").click()]);
  const saved = await readFile(await download.path(), "utf8");
  assert.equal(copied, saved);
  const messages = saved.trimEnd().split("\n").map((line) => line.slice(line.indexOf(",") + 1));
  assert.deepEqual(messages, lines(1200, "line").split("\n"));
});

story("a log is read by keys alone", {}, async (tab) => {
  await logged("keyed", 100);
  await tab.open(platform, "/tasks/keyed");
  await tab.logEndsWith("line 99");
  await tab.page.locator(".log-window").focus();
  await tab.page.keyboard.press("End");
  await tab.page.keyboard.press("ArrowUp");
  assert.equal(await tab.page.locator(".log-line pre").textContent(), "line 98");
  await tab.page.keyboard.press("Home");
  await tab.until(() => document.querySelector(".log-line pre").textContent === "line 0");
  // The rows follow in the next frame.
  await tab.until(() => {
    const active = document.querySelector(".log-window").getAttribute("aria-activedescendant");
    return document.querySelector(`#${active} .log-text`)?.textContent === "line 0";
  });
});

story("a page that has lost its platform says so, and misses nothing once it is back", { expects: /ERR_|Failed to load/ }, async (tab) => {
  await logged("resumed", 50);
  await tab.open(platform, "/tasks/resumed");
  await tab.logEndsWith("line 49");
  await tab.mark("Live");
  await platform.end();
  await tab.mark("Not live");
  await append("resumed", lines(700, "while away"));
  await platform.serve();
  await tab.the("button", "Try now").click({ timeout: 1000 }).catch(() => {});
  await tab.mark("Live");
  await append("resumed", "after");
  await tab.logEndsWith("after");
  await tab.sees("751 entries");
  await tab.the("searchbox", "Search the log").fill("while away");
  await tab.sees("1 of 700");
});

story("a task that became another one of its id while the page was away is shown anew", { expects: /ERR_|Failed to load/ }, async (tab) => {
  await platform.save("twice", { parameters: { of: "the first" } });
  await append("twice", lines(30, "first"));
  await tab.open(platform, "/tasks/twice");
  await tab.logEndsWith("first 29");
  await tab.mark("Live");
  await platform.end();
  await tab.mark("Not live");
  await platform.run(["delete", "twice"]);
  await platform.save("twice", { parameters: { of: "the second" } });
  await append("twice", lines(3, "second"));
  await platform.serve();
  await tab.the("button", "Try now").click({ timeout: 1000 }).catch(() => {});
  await tab.sees("3 entries");
  await tab.logEndsWith("second 2");
  await tab.page.locator("section[aria-label=Parameters]", { hasText: "the second" }).waitFor();
  await tab.mark("Live");
});
