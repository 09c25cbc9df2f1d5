// One module of the plugin, what it imports, and the runtime.

import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";

import { ASYNC_CALL } from "../runtime/async-calls.js";
import { ASYNC_GENERATOR, AWAIT, DELEGATE } from "../runtime/async-generators.js";
import { original, SOURCE_MAP } from "../runtime/stack.js";
import { edited, moved } from "./edits.js";
import { SourceError } from "./errors.js";
import { generatorEdits } from "./generators.js";
import { run, SDK } from "./tools.js";
import { WASI } from "./wit.js";

/** @typedef {import("./project.js").Project} Project */
/** @typedef {"quickjs" | "starlingmonkey"} Engine */

/** What is lowered: `async`, so that the runtime drives it, and what the engines do not know yet. */
const LOWERED = ["async-await", "async-generator", "for-await", "using", "decorators", "top-level-await"];

/**
 * What esbuild calls in the place of an async function and the parts of an async generator, as it writes it, and what the
 * runtime has instead. That is there once its modules have been carried out, so it is looked up when it is called; for async
 * functions the first time only, for each call that stands in between takes of the stack.
 */
const HELPERS = [
  {
    name: "__async",
    written: /^var __async = \(__this, __arguments, generator\) => \{\n[^]*?\n\};$/m,
    own: `(self, args, body) => (__async = globalThis.${ASYNC_CALL})(self, args, body)`,
  },
  {
    name: "__asyncGenerator",
    written: /^var __asyncGenerator = \(__this, __arguments, generator\) => \{\n[^]*?\n\};$/m,
    own: `(self, args, body) => globalThis.${ASYNC_GENERATOR}(self, args, body)`,
  },
  {
    name: "__await",
    written: /^var __await = function\(promise, isYieldStar\) \{\n[^]*?\n\};$/m,
    own: `function(value) { return globalThis.${AWAIT}(value); }`,
  },
  {
    name: "__yieldStar",
    written: /^var __yieldStar = \(value\) => \{\n[^]*?\n\};$/m,
    own: `(iterable) => globalThis.${DELEGATE}(iterable)`,
  },
];

/**
 * Bundles a project in a folder of the build's own. Returns the path of the bundle.
 * @param {string} esbuild
 * @param {Project} project
 * @param {{ folder: string, version: string, engine: Engine }} build
 * @returns {Promise<string>}
 */
export async function bundle(esbuild, project, { folder, version, engine }) {
  const [entry, output] = [join(folder, "entry.js"), join(folder, "bundle.js")];
  writeFileSync(entry, entryText(project, version, engine));
  const args = [
    entry,
    "--bundle",
    "--format=esm",
    "--target=esnext",
    "--platform=neutral",
    "--main-fields=module,main",
    "--conditions=task-state-component,module,import",
    `--alias:task-state=${join(SDK, "src", "index.js")}`,
    "--external:dms:*",
    "--external:wasi:*",
    "--define:process.env.NODE_ENV=\"production\"",
    ...LOWERED.map((feature) => `--supported:${feature}=false`),
    "--charset=utf8",
    "--sourcemap=external",
    "--sources-content=false",
    "--log-level=warning",
    "--log-limit=0",
    "--color=false",
    `--outfile=${output}`,
  ];
  const ended = await run(esbuild, args, project.folder);
  if (ended.code !== 0) throw new SourceError(mistakes(ended.output, project));
  if (ended.output.trim() !== "") process.stderr.write(`${ended.output.trimEnd()}\n`);
  writeFileSync(output, finished(output, project));
  return output;
}

/** @param {Project} project @param {string} version @param {Engine} engine */
function entryText(project, version, engine) {
  const sdk = (/** @type {string} */ name) => JSON.stringify(join(SDK, "runtime", name));
  const imports = { repository: `dms:task-state/repository@${version}`, currentTask: `dms:task-state/current-task@${version}`, ...WASI };
  const worker = engine === "quickjs" ? "synchronousWorker" : "asynchronousWorker";
  return [
    // Before the plugin's own modules, which may use what it sets.
    `import ${sdk("globals.js")};`,
    ...Object.entries(imports).map(([name, specifier]) => `import * as ${name} from "${specifier}";`),
    `import { ${worker} } from ${sdk("worker.js")};`,
    `import { run } from ${JSON.stringify(project.entry)};`,
    `export const worker = ${worker}({ ${Object.keys(imports).join(", ")} }, run);`,
    "",
  ].join("\n");
}

/**
 * The bundle with the runtime's own way to call async functions and generators, and with its source map.
 * @param {string} output
 * @param {Project} project
 */
function finished(output, project) {
  const text = withRuntime(readFileSync(output, "utf8"));
  const edits = generatorEdits(text);
  return `${edited(text, edits)}globalThis.${SOURCE_MAP} = ${JSON.stringify(sourceMap(output, project, (mappings) => moved(mappings, text, edits)))};\n`;
}

/** What esbuild has written, with the runtime's helpers in the place of its own. @param {string} text */
function withRuntime(text) {
  for (const { name, written, own } of HELPERS) {
    const helper = written.exec(text)?.[0];
    if (helper !== undefined) {
      // As many lines as before: the source map counts them.
      text = text.replace(helper, () => `var ${name} = ${own};` + "\n".repeat(helper.split("\n").length - 1));
    } else if (new RegExp(`^var ${name} = `, "m").test(text)) {
      throw new SourceError("this version of esbuild lowers async functions in a way that the SDK does not know: use esbuild 0.28.2");
    }
  }
  return text;
}

/**
 * The map of the bundle, where files are named as the author knows them, and those of the SDK not at all.
 * @param {string} output
 * @param {Project} project
 * @param {(mappings: string) => string} moved
 */
function sourceMap(output, project, moved) {
  const { sources, mappings } = JSON.parse(readFileSync(`${output}.map`, "utf8"));
  const own = [realpathSync(SDK) + sep, realpathSync(dirname(output)) + sep];
  const root = realpathSync(project.folder);
  const named = sources.map((/** @type {string} */ source) => {
    // As in an address, esbuild writes some characters as %XX.
    const path = resolve(realpathSync(dirname(output)), decodeURIComponent(source));
    const isProjects = path.startsWith(root + sep) && !(own[0]?.startsWith(root + sep) && path.startsWith(own[0]));
    if (!isProjects && own.some((folder) => path.startsWith(folder))) return "";
    return relative(root, path).split(sep).join("/");
  });
  return { sources: named, mappings: moved(mappings) };
}

/**
 * A text in which places in the bundle are those in the author's files.
 * @param {string} text
 * @param {string} path of the bundle
 */
export function authorsPlaces(text, path) {
  const line = readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "";
  const map = JSON.parse(line.slice(line.indexOf("=") + 1, -1));
  return text.replace(/(?:[\w./-]*\/)?bundle\.js:(\d+)(?::(\d+))?/g, (whole, at, column) => {
    const place = original(map, { name: "", file: "", line: Number(at), column: Number(column ?? 1) });
    return place === undefined || place.file === "" ? whole : `${place.file}:${place.line}:${place.column}`;
  });
}

/** One error as esbuild tells it: what, where, and the lines of the source. */
const ERROR = /^✘ \[ERROR\] (.*)\n(?:\n {4}(\S.*:\d+:\d+):\n((?: {6}.*\n)*))?/gm;

/**
 * The mistakes in the author's source, each with its file and line first.
 * @param {string} printed
 * @param {Project} project
 */
function mistakes(printed, project) {
  const told = [];
  for (const [, text = "", place, lines = ""] of printed.matchAll(ERROR)) {
    // The consequence of another.
    if (text.startsWith("Cannot read directory")) continue;
    if (/^No matching export in .* for import "run"$/.test(text)) {
      told.push(`${relative(process.cwd(), project.entry)}: it exports no function run; a plugin is a module with "export function run(task)"`);
      continue;
    }
    const where = place === undefined ? "" : `${relative(process.cwd(), resolve(project.folder, place))}: `;
    told.push(`${where}${explained(text)}\n${lines}`.trimEnd());
  }
  return told.length === 0 ? printed.trimEnd() : told.join("\n");
}

/** What is wrong, and what to do, where it can be told. @param {string} text */
function explained(text) {
  const name = (/\(originally "([^"]*)"/.exec(text) ?? /^Could not resolve "([^"]*)"/.exec(text))?.[1];
  if (name === undefined) return text;
  const isNodes = name.startsWith("node:") || builtinModules.includes(name);
  if (isNodes) return `there is no module "${name}": a component is not Node, and has no modules of Node's`;
  if (/^[./]/.test(name)) return `there is no module "${name}"`;
  if (name.startsWith("task-state/")) return `"${name}" is not for plugins: it works outside of components only`;
  const [scope, rest] = name.split("/");
  const packageName = name.startsWith("@") ? `${scope}/${rest}` : scope;
  return `there is no module "${name}"; to install it: npm install ${packageName}`;
}
