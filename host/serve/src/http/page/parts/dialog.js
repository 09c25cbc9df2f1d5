// Dialogs: a question before something that cannot be taken back, and whatever else needs the reader's whole attention.
// The browser's own element keeps the focus inside and gives it back afterwards.

import { h, text } from "../dom.js";
import { sentence } from "./states.js";

/** Opens a dialog on what it holds; `close()` closes it, and so does Escape. Resolves when it is closed. */
export function openDialog(title, build) {
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
  const close = () => dialog.close();
  dialog.append(build({ title: h("h2", { id: "dialog-title" }, title), close }));
  // A press on what is around it closes it, as people expect.
  dialog.addEventListener("mousedown", (event) => event.target === dialog && close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}

/**
 * Asks whether to do something, and does it: `work` runs while the dialog is open, so that an error is seen beside what
 * was asked. If `typed` is given, it has to be typed first. Resolves to what `work` gave, or to nothing.
 */
export async function confirm({ title, body = [], action, danger = false, typed = null, work }) {
  let done;
  await openDialog(title, ({ title: heading, close }) => {
    const wrong = h("p", { class: "error", role: "alert", hidden: true });
    const yes = h("button", { class: danger ? "button primary danger" : "button primary", disabled: typed !== null }, action);
    const no = h("button", { class: "button", type: "button", autofocus: typed === null, on: { click: close } }, "Back");
    const answer = async (event) => {
      event.preventDefault();
      yes.disabled = true;
      wrong.hidden = true;
      try {
        done = (await work()) ?? true;
        close();
      } catch (problem) {
        text(wrong, sentence(problem));
        wrong.hidden = false;
        yes.disabled = false;
      }
    };
    return h("form", { on: { submit: answer } }, heading, body, typedField(typed, yes), wrong, h("div", { class: "buttons" }, no, yes));
  });
  return done;
}

function typedField(typed, button) {
  if (typed === null) return null;
  const check = (event) => {
    button.disabled = event.target.value.trim() !== typed;
  };
  const input = h("input", { class: "input", id: "dialog-typed", autocomplete: "off", autofocus: true, on: { input: check } });
  const label = h("label", { for: "dialog-typed" }, "Type ", h("code", {}, typed), " to go on");
  return h("div", { class: "field" }, label, input);
}
