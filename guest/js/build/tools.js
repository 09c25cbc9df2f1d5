// The tools of a build: where they are, and how they are called. Nothing is installed here.

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { UsageError } from "./errors.js";

/** Where the SDK is. */
export const SDK = dirname(dirname(fileURLToPath(import.meta.url)));

/** The versions that the SDK is tested with, by the name of the command. */
const PACKAGES = /** @type {const} */ ({
  esbuild: "esbuild@0.28.2",
  "componentize-qjs": "componentize-qjs@0.4.5",
  jco: "@bytecodealliance/jco@1.34.0",
});

/** @typedef {keyof typeof PACKAGES} Tool */

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Every `node_modules/.bin` from a folder upwards.
 * @param {string} folder
 * @returns {string[]}
 */
function binFolders(folder) {
  const above = dirname(folder);
  return [join(folder, "node_modules", ".bin"), ...(above === folder ? [] : binFolders(above))];
}

/**
 * Where a tool is: in `node_modules` from the project upwards, else beside the SDK, else on the PATH.
 * @param {Tool} tool
 * @param {string} project
 * @returns {string | undefined}
 */
export function find(tool, project) {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const folders = [...binFolders(project), ...binFolders(SDK), ...path];
  return folders.map((folder) => join(folder, tool)).find(isExecutable);
}

/**
 * All of these, or one error that names every one that is missing and what installs it.
 * @template {Tool} T
 * @param {readonly T[]} tools
 * @param {string} project
 * @returns {Record<T, string>}
 */
export function need(tools, project) {
  const found = /** @type {Record<T, string>} */ ({});
  const missing = [];
  for (const tool of tools) {
    const path = find(tool, project);
    if (path === undefined) missing.push(tool);
    else found[tool] = path;
  }
  if (missing.length === 0) return found;
  const packages = missing.map((tool) => PACKAGES[/** @type {Tool} */ (tool)]).join(" ");
  throw new UsageError(
    `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not there: neither in node_modules of ${project} or ` +
      `above it, nor beside the SDK, nor on the PATH. To install: npm install --save-dev ${packages}`,
  );
}

/** @typedef {{ code: number | null, output: string }} Ended what a command has printed, on either stream */

/**
 * Says what is run, runs it, and waits for its end.
 * @param {string} command
 * @param {string[]} args
 * @param {string} folder
 * @returns {Promise<Ended>}
 */
export function run(command, args, folder) {
  process.stderr.write(`$ ${[command, ...args].map(quote).join(" ")}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    /** @type {Buffer[]} */
    const printed = [];
    child.stdout.on("data", (piece) => printed.push(piece));
    child.stderr.on("data", (piece) => printed.push(piece));
    child.on("error", (error) => reject(new UsageError(`cannot run ${command}: ${error.message}`)));
    child.on("close", (code) => resolve({ code, output: Buffer.concat(printed).toString("utf8") }));
  });
}

/** As a shell takes it. @param {string} word */
function quote(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
