// A platform for a test: `task-state serve` as its users have it, on a store of its own, with real plugins.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const target = resolve(process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target"));
const program = process.env.TASK_STATE ?? join(target, "debug/task-state");
const components = process.env.TASK_STATE_PLUGINS ?? join(target, "wasm32-wasip2/release");

/** How long anything may take. It only bounds a test that fails. */
export const PATIENCE = Number(process.env.PAGE_PATIENCE ?? 60_000);

/** Plugins of the tests: what a task does is in its parameters. */
const PLUGINS = [
  ["examples/report.wasm", '["analytics"]', ""],
  ["examples/served.wasm", '["waiting"]', ""],
  ["examples/served.wasm", '["sync"]', "concurrency = 2"],
  ["csv_profile.wasm", '["profiling"]', 'concurrency = 2\nlimits = { memory = "64MiB" }'],
];

const plugin = ([component, services, more]) =>
  `[[plugins]]\ncomponent = ${JSON.stringify(join(components, component))}\nservices = ${services}\n${more}\n`;

/** Waits until something is so. */
export async function eventually(what, check) {
  const end = Date.now() + PATIENCE;
  let last;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`${what}: it did not come about`, { cause: last });
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A port that nobody listens at. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

export class Platform {
  #directory;
  #process = null;
  #env;
  #said = "";
  #token;

  /** Starts one. `config` goes before the plugins; `token` is shown by the calls of this object. */
  static async start({ config = "", store, env = {}, token } = {}) {
    const platform = new Platform();
    platform.#directory = await mkdtemp(join(tmpdir(), "task-state-page-"));
    platform.#env = env;
    platform.#token = token;
    platform.store = store ?? `sqlite:${join(platform.#directory, "tasks.db")}`;
    platform.port = await freePort();
    platform.address = `http://127.0.0.1:${platform.port}`;
    await writeFile(join(platform.#directory, "platform.toml"), ['adopt-after = "1h"', config, ...PLUGINS.map(plugin)].join("\n"));
    await platform.serve();
    return platform;
  }

  /** Starts the process, again after it was stopped: at the same address, on the same store. */
  async serve() {
    this.#said = "";
    const args = ["--store", this.store, "serve", "--config", "platform.toml", "--listen", `127.0.0.1:${this.port}`];
    const child = spawn(program, args, { cwd: this.#directory, env: { ...process.env, ...this.#env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (this.#said = (this.#said + data).slice(-20_000)));
    await eventually("the platform listens", () => {
      if (child.exitCode !== null) throw new Error(this.#said);
      return this.#said.includes("listening at ");
    });
  }

  get pid() {
    return this.#process.pid;
  }

  /** Ends the process by a signal, and waits for its end. */
  async end(signal = "SIGTERM") {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  /** Ends all, with the store. */
  async stop() {
    await this.end("SIGKILL");
    // What it started may still hold these; the tests need not wait for that.
    for (const stream of [this.#process.stdout, this.#process.stderr]) stream.destroy();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Runs the command on the store of this platform; gives what it wrote. */
  run(args, input = "") {
    return new Promise((done, failed) => {
      const child = spawn(program, ["--store", this.store, ...args], { cwd: this.#directory });
      let [out, wrong] = ["", ""];
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", (data) => (wrong += data));
      child.on("error", failed);
      child.on("close", (code) => (code === 0 ? done(out) : failed(new Error(`task-state ${args.join(" ")}: ${code}: ${wrong}`))));
      child.stdin.end(input);
    });
  }

  /** Asks the platform's interface; gives the answer's body. */
  async ask(method, path, body) {
    const headers = { "content-type": "application/json", ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}) };
    const answer = await fetch(`${this.address}/api/v2/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /** Submits a task. */
  submit(service, user, parameters = {}, more = {}) {
    return this.ask("POST", "tasks", { service, user_id: user, parameters, ...more });
  }

  /** Waits until a task has a status. */
  until(id, status) {
    return eventually(`task ${id} is ${status}`, async () => (await this.ask("GET", `tasks/${encodeURIComponent(id)}`)).status === status);
  }

  /** Registers tasks that nobody runs: records, as another program leaves them. */
  async save(id, { service = "analytics", user = "alice", status = "pending", parameters = {}, priority = "low" } = {}) {
    await this.run(["save", id, "--service", service, "--user", user, "--status", status, "--parameters", JSON.stringify(parameters), "--priority", priority]);
  }
}
