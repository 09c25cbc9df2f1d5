// Who sees what: logging in and out, users that see their own, and what operators alone may.

import assert from "node:assert/strict";
import { after } from "node:test";
import { close, story } from "./browser.js";
import { Platform } from "./platform.js";

const OPERATOR = "an-operator-token-of-the-tests";
const ALICE = "a-token-of-alice-in-the-tests";

const platform = await Platform.start({
  config: '[[tokens]]\nenv = "OPERATOR"\nrole = "operator"\n[[tokens]]\nenv = "ALICE"\nrole = "user"\nusers = ["alice"]\n',
  env: { OPERATOR, ALICE },
  token: OPERATOR,
});
await platform.save("of-alice", { user: "alice" });
await platform.save("of-bob", { user: "bob" });
after(async () => {
  await close();
  await platform.stop();
});

async function logIn(tab, token) {
  await tab.field("Token").fill(token);
  await tab.the("button", "Log in").click();
}

story("whoever has no token is asked for one, and then gets what he came for", { expects: /401/ }, async (tab) => {
  await tab.open(platform, "/tasks/of-bob");
  await logIn(tab, "wrong");
  await tab.sees("The platform does not know this token");
  await logIn(tab, OPERATOR);
  await tab.the("heading", "of-bob", { level: 1 }).waitFor();
  await tab.until(() => document.activeElement.tagName === "H1");
  await tab.page.reload();
  await tab.the("heading", "of-bob", { level: 1 }).waitFor();
  const kept = await tab.page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href]));
  assert.equal(kept.includes(OPERATOR), false, "the token is nowhere that a script could read it");
  await tab.the("button", "Log out").click();
  await tab.the("heading", "Log in").waitFor();
});

story("a user sees his own tasks, and none of another's", { expects: /401|403|404/ }, async (tab) => {
  await tab.open(platform, "/tasks");
  await logIn(tab, ALICE);
  await tab.lists(["of-alice"]);
  assert.equal(await tab.the("link", "Hosts").count(), 0);
  await tab.open(platform, "/tasks/of-bob");
  await tab.sees("There is no such task");
  await tab.open(platform, "/hosts");
  await tab.sees("Only operators see the hosts");
  await tab.open(platform, "/submit");
  assert.equal(await tab.field("User").inputValue(), "alice");
  await tab.open(platform, "/");
  await tab.page.locator(".services").waitFor();
  assert.equal(await tab.page.getByText("Held back").count(), 0);
});

story("a session that ends while the page is open leads to the login", { expects: /401/ }, async (tab) => {
  await tab.open(platform, "/tasks");
  await logIn(tab, OPERATOR);
  await tab.lists(["of-bob", "of-alice"]);
  await tab.page.context().clearCookies();
  await tab.the("link", "Hosts").click();
  await tab.sees("The session has ended.");
  await logIn(tab, OPERATOR);
  await tab.the("heading", "Hosts", { level: 1 }).waitFor();
});

story("the login can be used by everyone", { options: { colorScheme: "dark" } }, async (tab) => {
  await tab.open(platform, "/");
  await tab.the("heading", "Log in").waitFor();
  await tab.isAccessible();
  await tab.picture("login-dark");
});
