// Chromium, and what every test of a view asks of it: no error in the console, no request to another origin, nothing that
// axe objects to, nothing wider than the window.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { PATIENCE } from "./platform.js";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const target = resolve(process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target"));
const pictures = process.env.PAGE_SCREENSHOTS ?? join(target, "page-screenshots");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let browser = null;

/** Ends the browser, if one was started. */
export async function close() {
  await browser?.close();
}

async function context(options) {
  // As root, which is what containers of CI are, Chromium starts only without its own sandbox. It shows nothing but the
  // pages of the tests.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...args, "--disable-dev-shm-usage"] });
  const made = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  made.setDefaultTimeout(PATIENCE);
  return made;
}

/**
 * A test in a tab of its own. `expects` are errors of the console that belong to it: a browser writes there about each
 * answer that is no success. `options` are the browser's own.
 */
export function story(name, { expects = null, options = {} }, work) {
  test(name, async () => {
    const made = await context(options);
    const tab = new Tab(await made.newPage(), expects);
    try {
      await work(tab);
      assert.deepEqual(tab.problems, [], "what the browser complained of");
    } catch (error) {
      await tab.picture(`failed-${name}`).catch(() => {});
      throw error;
    } finally {
      // What the test does with requests of the page may be under way, for a page that goes.
      await tab.page.unrouteAll({ behavior: "ignoreErrors" }).finally(() => made.close());
    }
  });
}

export class Tab {
  problems = [];
  #origin = null;

  constructor(page, expects) {
    this.page = page;
    page.on("console", (message) => {
      if (message.type() !== "error" || expects?.test(message.text())) return;
      this.problems.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.problems.push(`error: ${error.stack}`));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (["http:", "https:", "ws:", "wss:"].includes(protocol) && origin !== this.#origin) this.problems.push(`foreign request: ${request.url()}`);
    });
  }

  /** Opens a view of a platform, as a link to it would; below a path, if it is served there. */
  async open(platform, view = "/", path = "") {
    this.#origin = platform.address;
    await this.page.goto("about:blank");
    await this.page.goto(`${platform.address}${path}/#${view}`);
    await this.page.locator("main h1").waitFor();
  }

  /** A control or anything else by its role and its name. */
  the(role, name, options = {}) {
    return this.page.getByRole(role, { name, exact: true, ...options });
  }

  /** A control of a form by its label. */
  field(label) {
    return this.page.locator("form").getByLabel(label, { exact: true });
  }

  /** Waits until text is shown. */
  sees(text) {
    return this.page.getByText(text).first().waitFor();
  }

  /** Waits for a condition in the page. */
  until(condition, argument) {
    return this.page.waitForFunction(condition, argument);
  }

  /** Waits until the mark in the bar says this. */
  async mark(word) {
    await this.page.locator(".live [role=status]", { hasText: word }).waitFor();
  }

  /** How many elements there are. */
  size() {
    return this.page.evaluate(() => document.querySelectorAll("*").length);
  }

  /** The rows of the table of tasks: their ids. */
  ids() {
    return this.page.locator("table.tasks tbody th a").allTextContents();
  }

  /** Waits until the table has exactly these ids, in this order. */
  async lists(ids) {
    await this.until(
      (wanted) => JSON.stringify([...document.querySelectorAll("table.tasks tbody th a")].map((a) => a.textContent)) === wanted,
      JSON.stringify(ids),
    );
  }

  /** Waits until the log ends with this line. */
  async logEndsWith(text) {
    await this.until((wanted) => [...document.querySelectorAll(".log-text")].at(-1)?.textContent === wanted, text);
  }

  /** Keeps what is seen as a picture. */
  async picture(name, options = {}) {
    await mkdir(pictures, { recursive: true });
    await this.page.screenshot({ path: join(pictures, `${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 80)}.png`), animations: "disabled", ...options });
  }

  /** Lets axe look at it, and sees that nothing is wider than the window. */
  async isAccessible() {
    // Not by a script element, which the page's policy would refuse.
    await this.page.evaluate(axe);
    const found = await this.page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), RULES);
    const violations = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
    assert.deepEqual(violations, []);
    const wider = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wider, 0, "the page is wider than the window");
  }
}
