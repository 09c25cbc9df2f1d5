// Logging in with a token. It is sent once, and kept nowhere on this page: the session's cookie stands for it.

import { api } from "../api.js";
import { h, text } from "../dom.js";
import { sentence } from "../parts/states.js";

/** The view; `onDone()` is called once the platform has taken the token. */
export function loginView({ onDone, message = "" }) {
  const wrong = h("p", { class: "error", role: "alert", hidden: true });
  const token = h("input", { class: "input", id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const send = h("button", { class: "button primary" }, "Log in");
  const form = h(
    "form",
    { on: { submit } },
    h("h1", { tabindex: -1 }, "Log in"),
    message && h("p", { class: "soft" }, message),
    wrong,
    h("div", { class: "field" }, h("label", { for: "token" }, "Token"), token, h("p", { class: "help" }, "Whoever runs the platform has it.")),
    h("div", { class: "buttons" }, send),
  );
  const element = h("div", { class: "login panel" }, form);

  async function submit(event) {
    event.preventDefault();
    wrong.hidden = true;
    send.disabled = true;
    try {
      await api.logIn(token.value);
      token.value = "";
      onDone();
    } catch (problem) {
      text(wrong, problem.status === 401 ? "The platform does not know this token" : sentence(problem));
      wrong.hidden = false;
      token.select();
    } finally {
      send.disabled = false;
    }
  }
  return { element, title: "Log in", ready: Promise.resolve(), stop() {}, focus: () => token.focus() };
}
