// The platform's interface, /api/v2: one function a request, and one kind of error. Knows nothing of the page.

const BASE = new URL("api/v2/", document.baseURI);

/** What a request is answered that did not succeed. `status` is 0 if there was no answer at all. */
export class Problem extends Error {
  constructor(status, detail, body = {}) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.body = body;
  }
}

let onUnauthorised = () => {};

/** Says what to do when the session has ended. */
export function whenUnauthorised(work) {
  onUnauthorised = work;
}

/** The address of a path below /api/v2, with parameters; empty ones are left out. */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== "") {
      url.searchParams.set(name, Array.isArray(value) ? value.join(",") : value);
    }
  }
  return url;
}

/** A part of a path, whatever it is made of. A segment of dots alone would be taken for a step upwards. */
export function segment(value) {
  return encodeURIComponent(value).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
}

async function ask(method, path, { query, json, body, signal, quiet } = {}) {
  const request = { method, signal, credentials: "same-origin", cache: "no-store", headers: {} };
  if (json !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(json);
  } else if (body !== undefined) {
    request.headers["content-type"] = "application/octet-stream";
    request.body = body;
  }
  let answer;
  try {
    answer = await fetch(address(path, query), request);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The platform does not answer");
  }
  if (!answer.ok) {
    const problem = await problemOf(answer);
    if (problem.status === 401 && !quiet) onUnauthorised();
    throw problem;
  }
  return answer;
}

/** What an answer says is wrong, as far as it says so. */
export async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const detail = [body.detail, body.title].find((value) => typeof value === "string" && value !== "");
  return new Problem(answer.status, detail ?? `The platform answered ${answer.status}`, body);
}

const json = async (...request) => (await ask(...request)).json();
const task = (id, rest = "") => `tasks/${segment(id)}${rest}`;

/**
 * Numbers that a double cannot hold keep their digits, where the browser can tell them. They are no numbers any more then:
 * for what is only shown.
 */
export function exact(key, value, context) {
  const source = context?.source;
  if (typeof value !== "number" || !source || String(value) === source || !JSON.rawJSON) return value;
  return JSON.rawJSON(source);
}

export const api = {
  session: () => json("GET", "session", { quiet: true }),
  logIn: (token) => ask("POST", "session", { json: { token }, quiet: true }),
  logOut: () => ask("DELETE", "session", { quiet: true }),

  tasks: (query, signal) => json("GET", "tasks", { query, signal }),
  count: (query, signal) => json("GET", "tasks/count", { query, signal }),
  submit: (draft) => json("POST", "tasks", { json: draft }),
  upload: (file) => json("POST", "inputs", { body: file }),
  /** Its parameters stay a text, so that no number in them is rounded. */
  async task(id, signal) {
    const text = await (await ask("GET", task(id), { signal })).text();
    // What is reckoned with has to be plain numbers.
    const { parameters } = JSON.parse(text, exact);
    return { ...JSON.parse(text), parameters: JSON.stringify(parameters ?? {}, null, 2) };
  },
  logs: (id, start, limit, signal) => json("GET", task(id, "/logs"), { query: { start, limit }, signal }),
  async wholeLog(id) {
    return (await ask("GET", task(id, "/logs.txt"))).text();
  },
  logFile: (id) => address(task(id, "/logs.txt")).href,
  cancel: (id) => json("POST", task(id, "/cancel")),
  remove: (id) => ask("DELETE", task(id)),
  setPriority: (id, priority) => json("PUT", task(id, "/priority"), { json: { priority } }),
  again: (id) => json("POST", task(id, "/again")),
  /** `what` is "cancel" or "delete". */
  bulk: (what, filter, dryRun, all) =>
    json("POST", `tasks/${what}`, { json: { filter, dry_run: dryRun, ...(all ? { all: true } : {}) } }),

  overview: (signal) => json("GET", "overview", { signal }),
  hosts: (signal) => json("GET", "hosts", { signal }),
  services: (signal) => json("GET", "services", { signal }),
  pauses: (signal) => json("GET", "pauses", { signal }),
  /** `what` is "all", "services" or "users". */
  pause: (what, name) => ask("PUT", pausePath(what, name)),
  resume: (what, name) => ask("DELETE", pausePath(what, name)),
};

function pausePath(what, name) {
  return name === undefined ? `pauses/${what}` : `pauses/${what}/${segment(name)}`;
}
