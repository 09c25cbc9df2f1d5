// Dialogs: a question before something that cannot be taken back, and whatever else needs the reader's whole attention.
// The browser's own element keeps the focus inside and gives it back afterwards.

import { attribute, h, text } from "../dom.js";
import { sentence } from "./states.js";

/**
 * Opens a dialog on what it holds; `close()` closes it, and so does Escape, unless `keep(true)` was said. Resolves when it
 * is closed.
 */
export function openDialog(title, build) {
  let isKept = false;
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
  const close = () => dialog.close();
  const keep = (on) => {
    isKept = on;
    // A browser closes it at the second Escape whatever its events are answered, unless this is said.
    attribute(dialog, "closedby", on ? "none" : null);
  };
  dialog.append(build({ title: h("h2", { id: "dialog-title" }, title), close, keep }));
  dialog.addEventListener("cancel", (event) => isKept && event.preventDefault());
  // A press on what is around it closes it, as people expect.
  dialog.addEventListener("mousedown", (event) => !isKept && isAround(dialog, event) && close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
}

/** Whether a press is beside a dialog. One on its own scrollbar is told of the dialog as well. */
function isAround(dialog, { target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX >= right || clientY < top || clientY >= bottom);
}

/**
 * Asks whether to do something, and does it: `work` runs while the dialog is open, so that an error is seen beside what
 * was asked; until it has ended the dialog cannot be closed. If `typed` is given, it has to be typed first. Resolves to
 * what `work` gave, or to nothing.
 */
export async function confirm({ title, body = [], action, danger = false, typed = null, work }) {
  let done;
  await openDialog(title, ({ title: heading, close, keep }) => {
    const wrong = h("p", { class: "error", role: "alert", hidden: true });
    const yes = h("button", { class: danger ? "button primary danger" : "button primary", disabled: typed !== null }, action);
    const no = h("button", { class: "button", type: "button", autofocus: typed === null, on: { click: close } }, "Back");
    const form = h("form", { on: { submit: answer } }, heading, body, typedField(typed, yes), wrong, h("div", { class: "buttons" }, no, yes));

    function working(on) {
      keep(on);
      for (const control of form.elements) control.disabled = on;
      attribute(form, "aria-busy", on ? "true" : null);
      text(yes, on ? "Working…" : action);
    }

    async function answer(event) {
      event.preventDefault();
      wrong.hidden = true;
      working(true);
      try {
        done = (await work()) ?? true;
        close();
      } catch (problem) {
        text(wrong, sentence(problem));
        wrong.hidden = false;
        working(false);
        no.focus();
      }
    }
    return form;
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
