#!/usr/bin/env node
// Writes the declarations of the SDK, which are made of the comments in its source: `types/`, or the folder that is named.

import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SDK = fileURLToPath(new URL("..", import.meta.url));
const output = resolve(process.argv[2] ?? join(SDK, "types"));

rmSync(output, { recursive: true, force: true });
const tsc = join(SDK, "node_modules", ".bin", "tsc");
const { status, stdout } = spawnSync(tsc, ["--project", join(SDK, "tsconfig.types.json"), "--outDir", output], { encoding: "utf8" });
process.stdout.write(stdout ?? "");
process.exitCode = status ?? 1;

// TypeScript declares a name that is a reserved word a second time, under a name that it has not declared.
const path = join(output, "src", "repository.d.ts");
writeFileSync(path, readFileSync(path, "utf8").replace("export { _delete as delete };\n", ""));
