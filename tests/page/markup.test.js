// What plugins and users write is shown as text, wherever they may write.

import assert from "node:assert/strict";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { Platform } from "./platform.js";

const BAD = '<img/src=x/onerror=window.hacked=1><script>window.hacked=1</script>';
const SPACED = '<img src="x" onerror="window.hacked = 1"> <svg onload="window.hacked = 1"> <style>* { display: none }</style> javascript:alert(1) \u202Etxt.exe';

const platform = await Platform.start();
await platform.save(BAD, { service: `service-${BAD}`, user: `"><b>user</b>`, status: "running", parameters: { [SPACED]: SPACED } });
await platform.run(["append-log", BAD, SPACED, "<plaintext>"]);
await platform.run(["update-result", BAD, "--pod-status", SPACED, "--launcher-output", JSON.stringify({ [SPACED]: SPACED })]);
after(async () => {
  await close();
  await platform.stop();
});

async function isHarmless(tab) {
  assert.equal(await tab.page.evaluate(() => window.hacked), undefined);
  assert.equal(await tab.page.locator("main img, main script, main b, main style, main plaintext, main svg[onload]").count(), 0);
}

story("markup in every field of a task is text on its own page", {}, async (tab) => {
  await tab.open(platform, `/tasks/${encodeURIComponent(BAD)}`);
  await tab.the("heading", BAD, { level: 1 }).waitFor();
  await tab.logEndsWith("<plaintext>");
  assert.equal(await tab.page.locator(".log-text").first().textContent(), SPACED);
  await tab.page.locator(".log-row").first().click();
  assert.equal(await tab.page.locator(".log-line pre").textContent(), SPACED);
  const facts = await tab.page.locator("section[aria-label=Facts]").textContent();
  assert.equal(facts.includes(`service-${BAD}`) && facts.includes('"><b>user</b>'), true, facts);
  const parameters = await tab.page.locator("section[aria-label=Parameters] pre").textContent();
  assert.deepEqual(JSON.parse(parameters), { [SPACED]: SPACED });
  const output = await tab.page.locator("section[aria-label=Output] pre").allTextContents();
  assert.equal(output[0], SPACED);
  await isHarmless(tab);
  await tab.the("button", "Cancel").click();
  await tab.page.locator("dialog", { hasText: BAD }).waitFor();
  await isHarmless(tab);
  await tab.picture("markup");
});

story("markup in every field of a task is text in tables and dialogs", {}, async (tab) => {
  await tab.open(platform, `/tasks?${new URLSearchParams({ text: "<img" })}`);
  await tab.lists([BAD]);
  assert.equal(await tab.page.locator("td", { hasText: `service-${BAD}` }).count(), 1);
  await tab.the("button", "Delete…").click();
  await tab.page.locator("dialog .ids", { hasText: BAD }).waitFor();
  await isHarmless(tab);
  await tab.open(platform, "/");
  await tab.page.locator(".services .disclose", { hasText: `service-${BAD}` }).click();
  await tab.page.locator("tr.user", { hasText: '"><b>user</b>' }).waitFor();
  await isHarmless(tab);
});

story("markup in an address is text", { expects: /404|400|422/ }, async (tab) => {
  for (const view of [`/tasks/${encodeURIComponent(SPACED)}`, `/tasks?${new URLSearchParams({ user: BAD, status: BAD })}`, `/${encodeURIComponent(BAD)}`, "/tasks/%E0%A4%A"]) {
    await tab.open(platform, view);
    await isHarmless(tab);
  }
});

story("the policy that the page comes with forbids scripts that are not its own", { expects: /Content Security Policy|TrustedScript|Refused|violates/i }, async (tab) => {
  await tab.open(platform, "/");
  const ran = await tab.page.evaluate(async () => {
    const script = document.createElement("script");
    try {
      script.textContent = "window.inlined = true";
    } catch {
      // Trusted types refuse it even before.
    }
    document.head.append(script);
    const style = document.createElement("style");
    style.textContent = "body { outline: 9px solid red }";
    document.head.append(style);
    return { inlined: window.inlined === true, styled: getComputedStyle(document.body).outlineWidth === "9px" };
  });
  assert.deepEqual(ran, { inlined: false, styled: false });
});
