// The package as others use it: its declarations are those of its source, and the templates are projects that pass at once.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { call, playOnHost, scratch, SDK, skipHost } from "./places.js";

const tool = (/** @type {string} */ name) => join(SDK, "node_modules", ".bin", name);

/** The files of a folder, with their contents. @param {string} folder @returns {Record<string, string>} */
function contents(folder) {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

test("the types of the SDK hold", async () => {
  const { code, stdout } = await call(tool("tsc"), ["--project", SDK]);
  assert.equal(code, 0, stdout);
});

test("the declarations are those of the source", async () => {
  const output = join(scratch, "types");
  const { code, stdout } = await call(process.execPath, [join(SDK, "bin", "types.js"), output]);
  assert.equal(code, 0, stdout);
  const [given, made] = [contents(join(SDK, "types")), contents(output)];
  assert.deepEqual(Object.keys(given), Object.keys(made));
  for (const [path, text] of Object.entries(made)) assert.equal(given[path], text, `${path} is an old one: call npm run types`);
});

test("the lock file pins versions and names no place to fetch them from", () => {
  const { packages } = JSON.parse(readFileSync(join(SDK, "package-lock.json"), "utf8"));
  for (const [path, { version, resolved }] of Object.entries(packages)) {
    assert.match(version, /^\d+\.\d+\.\d+/, path);
    assert.equal(resolved, undefined, path);
  }
});

test("the SDK needs no package when it runs", () => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(SDK, "package.json"), "utf8"));
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

/** Lays a project out as `task-state new` does. @param {string} template */
function layOut(template) {
  const folder = join(scratch, `new-${template}`, "hello");
  cpSync(join(SDK, template), folder, { recursive: true });
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().reverse()) {
    const [from, to] = [join(folder, path), join(folder, path.replace(/NAME_(?=[^/]*$)/, "hello"))];
    if (statSync(from).isFile()) writeFileSync(from, readFileSync(from, "utf8").replaceAll("NAME_", "hello"));
    renameSync(from, to);
  }
  mkdirSync(join(folder, "sdk"));
  for (const part of ["bin", "build", "runtime", "src", "testing", "types", "wasi", "package.json"]) {
    cpSync(join(SDK, part), join(folder, "sdk", part), { recursive: true });
  }
  cpSync(join(SDK, "..", "..", "wit"), join(folder, "sdk", "wit"), { recursive: true });
  return folder;
}

for (const [template, language] of [
  ["template", "js"],
  ["template-ts", "ts"],
]) {
  describe(`a new project in ${language}`, async () => {
    const folder = layOut(String(template));
    /** @type {NodeJS.ProcessEnv} */
    const env = { ...process.env, PATH: `${join(SDK, "node_modules", ".bin")}:${process.env.PATH}` };
    // A test that runs in a test would tell its results to the outer one.
    delete env.NODE_TEST_CONTEXT;

    test("its own tests pass with nothing installed", async () => {
      const { code, stdout } = await call("npm", ["test"], { cwd: folder, env });
      assert.equal(code, 0, stdout);
      assert.match(stdout, /pass 3\b/);
    });

    test("its types hold", { skip: language === "js" && "it has none" }, async () => {
      mkdirSync(join(folder, "node_modules", "@types"), { recursive: true });
      symlinkSync(join(SDK, "node_modules", "@types", "node"), join(folder, "node_modules", "@types", "node"));
      symlinkSync(join(SDK, "node_modules", "undici-types"), join(folder, "node_modules", "undici-types"));
      symlinkSync(join(folder, "sdk"), join(folder, "node_modules", "task-state"));
      const { code, stdout } = await call(tool("tsc"), ["--project", folder]);
      assert.equal(code, 0, stdout);
    });

    test("it is built, and does on the host what its fixture says", { skip: skipHost }, async () => {
      const { code, stderr } = await call("npm", ["run", "build"], { cwd: folder, env });
      assert.equal(code, 0, stderr);
      const played = await playOnHost(join(folder, "hello.wasm"), { input: "one\ntwo\n", parameters: { greeting: "good morning" } });
      assert.deepEqual([played.status, played.logs], ["completed", ["good morning, alice", "2 lines"]]);
      assert.equal(played.output, "3 characters\n3 characters\n");
      assert.match(played.printed, /progress 2, lines/);
    });
  });
}
