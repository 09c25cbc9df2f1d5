#!/usr/bin/env node
// Makes a component of a plugin in JavaScript or TypeScript.

import { copyFileSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

import { bundle } from "../build/bundle.js";
import { componentize, ENGINES } from "../build/engines.js";
import { SourceError, UsageError } from "../build/errors.js";
import { findProject } from "../build/project.js";
import { need } from "../build/tools.js";
import { layOutWorld } from "../build/wit.js";

/** @typedef {import("../build/bundle.js").Engine} Engine */

const USAGE = `usage: build.js [SOURCE] [-o OUT.wasm] [--wit DIR] [--engine quickjs|starlingmonkey]

SOURCE is a module (app.js, app.ts) or the folder of a project, whose package.json names the module as its "main"; the
present folder, if absent. The component goes beside it, unless -o says where.

  -o, --output FILE   where the component goes
  --wit DIR           the interface dms:task-state; the one that came with the SDK, if absent
  --engine ENGINE     quickjs (small, starts fast), if absent; starlingmonkey (large, faster in long computations)
  -h, --help          this text
`;

/** @param {string[]} args */
function read(args) {
  let parsed;
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        output: { type: "string", short: "o" },
        wit: { type: "string" },
        engine: { type: "string", default: "quickjs" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`${/** @type {Error} */ (error).message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) throw new UsageError(`one source, not ${positionals.length}: ${positionals.join(" ")}\n${USAGE}`);
  if (!Object.hasOwn(ENGINES, values.engine)) {
    throw new UsageError(`there is no engine "${values.engine}"; there are ${Object.keys(ENGINES).join(" and ")}`);
  }
  return { ...values, engine: /** @type {Engine} */ (values.engine), source: positionals[0] ?? "." };
}

/** @param {string[]} args */
async function main(args) {
  const { source, output, wit, engine, help } = read(args);
  if (help) {
    process.stdout.write(USAGE);
    return;
  }
  const project = findProject(source, output);
  if (project.output === project.entry) throw new UsageError(`${source} is the source: the component cannot take its place`);
  const { tool } = ENGINES[engine];
  const tools = need(["esbuild", tool], project.folder);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "task-state-js-")));
  try {
    const version = layOutWorld(wit, join(folder, "wit"));
    const made = join(folder, "plugin.wasm");
    const bundled = await bundle(tools.esbuild, project, { folder, version, engine });
    await componentize(tools[tool], engine, { bundle: bundled, wit: join(folder, "wit"), output: made, folder });
    place(made, project.output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const size = (statSync(project.output).size / 1e6).toFixed(2);
  process.stderr.write(`${relative(process.cwd(), project.output) || project.output}: ${size} MB\n`);
}

/** Puts a file where it belongs, whole or not at all. @param {string} made @param {string} output */
function place(made, output) {
  const beside = `${output}.${process.pid}.part`;
  try {
    copyFileSync(made, beside);
    renameSync(beside, output);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new UsageError(`cannot write ${output}: ${/** @type {Error} */ (error).message}`);
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SourceError || error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
