// Submitting a task by a form: its service and user, its parameters as JSON, its input as text or a file.

import { api } from "../api.js";
import { attribute, h, keyed, text } from "../dom.js";
import { icon } from "../icons.js";
import { sentence } from "../parts/states.js";
import { tell } from "../parts/toasts.js";
import { go, taskLink } from "../router.js";
import { current } from "../session.js";

export function submitView(route) {
  const aborter = new AbortController();
  const services = h("datalist", { id: "submit-services" });
  const users = h("datalist", { id: "submit-users" }, (current().users ?? []).map((value) => h("option", { value })));
  const input = (id, properties) => h("input", { class: "input", id, autocomplete: "off", spellcheck: "false", ...properties });
  const service = input("service", { list: "submit-services", required: true, value: route.query.service ?? "" });
  const user = input("user", { list: "submit-users", required: true, value: route.query.user ?? only(current().users) });
  const id = input("task-id", { maxlength: 128, placeholder: "The next free number" });
  const parameters = h("textarea", { class: "input", id: "parameters", rows: 7, spellcheck: "false" }, "{}");
  const written = h("textarea", { class: "input", id: "input-text", rows: 6, spellcheck: "false", "aria-label": "Input" });
  const file = h("input", { class: "input", id: "input-file", type: "file", "aria-label": "File" });
  const priority = choices("priority", "Priority", { low: "Low", high: "High" }, () => {});
  const source = choices("input-source", "Input", { none: "None", text: "Text", file: "A file" }, showInput);
  const wrong = h("p", { class: "error", role: "alert", tabindex: -1, hidden: true });
  const send = h("button", { class: "button primary" }, icon("submit"), "Submit the task");
  const [serviceField, userField] = [field("Service", service, "What kind of task it is: a plugin serves it."), field("User", user, "On whose behalf it runs.")];
  const parametersField = field("Parameters", parameters, "A JSON object, given to the plugin as it is.");
  const writtenField = h("div", { class: "field", hidden: true }, written);
  const fileField = h("div", { class: "field", hidden: true }, file);
  const form = h(
    "form",
    { class: "panel panel-body form", novalidate: true, on: { submit } },
    wrong,
    h("div", { class: "form-row" }, serviceField.element, userField.element),
    parametersField.element,
    h("div", { class: "stack" }, source.element, writtenField, fileField),
    h("div", { class: "form-row" }, field("Task id", id, "Leave it empty for a number.").element, priority.element),
    h("div", { class: "buttons" }, send),
    services,
    users,
  );
  const element = h("div", {}, h("div", { class: "head" }, h("h1", { tabindex: -1 }, "Submit a task")), form);

  function showInput(value) {
    attribute(writtenField, "hidden", value !== "text");
    attribute(fileField, "hidden", value !== "file");
  }

  function check() {
    const problems = [
      serviceField.say(service.value.trim() === "" ? "Which service?" : ""),
      userField.say(user.value.trim() === "" ? "Which user?" : ""),
      parametersField.say(wrongJson(parameters.value)),
    ];
    return [service, user, parameters].find((_, place) => problems[place]);
  }

  async function submit(event) {
    event.preventDefault();
    wrong.hidden = true;
    const bad = check();
    if (bad) return bad.focus();
    send.disabled = true;
    try {
      const made = await api.submit(await draft());
      tell(`Submitted as task ${made.task_id}`);
      go(taskLink(made.task_id));
    } catch (problem) {
      text(wrong, sentence(problem));
      wrong.hidden = false;
      wrong.focus();
    } finally {
      send.disabled = false;
    }
  }

  async function draft() {
    const wanted = { service: service.value.trim(), user_id: user.value.trim(), priority: priority.value(), parameters: exactly(parameters.value) };
    if (id.value.trim() !== "") wanted.task_id = id.value.trim();
    if (source.value() === "text") wanted.input = written.value;
    if (source.value() === "file") {
      if (!file.files[0]) throw new Error("No file is chosen");
      wanted.input_id = (await api.upload(file.files[0])).input_id;
    }
    return wanted;
  }

  parameters.addEventListener("blur", () => parametersField.say(wrongJson(parameters.value)));
  for (const [element, its] of [[service, serviceField], [user, userField]]) element.addEventListener("input", () => its.say(""));
  const ready = api.services(aborter.signal).then(
    ({ services: names }) => {
      keyed(services, names, { key: (name) => name, make: (value) => h("option", { value }) });
      if (service.value === "") service.value = only(names);
    },
    () => {},
  );
  return { element, title: "Submit a task", ready, stop: () => aborter.abort() };
}

const only = (names) => (names?.length === 1 ? names[0] : "");

/** A labelled control with a line of help, and one that says what is wrong with it. */
function field(label, control, help) {
  const helpId = `${control.id}-help`;
  const wrongId = `${control.id}-wrong`;
  const wrong = h("p", { class: "wrong", id: wrongId, hidden: true });
  attribute(control, "aria-describedby", helpId);
  const element = h("div", { class: "field" }, h("label", { for: control.id }, label), control, h("p", { class: "help", id: helpId }, help), wrong);

  function say(message) {
    text(wrong, message);
    wrong.hidden = message === "";
    attribute(control, "aria-invalid", message === "" ? null : "true");
    attribute(control, "aria-describedby", message === "" ? helpId : `${wrongId} ${helpId}`);
    return message;
  }
  return { element, say };
}

function choices(name, label, values, onChange) {
  const boxes = Object.entries(values).map(([value, its], place) => {
    const box = h("input", { type: "radio", name, value, checked: place === 0, on: { change: () => onChange(value) } });
    return { box, element: h("label", { class: "choice" }, box, its) };
  });
  const element = h("fieldset", { class: "field" }, h("legend", {}, label), h("div", { class: "choices" }, boxes.map((one) => one.element)));
  return { element, value: () => boxes.find(({ box }) => box.checked).box.value };
}

/** What is wrong with a text that should be a JSON object; empty if nothing is. */
function wrongJson(value) {
  if (value.trim() === "") return "";
  try {
    const parsed = JSON.parse(value);
    const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed);
    return isObject ? "" : "This is JSON, but no object: it starts with { and ends with }.";
  } catch (error) {
    return `This is no JSON: ${error.message}`;
  }
}

/** The object, with its numbers as they were typed where the browser can keep them. */
function exactly(value) {
  if (value.trim() === "") return {};
  return JSON.parse(value, (key, its, context) => (typeof its === "number" && context?.source && JSON.rawJSON ? JSON.rawJSON(context.source) : its));
}
