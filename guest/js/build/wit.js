// The world of a component: the interface of the plugin, and what the runtime needs of WASI.

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { UsageError } from "./errors.js";
import { SDK } from "./tools.js";

/** What the runtime imports of WASI, by the name that `runtime/` has for it. */
export const WASI = /** @type {const} */ ({
  stdin: "wasi:cli/stdin@0.2.0",
  stdout: "wasi:cli/stdout@0.2.0",
  stderr: "wasi:cli/stderr@0.2.0",
  clock: "wasi:clocks/monotonic-clock@0.2.0",
  random: "wasi:random/random@0.2.0",
});

export const WORLD = "js-plugin";

/**
 * Where the interface is, unless it is said: beside the SDK's own files, or in the repository that it is part of.
 * @returns {string}
 */
function findWit() {
  const found = [join(SDK, "wit"), join(SDK, "..", "..", "wit")].find((folder) => existsSync(folder));
  if (found === undefined) throw new UsageError("the interface dms:task-state is not beside the SDK; name its folder with --wit");
  return found;
}

/**
 * Lays the world out in a folder. Returns the version of the interface, such as `0.1.2`.
 * @param {string | undefined} given the folder of the interface
 * @param {string} folder
 * @returns {string}
 */
export function layOutWorld(given, folder) {
  const source = given ?? findWit();
  const files = existsSync(source) ? readdirSync(source).filter((name) => name.endsWith(".wit")) : [];
  if (files.length === 0) throw new UsageError(`there are no WIT files in ${source}`);
  const dependency = (/** @type {string} */ name) => {
    const path = join(folder, "deps", name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  for (const file of files) copyFileSync(join(source, file), join(dependency("task-state"), file));
  const wasi = join(SDK, "wasi");
  for (const file of readdirSync(wasi)) copyFileSync(join(wasi, file), join(dependency(basename(file, ".wit")), file));
  const version = versionOf(source, files);
  const imports = Object.values(WASI).map((name) => `    import ${name};\n`);
  const world = `world ${WORLD} {\n    include dms:task-state/plugin@${version};\n${imports.join("")}}\n`;
  writeFileSync(join(folder, "world.wit"), `package task-state:javascript;\n\n${world}`);
  return version;
}

/** @param {string} folder @param {string[]} files */
function versionOf(folder, files) {
  for (const file of files) {
    const version = /^package dms:task-state@([^;\s]+);/m.exec(readFileSync(join(folder, file), "utf8"));
    if (version !== null) return String(version[1]);
  }
  throw new UsageError(`${folder} holds no package dms:task-state`);
}
