// Measures what the page costs in Chromium, and prints it: the first table of 100,000 tasks, and a log of 100,000 entries
// that grows. It asserts nothing. `node measure.js`, on what `cargo xtask test` has built.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Platform } from "./platform.js";
import { Redis } from "./redis.js";

const MANY = 100_000;
const ROUNDS = 7;
const WATCHED = Number(process.env.SECONDS ?? 60) * 1000;

const redis = await Redis.start();
await redis.fill(MANY);
const platform = await Platform.start({ store: redis.url });
const args = ["--disable-dev-shm-usage", "--enable-precise-memory-info", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
try {
  await table();
  await log();
} finally {
  await browser.close();
  await platform.stop();
  await redis.stop();
}

/** The memory that `serve` holds, in MiB. */
async function memory() {
  const status = await readFile(join("/proc", String(platform.pid), "status"), "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
}

async function opened(view) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${platform.address}/#${view}`);
  await page.locator("main h1").waitFor();
  return page;
}

async function table() {
  const before = await memory();
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const page = await opened("/submit");
    // From the press to the frame in which the rows are seen.
    await page.evaluate(() => {
      window.shown = new Promise((done) => {
        const link = [...document.querySelectorAll("#nav a")].find((one) => one.textContent === "Tasks");
        link.addEventListener("click", () => {
          const pressed = performance.now();
          const look = () => {
            if (!document.querySelector("table.tasks tbody tr")) requestAnimationFrame(look);
            else requestAnimationFrame(() => setTimeout(() => done(performance.now() - pressed)));
          };
          look();
        }, { capture: true, once: true });
      });
    });
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    times.push(await page.evaluate(() => window.shown));
    await page.close();
  }
  const sorted = times.toSorted((one, other) => one - other);
  const grown = (await memory()) - before;
  console.log(`first table of ${MANY} tasks: first ${times[0].toFixed(0)} ms, median ${sorted[Math.floor(ROUNDS / 2)].toFixed(0)} ms, most ${sorted.at(-1).toFixed(0)} ms; serve from ${before.toFixed(1)} MiB by ${grown.toFixed(1)} MiB`);
}

async function log() {
  // A real run that logs about a hundred entries a second, on top of a log that is long already.
  await platform.submit("analytics", "alice", { mode: "log-steadily", entries: String(WATCHED) }, { task_id: "grows" });
  await platform.until("grows", "running");
  await platform.run(["append-log", "grows", "-"], `${Array.from({ length: MANY }, (_, number) => `entry ${number} of a log that was there before`).join("\n")}\n`);
  const page = await opened("/tasks/grows");
  await page.waitForFunction(() => document.querySelectorAll(".log-row").length > 5);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const heap = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSHeapUsedSize").value / 1024 / 1024;
  };
  const entries = () => page.evaluate(() => Number(document.querySelector(".log-foot span").textContent.replace(/\D/g, "")));
  await page.evaluate(() => {
    window.frames_ = [];
    let last = performance.now();
    const frame = (now) => {
      window.frames_.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const [heapBefore, entriesBefore] = [await heap(), await entries()];
  await page.evaluate(() => (window.frames_.length = 0));
  const heaps = [];
  const end = Date.now() + WATCHED;
  while (Date.now() < end) {
    await new Promise((done) => setTimeout(done, WATCHED / 6));
    heaps.push(await page.evaluate(() => performance.memory.usedJSHeapSize / 1024 / 1024));
  }
  const frames = await page.evaluate(() => window.frames_.toSorted((one, other) => one - other));
  const [heapAfter, entriesAfter] = [await heap(), await entries()];
  const elements = await page.evaluate(() => document.querySelectorAll("*").length);
  const part = (share) => frames[Math.min(frames.length - 1, Math.floor(frames.length * share))].toFixed(1);
  console.log(`log from ${entriesBefore} to ${entriesAfter} entries in ${WATCHED / 1000} s: longest frame ${frames.at(-1).toFixed(1)} ms, 99.9% ${part(0.999)} ms, median ${part(0.5)} ms of ${frames.length}; heap ${heapBefore.toFixed(1)} MiB before, ${heapAfter.toFixed(1)} MiB after (as it ran: ${heaps.map((one) => one.toFixed(1)).join(", ")}); ${elements} elements`);
  await platform.ask("POST", "tasks/grows/cancel");
}
