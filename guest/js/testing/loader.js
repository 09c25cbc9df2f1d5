// The hooks of `register.js`.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { find, need } from "../build/tools.js";

/** What `task-state` and its parts are, should the project not have them. @type {Record<string, string>} */
const OWN = { "task-state": "../src/index.js", "task-state/testing": "./index.js" };

/** How esbuild is told the kind of a module. @type {Record<string, string>} */
const LOADERS = { ".ts": "ts", ".mts": "ts", ".tsx": "tsx" };

const call = promisify(execFile);

/** @type {import("node:module").ResolveHook} */
export async function resolve(specifier, context, next) {
  const own = OWN[specifier];
  try {
    return await next(specifier, context);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ERR_MODULE_NOT_FOUND") throw error;
    if (own !== undefined) return { url: new URL(own, import.meta.url).href, shortCircuit: true };
    // TypeScript names a module of its own as what is made of it.
    const source = /^\.{1,2}\/.*\.m?js$/.test(specifier) && specifier.replace(/js$/, "ts");
    if (!source || !/\.m?ts$/.test(context.parentURL ?? "")) throw error;
    return next(source, context);
  }
}

/** @type {import("node:module").LoadHook} */
export async function load(url, context, next) {
  const kind = url.startsWith("file:") ? LOADERS[extname(fileURLToPath(url))] : undefined;
  if (kind === undefined) return next(url, context);
  const path = fileURLToPath(url);
  if (find("esbuild", dirname(path)) === undefined && /** @type {any} */ (process.features).typescript) return next(url, context);
  const { esbuild } = need(["esbuild"], dirname(path));
  const options = { maxBuffer: 2 ** 28 };
  const running = call(esbuild, [`--loader=${kind}`, "--format=esm", "--target=node20", "--sourcemap=inline", `--sourcefile=${path}`], options);
  running.child.stdin?.end(await readFile(path));
  const { stdout } = await running;
  return { format: "module", source: stdout, shortCircuit: true };
}
