// What is built: the module of the author, the folder that it belongs to, and where the component goes.

import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";

import { SourceError, UsageError } from "./errors.js";

/** @typedef {{ folder: string, entry: string, output: string }} Project all paths are absolute */

/** Where the plugin of a folder is looked for, if its package.json has no `main`. */
const ENTRIES = ["src/index.ts", "src/index.js", "index.ts", "index.js"];

const EXTENSIONS = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"];

/**
 * @param {string} source a module, or the folder of a project
 * @param {string | undefined} output
 * @returns {Project}
 */
export function findProject(source, output) {
  const path = resolve(source);
  if (!existsSync(path)) throw new UsageError(`there is no ${source}`);
  if (statSync(path).isDirectory()) {
    const { main, name } = readPackage(path);
    return { folder: path, entry: entryOf(path, main), output: resolve(output ?? join(path, `${name ?? basename(path)}.wasm`)) };
  }
  if (!EXTENSIONS.includes(extname(path))) {
    throw new UsageError(`${source} is no module of JavaScript or TypeScript: its name ends with none of ${EXTENSIONS.join(", ")}`);
  }
  const stem = basename(path, extname(path));
  return { folder: dirname(path), entry: path, output: resolve(output ?? join(dirname(path), `${stem}.wasm`)) };
}

/** @param {string} folder @returns {{ main?: string, name?: string }} */
function readPackage(folder) {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return {};
  let read;
  try {
    read = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new SourceError(`${path}: ${/** @type {Error} */ (error).message}`);
  }
  const { main, name } = read;
  return {
    ...(typeof main === "string" && { main }),
    // The scope of a name is no part of a file's.
    ...(typeof name === "string" && { name: name.replace(/^@[^/]*\//, "") }),
  };
}

/** @param {string} folder @param {string | undefined} main */
function entryOf(folder, main) {
  if (main !== undefined) {
    const entry = resolve(folder, main);
    if (!existsSync(entry)) throw new SourceError(`${join(folder, "package.json")}: its "main" names ${main}, which is not there`);
    return entry;
  }
  const found = ENTRIES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new UsageError(`no plugin in ${folder}: its package.json has no "main", and there is none of ${ENTRIES.join(", ")}`);
}
