// From a bundle to a component, by one engine or the other.

import { authorsPlaces } from "./bundle.js";
import { SourceError } from "./errors.js";
import { run } from "./tools.js";
import { WORLD } from "./wit.js";

/** @typedef {import("./bundle.js").Engine} Engine */
/** @typedef {import("./tools.js").Tool} Tool */

/** @type {Record<Engine, { tool: Tool, args: (bundle: string, wit: string, output: string) => string[] }>} */
export const ENGINES = {
  quickjs: {
    tool: "componentize-qjs",
    args: (bundle, wit, output) => ["-w", wit, "-n", WORLD, "-j", bundle, "--sync", "-o", output],
  },
  starlingmonkey: {
    tool: "jco",
    args: (bundle, wit, output) =>
      // Without these the component would import HTTP, for a fetch that nobody could wait for.
      ["componentize", bundle, "-w", wit, "-n", WORLD, "-d", "http", "-d", "fetch-event", "-o", output],
  },
};

/**
 * @param {string} tool
 * @param {Engine} engine
 * @param {{ bundle: string, wit: string, output: string, folder: string }} paths
 */
export async function componentize(tool, engine, { bundle, wit, output, folder }) {
  const { code, output: printed } = await run(tool, ENGINES[engine].args(bundle, wit, output), folder);
  if (code === 0) return;
  throw new SourceError(
    `no component was made. What stands outside of run is carried out at this point, and may be what failed:\n${authorsPlaces(printed.trimEnd(), bundle)}`,
  );
}
