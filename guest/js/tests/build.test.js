// What the build says: of mistakes in the author's source with file and line, of what is missing with what brings it.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { build, call, component, playOnHost, scratch, SDK, skipHost } from "./places.js";

let projects = 0;

/** A folder with these files. @param {Record<string, string>} files */
function project(files) {
  projects += 1;
  const folder = join(scratch, `project-${projects}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** Builds a module that has to be refused. @param {string} content @param {string} [name] */
async function refused(content, name = "app.js") {
  const folder = project({ [name]: content });
  const { code, stderr } = await build([name], { cwd: folder });
  assert.equal(code, 1, stderr);
  assert.deepEqual(readdirSync(folder), [name], "nothing is left behind");
  return stderr.split("\n").filter((line) => !line.startsWith("$ ")).join("\n");
}

test("a mistake in the syntax is named with its file and line", async () => {
  assert.match(await refused('export function run() {\n  let x = ;\n}\n'), /^app\.js:2:10: Unexpected ";"\n/);
  assert.match(await refused("export function run(: number) {}\n", "app.ts"), /^app\.ts:1:20: /);
});

test("a module that exports no run is told what a plugin is", async () => {
  const told = await refused("export default function main() {}\n");
  assert.match(told, /^app\.js: it exports no function run; a plugin is a module with "export function run\(task\)"\n/);
  assert.match(await refused("module.exports = { run: 7 };\n"), /the plugin exports no function run/);
});

test("a module that is missing is named with its importer, and with what brings it", async () => {
  const importing = (/** @type {string} */ name) => refused(`import x from "${name}";\nexport function run() { x(); }\n`);
  assert.match(await importing("left-pad/deep"), /^app\.js:1:14: there is no module "left-pad\/deep"; to install it: npm install left-pad\n/);
  assert.match(await importing("@scope/name/deep"), /npm install @scope\/name\n/);
  assert.match(await importing("./helper.js"), /^app\.js:1:14: there is no module "\.\/helper\.js"\n/);
  assert.match(await importing("node:fs"), /there is no module "node:fs": a component is not Node/);
  assert.match(await importing("fs"), /there is no module "fs": a component is not Node/);
  assert.match(await importing("task-state/testing"), /"task-state\/testing" is not for plugins/);
});

test("an await outside of run is named with its line", async () => {
  assert.match(await refused("const x = 1;\nawait x;\nexport function run() {}\n"), /^app\.js:2:0: Top-level await is not available/);
});

test("what fails outside of run fails the build, with its place in the author's file", async () => {
  const told = await refused("function broken(): never {\n  throw new Error('early');\n}\nexport const x = broken();\nexport function run() {}\n", "app.ts");
  assert.match(told, /What stands outside of run is carried out at this point/);
  assert.match(told, /early/);
  assert.match(told, /app\.ts:4:/);
  const call = 'import { currentTask } from "task-state";\ncurrentTask.log("early");\nexport function run() {}\n';
  assert.match(await refused(call), /there is no task yet: what stands outside of run is carried out when the plugin is built/);
  assert.match(await refused("setTimeout(() => {}, 1);\nexport function run() {}\n"), /this works in run only/);
});

test("a missing tool is named with the command that installs it", async () => {
  const folder = project({ "app.js": "export function run() {}\n" });
  // A copy of the SDK that no tools are beside.
  const sdk = project({});
  mkdirSync(sdk);
  for (const name of ["bin", "build", "runtime", "src", "wasi", "package.json"]) symlinkSync(join(SDK, name), join(sdk, name));
  const env = { ...process.env, PATH: dirname(process.execPath) };
  const args = ["--preserve-symlinks", "--preserve-symlinks-main", join(sdk, "bin", "build.js"), "app.js"];
  for (const [engine, tools] of [
    ["quickjs", "esbuild@0.28.2 componentize-qjs@0.4.5"],
    ["starlingmonkey", "esbuild@0.28.2 @bytecodealliance/jco@1.34.0"],
  ]) {
    const { code, stderr } = await call(process.execPath, [...args, "--engine", String(engine)], { cwd: folder, env });
    assert.equal(code, 2, stderr);
    assert.ok(stderr.endsWith(`To install: npm install --save-dev ${tools}\n`), stderr);
  }
});

test("a call that cannot be meant is refused with how it is used", async () => {
  const folder = project({ "app.js": "export function run() {}\n", "notes.txt": "", "empty/notes.txt": "", "main/package.json": '{"main": "gone.js"}' });
  for (const [args, text, code] of /** @type {[string[], string, number][]} */ ([
    [["none.js"], "there is no none.js", 2],
    [["notes.txt"], "notes.txt is no module of JavaScript or TypeScript", 2],
    [["app.js", "app.js"], "one source, not 2", 2],
    [["app.js", "-o", "app.js"], "app.js is the source: the component cannot take its place", 2],
    [["app.js", "--engine", "v8"], 'there is no engine "v8"; there are quickjs and starlingmonkey', 2],
    [["app.js", "--fast"], "--fast", 2],
    [["app.js", "--wit", "empty"], "there are no WIT files in empty", 2],
    [["empty"], "no plugin in", 2],
    [["main"], 'its "main" names gone.js, which is not there', 1],
    [["app.js", "-o", "nowhere/app.wasm"], "cannot write", 2],
  ])) {
    const ended = await build(args, { cwd: folder });
    assert.equal(ended.code, code, `${args}: ${ended.stderr}`);
    assert.ok(ended.stderr.includes(text), `${args}: ${ended.stderr}`);
  }
  const { code, stdout } = await build(["--help"]);
  assert.equal(code, 0);
  assert.match(stdout, /^usage: build\.js/);
});

test("a build says what it runs, and leaves nothing but the component", async () => {
  const folder = project({ "package.json": '{"name": "@me/greeter", "main": "lib/main.ts"}', "lib/main.ts": "export function run(): void {}\n" });
  const { code, stderr, stdout } = await build([], { cwd: folder });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  const commands = stderr.split("\n").filter((line) => line.startsWith("$ "));
  assert.match(String(commands[0]), /^\$ \S*esbuild .*--bundle/);
  assert.match(String(commands[1]), /^\$ \S*componentize-qjs -w /);
  assert.equal(commands.length, 2);
  assert.deepEqual(readdirSync(folder).sort(), ["greeter.wasm", "lib", "package.json"]);
  assert.deepEqual(readdirSync(join(folder, "lib")), ["main.ts"]);
});

test("a component on QuickJS stays small", async () => {
  const folder = project({ "app.js": "export function run() {}\n" });
  const wasm = await component(join(folder, "app.js"), "quickjs");
  assert.ok(statSync(wasm).size < 3e6, `${statSync(wasm).size} bytes`);
});

test("a project of several modules, packages and data is one component", { skip: skipHost }, async () => {
  const folder = project({
    "package.json": '{"name": "several", "type": "module", "main": "main.ts"}',
    "main.ts":
      'import { currentTask } from "task-state";\nimport { twice } from "./lib/twice.js";\nimport data from "./data.json" with { type: "json" };\n' +
      'import shout from "shout";\nimport legacy from "legacy";\nenum Size { Small = 1, Large }\n' +
      "class Box { static #made = 0; static { Box.#made = 40; } #n; constructor(n: number) { this.#n = n; } get n() { return this.#n + Box.#made; } }\n" +
      "export async function run(): Promise<void> {\n" +
      "  const { default: lazy } = await import('./lib/lazy.js');\n" +
      "  currentTask.log([twice(data.word), shout('hey'), legacy.answer, Size.Large, new Box(2).n, await lazy(), 2n ** 64n, /(?<year>\\d{4})/u.exec('in 2026')?.groups?.year].join(' '));\n}\n",
    "lib/twice.ts": "export const twice = <T extends string>(text: T): string => text + text;\n",
    "lib/lazy.ts": "export default async function lazy(): Promise<string> { return 'lazy'; }\n",
    "data.json": '{"word": "data"}',
    "node_modules/shout/package.json": '{"name": "shout", "type": "module", "exports": "./index.js"}',
    "node_modules/shout/index.js": "export default (text) => text.toUpperCase();\n",
    "node_modules/legacy/package.json": '{"name": "legacy", "main": "index.js"}',
    "node_modules/legacy/index.js": "exports.answer = 42;\n",
  });
  const output = join(folder, "several.wasm");
  const { code, stderr } = await build([folder], { cwd: scratch });
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(output));
  const { status, logs } = await playOnHost(output);
  assert.deepEqual([status, logs], ["completed", ["datadata HEY 42 2 42 lazy 18446744073709551616 2026"]]);
});

test("places are named in folders and files of any name", { skip: skipHost }, async () => {
  const folder = project({ "é 'q'/my app.js": "export function run() {\n  throw new Error('x');\n}\n" });
  const { logs } = await playOnHost(await component(join(folder, "é 'q'", "my app.js"), "quickjs"));
  assert.deepEqual(logs, ["Error: x\n    at run (my app.js:2:13)"]);
});

test("what is printed outside of run is printed when it begins", { skip: skipHost }, async () => {
  const folder = project({ "app.js": 'console.log("outside");\nPromise.resolve().then(() => console.log("soon after"));\nexport function run() { console.log("inside"); }\n' });
  const { output } = await playOnHost(await component(join(folder, "app.js"), "quickjs"));
  assert.equal(output, "outside\ninside\nsoon after\n");
});
