// Where the plugins of the tests run: on the author's machine, and as components of either engine on the real host. The command
// is the one that the variable TASK_STATE names; without it the tests on the host are skipped, which CI treats as a failure.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { logEntry } from "task-state";
import { runTask } from "task-state/testing";

/** @typedef {"the author's machine" | "quickjs" | "starlingmonkey"} Place */
/** @typedef {{ status: string, logs: string[], output: string | null, podStatus: string | null, printed: string }} Played */
/**
 * @typedef {object} Playing
 * @property {Record<string, string>} [parameters]
 * @property {string | Uint8Array} [input]
 * @property {string} [service]
 * @property {import("task-state/testing").Operation[]} [operations]
 * @property {string[]} [flags] more of the command's
 */

const COMMAND = process.env.TASK_STATE ?? "";

/** Why the tests on the host are skipped; false if they are not. */
export const skipHost = COMMAND === "" && !process.env.CI && "TASK_STATE does not name the command";

/** @type {Place[]} */
export const PLACES = ["the author's machine", "quickjs", "starlingmonkey"];

/** A folder for the files of these tests. */
export const scratch = mkdtempSync(join(tmpdir(), "task-state-js-tests-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

export const SDK = fileURLToPath(new URL("..", import.meta.url));

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export function call(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const printed = { stdout: "", stderr: "" };
    for (const name of /** @type {const} */ (["stdout", "stderr"])) {
      child[name].setEncoding("utf8").on("data", (piece) => (printed[name] += piece));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...printed }));
  });
}

/**
 * Calls the build of the SDK.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function build(args, options) {
  return call(process.execPath, [join(SDK, "bin", "build.js"), ...args], options);
}

/** @type {Map<string, Promise<string>>} */
const built = new Map();

/**
 * The component of a plugin, which is built once.
 * @param {string} source
 * @param {string} engine
 * @returns {Promise<string>}
 */
export function component(source, engine) {
  const key = `${engine} ${source}`;
  const output = join(scratch, `${basename(source, extname(source))}-${engine}-${built.size}.wasm`);
  const make = async () => {
    const { code, stderr } = await build([source, "-o", output, "--engine", engine]);
    assert.equal(code, 0, stderr);
    return output;
  };
  const made = built.get(key) ?? make();
  built.set(key, made);
  return made;
}

/**
 * Calls the command on a store in memory.
 * @param {string[]} args
 */
export function command(args) {
  assert.notEqual(COMMAND, "", "TASK_STATE does not name the command");
  return call(COMMAND, ["--store", "memory:", "--output", "json", ...args]);
}

let files = 0;

/** @param {string} name @param {string | Uint8Array} content */
function file(name, content) {
  files += 1;
  const path = join(scratch, `${files}-${name}`);
  writeFileSync(path, content);
  return path;
}

/**
 * Runs a plugin somewhere.
 * @param {Place} place
 * @param {string} source
 * @param {Playing} [playing]
 * @returns {Promise<Played>}
 */
export async function play(place, source, playing = {}) {
  return place === "the author's machine" ? playHere(source, playing) : playOnHost(await component(source, place), playing);
}

/** @param {string} source @param {Playing} playing @returns {Promise<Played>} */
async function playHere(source, { parameters = {}, input = "", service = "analytics", operations }) {
  const { run } = await import(pathToFileURL(source).href);
  const grants = operations === undefined ? {} : { operations };
  const { status, logs, output, result } = await runTask(run, { service, userId: "alice", parameters, input, grants });
  return { status, logs, output: result.launcherOutput ?? null, podStatus: result.podStatus ?? null, printed: output };
}

/** @param {string} wasm @param {Playing} [playing] @returns {Promise<Played>} */
export async function playOnHost(wasm, { parameters = {}, input, service = "analytics", operations, flags = [] } = {}) {
  const args = ["run", wasm, "--service", service, "--user", "alice", "--parameters", JSON.stringify(parameters), ...flags];
  if (input !== undefined) args.push("--input", file("input", input));
  if (operations !== undefined) {
    const grants = `[grants]\nservices = ["${service}"]\noperations = ${JSON.stringify(operations)}\n`;
    args.push("--manifest", file("manifest.toml", grants));
  }
  const { stdout, stderr } = await command(args);
  assert.notEqual(stdout, "", stderr);
  const record = JSON.parse(stdout);
  return {
    status: record.status,
    logs: record.logs.map((/** @type {string} */ entry) => logEntry(entry).message),
    output: record.result.launcher_output,
    podStatus: record.result.pod_status,
    printed: stderr,
  };
}
